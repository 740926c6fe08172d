//! Records without type, time and serial number: as `journalctl -o cat` and Android's `logcat` print them, as people paste
//! them, and as an object manager writes into syslog what it refused.

use super::head::{Head, Type, behind_pid, of_line};

/// Finds a record's head, and gives what follows it.
pub(super) fn find<'a>(line: &'a str, around: &Head) -> Option<(Head, &'a str)> {
    let line = line.trim_start();
    let told = match line.split_once(' ') {
        Some((name, rest)) if Type::of(name) == Type::Denial => rest,
        _ => line,
    };
    if is_denial(told) {
        return Some((of_line(Type::Denial, "", around), told));
    }
    of_android(line, around).or_else(|| of_manager(line, around)).or_else(|| of_kernel(line, around))
}

/// Whether a record's words are of a denial, by the first of them.
fn is_denial(text: &str) -> bool {
    let selinux = text.strip_prefix("avc:").is_some_and(|rest| rest.trim_start().starts_with("denied"));
    let apparmor = || ["DENIED", "ALLOWED"].into_iter().any(|word| says(text, word));
    selinux || apparmor()
}

fn says(text: &str, word: &str) -> bool {
    text.strip_prefix("apparmor=\"")
        .and_then(|rest| rest.strip_prefix(word))
        .is_some_and(|rest| rest.starts_with('"'))
}

/// What follows the part from `start` to `end`, if the text begins with one.
fn behind<'a>(text: &'a str, start: &str, end: &str) -> &'a str {
    text.strip_prefix(start).and_then(|rest| rest.split_once(end)).map_or(text, |(_, rest)| rest)
}

/// `Nov 28 10:00:00 HOST kernel: [  1.2] avc:  denied ...`, and `audit(1115932447.012:0): ` before it in Linux 2.6.
fn of_kernel<'a>(line: &'a str, around: &Head) -> Option<(Head, &'a str)> {
    let (prefix, rest) = line.split_once(" kernel: ")?;
    let told = behind(behind(rest, "[", "] "), "audit(", "): ");
    is_denial(told).then(|| (of_line(Type::Denial, prefix, around), told))
}

/// `04-03 22:07:47.958  2026  2026 E SELinux : avc:  denied ...`, by Android's service manager.
fn of_android<'a>(line: &'a str, around: &Head) -> Option<(Head, &'a str)> {
    let (_, rest) = line.split_once(" SELinux")?;
    let rest = rest.trim_start().strip_prefix(':')?.trim_start();
    is_denial(rest).then(|| (of_line(Type::Denial, "", around), rest))
}

/// `Nov 28 10:00:00 HOST dbus-daemon[812]: [system] apparmor="DENIED" ...`: what the bus of a user's session refuses stands
/// nowhere else.
fn of_manager<'a>(line: &'a str, around: &Head) -> Option<(Head, &'a str)> {
    let (prefix, rest) = line.split_once(" dbus-daemon[")?;
    // `[system] ` or `[session uid=1000 pid=4258] `.
    let told = behind(behind_pid(rest)?, "[", "] ");
    is_denial(told).then(|| (of_line(Type::Manager, prefix, around), told))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn kind(line: &str) -> Option<Type> {
        find(line, &Head::default()).map(|(head, _)| head.kind)
    }

    #[test]
    fn the_first_words_tell_what_a_line_is() {
        for line in [
            "avc: denied { getattr } for pid=1 scontext=a tcontext=b tclass=c",
            "AVC avc:  denied  { read } for pid=1 scontext=a tcontext=b tclass=c",
            "AVC apparmor=\"DENIED\" operation=\"open\"",
            "apparmor=\"ALLOWED\" operation=\"open\"",
            "Nov 28 10:00:00 h kernel: avc:  denied  { read } for pid=1 scontext=a",
            "Nov 28 10:00:00 h kernel: [  1.2] audit(1115932447.012:0): avc:  denied  { read } for pid=1 scontext=a",
            "04-03 22:07:47.958  2026  2026 E SELinux : avc:  denied  { find } for service=netd scontext=a",
        ] {
            assert_eq!(kind(line), Some(Type::Denial), "{line}");
        }
        let line =
            "Jan  1 10:00:00 h dbus-daemon[812]: [system] apparmor=\"DENIED\" operation=\"dbus_method_call\"";
        let (head, rest) = find(line, &Head::default()).unwrap();
        assert_eq!((head.kind, head.host.as_deref()), (Type::Manager, Some("h")));
        assert_eq!(rest, "apparmor=\"DENIED\" operation=\"dbus_method_call\"");
        for line in [
            "avc: granted { read } for pid=1",
            "apparmor=\"STATUS\" operation=\"profile_load\"",
            "Nov 28 10:00:00 h sshd[1]: Invalid user avc: denied { read } for scontext=a",
            "Nov 28 10:00:00 h dbus-daemon[x]: apparmor=\"DENIED\"",
            "Nov 28 10:00:00 h dbus-daemon[1]: Activating service apparmor=\"DENIED\"",
        ] {
            assert_eq!(kind(line), None, "{line}");
        }
    }
}
