//! What a seccomp filter returns, as `kernel.seccomp.actions_avail` names it (kernel/seccomp.c).

use monitor_common::SeccompAction as Action;

/// The action of this number.
#[must_use]
pub fn action(number: u32) -> Option<Action> {
    Action::ALL.into_iter().find(|&action| action as u32 == number)
}

/// The action that `ausearch -i` writes so (libaudit's `auparse/seccomptab.h`).
#[must_use]
pub fn of_word(word: &str) -> Option<Action> {
    let word = match word {
        "kill" => "kill_thread",
        "user-notify" => "user_notif",
        word => &word.replace('-', "_"),
    };
    Action::ALL.into_iter().find(|&action| name(action) == word)
}

/// An action's name.
#[must_use]
pub fn name(action: Action) -> &'static str {
    match action {
        Action::KillThread => "kill_thread",
        Action::KillProcess => "kill_process",
        Action::Trap => "trap",
        Action::Errno => "errno",
        Action::UserNotif => "user_notif",
        Action::Trace => "trace",
        Action::Log => "log",
    }
}
