//! What lockdown and Yama refused: messages in the kernel's log, and no audit records.

use super::head::{Head, Type, host};
use crate::record::Field;

/// Finds a message's head, and gives what it says.
pub(super) fn find<'a>(line: &'a str, around: &Head) -> Option<(Head, &'a str)> {
    [("Lockdown: ", Type::Lockdown), ("ptrace ", Type::Yama)].into_iter().find_map(|(start, kind)| {
        let (prefix, rest) = line.split_once(start)?;
        fields(kind, rest)?;
        // Behind the kernel's name or its clock: others may write such words, too.
        let is_kernels = match prefix.split_once("kernel:") {
            Some((_, clock)) => clock,
            None => prefix,
        };
        if !is_kernels.trim().is_empty() && !is_kernels.trim().ends_with(']') && !is_kernels.ends_with('>') {
            return None;
        }
        let time = prefix.split(' ').next().and_then(|word| word.parse().ok()).or(around.time);
        let host = host(prefix).or_else(|| around.host.clone());
        Some((Head { kind, time, serial: None, host, repeats: None }, rest))
    })
}

/// What a message says, as fields; `None` if it is no such message.
pub(super) fn fields(kind: Type, message: &str) -> Option<Vec<(String, Field)>> {
    match kind {
        Type::Lockdown => lockdown(message),
        Type::Yama => yama(message),
        _ => None,
    }
}

/// `COMM: REASON is restricted; see man kernel_lockdown.7` (`lockdown_is_locked_down`, security/lockdown/lockdown.c).
fn lockdown(message: &str) -> Option<Vec<(String, Field)>> {
    let (told, _) = message.rsplit_once(" is restricted; see man kernel_lockdown.7")?;
    // No reason has these characters in it, and a thread's name may.
    let (comm, reason) = told.rsplit_once(": ")?;
    Some(vec![quoted("comm", comm), quoted("reason", reason)])
}

/// `ACCESS of "TARGET"[PID] was attempted by "AGENT"[PID]` (`__report_access`, `security/yama/yama_lsm.c`). Command lines
/// have their quotes escaped (`kstrdup_quotable_cmdline`).
fn yama(message: &str) -> Option<Vec<(String, Field)>> {
    let (access, rest) = message.split_once(" of \"")?;
    let (target, agent) = rest.split_once("] was attempted by \"")?;
    let (target, target_pid) = target.rsplit_once("\"[")?;
    let (agent, agent_pid) = agent.trim_end().strip_suffix(']')?.rsplit_once("\"[")?;
    let is_word = !access.is_empty() && access.bytes().all(|byte| byte.is_ascii_lowercase());
    is_word.then(|| {
        let number = |name: &str, pid: &str| (name.to_owned(), Field::Bare(pid.to_owned()));
        let pids = [number("pid", agent_pid), number("opid", target_pid)];
        [quoted("operation", access), quoted("agent", agent), quoted("target", target)]
            .into_iter()
            .chain(pids)
            .collect()
    })
}

fn quoted(name: &str, value: &str) -> (String, Field) {
    (name.to_owned(), Field::Quoted(value.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn said(line: &str) -> Option<(Type, Vec<String>)> {
        let (head, rest) = find(line, &Head::default())?;
        let fields = fields(head.kind, rest).unwrap();
        Some((head.kind, fields.into_iter().map(|(_, field)| field.bare().to_owned()).collect()))
    }

    #[test]
    fn messages_are_read_behind_the_kernels_clock_or_name() {
        let restricted = "Lockdown: fwupd: /dev/mem,kmem,port is restricted; see man kernel_lockdown.7";
        let traced = "ptrace attach of \"/usr/bin/sleep\"[1234] was attempted by \"gdb -p \\\"1\\\"\"[5678]";
        for prefix in [
            "",
            "[29644.022735] ",
            "Mar 12 10:00:00 deb kernel: ",
            "Mar 12 10:00:00 deb kernel: [  10.1] ",
            "<5>",
        ] {
            let lockdown = said(&format!("{prefix}{restricted}"));
            assert_eq!(
                lockdown,
                Some((Type::Lockdown, vec!["fwupd".into(), "/dev/mem,kmem,port".into()])),
                "{prefix}"
            );
            let yama = said(&format!("{prefix}{traced}"));
            let words = ["attach", "gdb -p \\\"1\\\"", "/usr/bin/sleep", "5678", "1234"].map(str::to_owned);
            assert_eq!(yama, Some((Type::Yama, words.to_vec())), "{prefix}");
        }
        for line in [
            format!("Mar 12 10:00:00 deb sshd[1]: Invalid user {restricted}"),
            "Lockdown: fwupd: it is fine".to_owned(),
            "ptrace attach failed".to_owned(),
        ] {
            assert_eq!(said(&line), None, "{line}");
        }
    }
}
