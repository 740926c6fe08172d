//! The groups of system calls that systemd's `SystemCallFilter=` knows.

/// As `systemd-analyze syscall-filter` of systemd 252 lists them, a line each: the name, a colon, calls and other groups.
const GROUPS: &str = include_str!("syscall_groups.txt");

/// Groups of groups, which are no help in telling what a call is about.
const LARGE: [&str; 3] = ["@privileged", "@system-service", "@default"];

/// The groups, each with its members.
fn groups() -> impl Iterator<Item = (&'static str, impl Iterator<Item = &'static str> + Clone)> {
    GROUPS.lines().filter_map(|line| line.split_once(": ")).map(|(name, members)| (name, members.split(' ')))
}

/// The smallest group that has a call.
pub(super) fn of(call: &str) -> Option<&'static str> {
    let having = groups()
        .filter(|(name, members)| !LARGE.contains(name) && members.clone().any(|member| member == call));
    having.min_by_key(|(_, members)| members.clone().count()).map(|(name, _)| name)
}

/// Whether a service is expected to need a call: it is one of `@system-service`, or of a group of it.
pub(super) fn is_of_services(call: &str) -> bool {
    holds("@system-service", call, 0)
}

fn holds(group: &str, call: &str, depth: usize) -> bool {
    let members = groups().find(|(name, _)| *name == group).map(|(_, members)| members);
    members.is_some_and(|mut members| {
        members.any(|member| {
            member == call || (member.starts_with('@') && depth < 4 && holds(member, call, depth + 1))
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_has_the_smallest_group_that_holds_it() {
        for (call, group, of_services) in [
            ("finit_module", Some("@module"), false),
            ("ptrace", Some("@debug"), false),
            ("mount", Some("@mount"), false),
            ("openat", Some("@file-system"), true),
            ("clone3", Some("@process"), true),
            ("brk", None, true),
            ("nonsense", None, false),
        ] {
            assert_eq!((of(call), is_of_services(call)), (group, of_services), "{call}");
        }
    }
}
