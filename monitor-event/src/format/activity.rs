//! What was attempted, in the few words that other formats have for it.

use crate::event::{Action, Change};

/// What was attempted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Activity {
    Read,
    Write,
    Create,
    Delete,
    Rename,
    GetAttributes,
    SetAttributes,
    SetSecurity,
    Open,
    Mount,
    Unmount,
    Connect,
    Listen,
    Terminate,
    Trace,
}

impl Activity {
    /// What was attempted; `None` if it was several things, or one that has no word here.
    pub(super) fn new(action: &Action<'_>) -> Option<Self> {
        if matches!(action.signal.as_deref(), Some("kill" | "term")) {
            return Some(Self::Terminate);
        }
        // AppArmor's mounts have no permissions.
        let operation = action.operation.iter().filter(|_| action.permissions.is_empty());
        let mut all = action.permissions.iter().chain(operation).map(|word| Self::of_word(word));
        let first = all.next()??;
        all.all(|other| other == Some(first)).then_some(first)
    }

    /// What changes of a policy are together: something new, something gone, or neither.
    pub(super) fn of_changes(changes: &[Change<'_>]) -> Self {
        if changes.is_empty() {
            Self::Write
        } else if changes.iter().all(|change| change.before.is_none() && change.after.is_some()) {
            Self::Create
        } else if changes.iter().all(|change| change.before.is_some() && change.after.is_none()) {
            Self::Delete
        } else {
            Self::Write
        }
    }

    /// By SELinux's permission, AppArmor's permission or operation, Landlock's access right, or Yama's kind of ptrace.
    fn of_word(word: &str) -> Option<Self> {
        Some(match word {
            "read" | "fs.read_file" | "fs.read_dir" => Self::Read,
            "write" | "append" | "fs.write_file" | "fs.truncate" => Self::Write,
            // What Landlock is asked for is the directory, and not what is to be made or removed in it.
            "create" => Self::Create,
            "unlink" | "rmdir" | "delete" => Self::Delete,
            "rename" => Self::Rename,
            "getattr" => Self::GetAttributes,
            "setattr" | "chmod" | "chown" | "chgrp" => Self::SetAttributes,
            "relabelfrom" | "relabelto" => Self::SetSecurity,
            "open" => Self::Open,
            "mount" | "mounton" => Self::Mount,
            "unmount" | "umount" => Self::Unmount,
            "connect" | "name_connect" | "net.connect_tcp" | "net.connect_send_udp" => Self::Connect,
            "listen" => Self::Listen,
            "sigkill" => Self::Terminate,
            "ptrace" | "trace" | "attach" | "traceme" => Self::Trace,
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn activity(permissions: &[&'static str], operation: Option<&'static str>) -> Option<Activity> {
        let permissions = permissions.iter().map(|&name| name.into()).collect();
        Activity::new(&Action { permissions, operation: operation.map(Into::into), ..Action::default() })
    }

    #[test]
    fn permissions_of_one_kind_are_that_activity() {
        assert_eq!(activity(&["write", "append"], Some("open")), Some(Activity::Write));
        assert_eq!(activity(&["net.connect_tcp"], None), Some(Activity::Connect));
    }

    #[test]
    fn several_kinds_or_unknown_ones_are_none() {
        assert_eq!(activity(&["read", "write"], None), None);
        assert_eq!(activity(&["read", "execute"], None), None);
        assert_eq!(activity(&["execute"], Some("open")), None);
        assert_eq!(activity(&[], None), None);
    }

    #[test]
    fn an_operation_without_permissions_counts() {
        assert_eq!(activity(&[], Some("umount")), Some(Activity::Unmount));
    }

    #[test]
    fn a_signal_that_ends_the_process_is_known_by_its_name() {
        let action = |signal: &'static str| Action { signal: Some(signal.into()), ..Action::default() };
        assert_eq!(Activity::new(&action("kill")), Some(Activity::Terminate));
        assert_eq!(Activity::new(&action("hup")), None);
    }
}
