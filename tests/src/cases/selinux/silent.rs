//! What the policy keeps out of the log.

use std::{fs, io, os::fd::AsFd as _};

use rustix::process::Signal;

use super::{APP_CONTEXT, PERMISSIVE, TARGET_CONTEXT, case, denied};
use crate::{
    case::Case,
    confinement::Confinement,
    expectation::Expectation,
    operation::{file, policy, process},
    scene::{labelled_directory, labelled_file},
};

const HUSHED: Confinement = Confinement::Selinux(HUSHED_CONTEXT);
const HUSHED_CONTEXT: &str = "system_u:system_r:hushed_t:s0";
const MUTE: Confinement = Confinement::Selinux(MUTE_CONTEXT);
const MUTE_CONTEXT: &str = "system_u:system_r:mute_t:s0";
const QUIET: &str = "system_u:object_r:quiet_t:s0";

/// Why audit says nothing.
const KEPT_OUT: &str = "the policy keeps it out of the log";

/// From this kernel on the inode is known, where one's permissions are asked for.
const INODES: (u16, u16) = (6, 17);

fn silent<const N: usize>(class: &'static str, permissions: [&'static str; N]) -> Expectation {
    Expectation::denied_silently().action(class, permissions).field("subject.label", APP_CONTEXT)
}

fn a_hundred_times(operation: impl Fn() -> io::Result<()>) -> io::Result<()> {
    for _ in 1..100 {
        match operation() {
            Err(error) if error.raw_os_error() == Some(libc::EACCES) => {}
            Err(error) => return Err(error),
            Ok(()) => return Err(io::Error::other("it was not refused")),
        }
    }
    operation()
}

pub(super) fn cases() -> Vec<Case> {
    [inodes(), others(), repeated(), not_all()].concat()
}

fn inodes() -> Vec<Case> {
    let read = || {
        case("selinux_silent_read")
            .given(|_| labelled_file("/srv/quiet/read", "quiet_t"))
            .when(|_| file::open_to_read("/srv/quiet/read").map(drop))
            .without_record(KEPT_OUT)
    };
    let is_quiet = || silent("file", ["read"]).field("object.label", QUIET);
    vec![
        read().until(INODES.0, INODES.1).expect(
            is_quiet().field("object.kind", "none").absent("object.path").field("missing.0.field", "object"),
        ),
        Case { name: "selinux_silent_read_reports_path", ..read() }
            .since(INODES.0, INODES.1)
            .expect(is_quiet().path("/srv/quiet/read").field("object.mode", "0100644").absent("missing")),
        case("selinux_silent_access_check")
            .since(INODES.0, INODES.1)
            .given(|_| labelled_file("/srv/quiet/asked", "quiet_access_t"))
            .when(|_| file::ask_write_access("/srv/quiet/asked"))
            .expect(silent("file", ["write"]).path("/srv/quiet/asked"))
            .without_record(KEPT_OUT),
        case("selinux_silent_for_a_domain_of_which_nothing_is_logged")
            .since(INODES.0, INODES.1)
            .given(|_| labelled_file("/srv/data/mute", "secret_t"))
            .before(|_| policy::load_with_neveraudit("mute_t"))
            .confined_by(MUTE)
            .when(|_| file::open_to_write("/srv/data/mute").map(drop))
            .expect(Expectation::policy_changed().field("changes.0.what", "policy"))
            .expect(silent("file", ["write"]).field("subject.label", MUTE_CONTEXT).path("/srv/data/mute"))
            .with_records(1, KEPT_OUT),
    ]
}

fn others() -> Vec<Case> {
    vec![
        case("selinux_silent_ioctl_reports_the_command")
            .given(|_| labelled_file("/srv/quiet/ioctl", "quiet_ioctl_t"))
            .when(|_| file::ioctl(file::open_to_read("/srv/quiet/ioctl")?.as_fd(), 0x5401))
            .expect(
                silent("file", ["ioctl"])
                    .field("action.ioctl_command", 0x5401)
                    .field("object.label", "system_u:object_r:quiet_ioctl_t:s0"),
            )
            .without_record(KEPT_OUT),
        // The domain's other capability that the policy keeps out of the log, sys_admin, is asked for at each
        // allocation of memory, without refusing anything.
        case("selinux_silent_capability")
            .confined_by(HUSHED)
            .when(|_| Ok(rustix::process::chroot("/srv")?))
            .fails_with(libc::EPERM)
            .expect(
                silent("capability", ["sys_chroot"])
                    .field("subject.label", HUSHED_CONTEXT)
                    .field("object.label", HUSHED_CONTEXT)
                    .field("object.capability", "sys_chroot")
                    .absent("missing"),
            )
            .without_record(KEPT_OUT),
        case("selinux_silent_signal")
            .given(|scene| scene.stand(&["--selinux", TARGET_CONTEXT]))
            .confined_by(HUSHED)
            .when(|scene| process::kill(scene.number("target")?, Signal::USR1))
            .expect(
                silent("process", ["signal"])
                    .field("subject.label", HUSHED_CONTEXT)
                    .field("object.label", TARGET_CONTEXT)
                    .absent("object.process"),
            )
            .without_record(KEPT_OUT),
        // Once when the path is walked, once when the file is opened.
        case("selinux_silent_in_a_permissive_domain")
            .given(|_| labelled_file("/srv/quiet/permitted", "quiet_t"))
            .confined_by(PERMISSIVE)
            .when(|_| file::open_to_read("/srv/quiet/permitted").map(drop))
            .succeeds()
            .expect(permitted(["read"]))
            .expect(permitted(["open"]).set("action.requested", ["open", "read"]))
            .without_record(KEPT_OUT),
    ]
}

fn permitted(permissions: [&'static str; 1]) -> Expectation {
    Expectation::permitted().field("silent", true).action("file", permissions).field("object.label", QUIET)
}

fn repeated() -> Vec<Case> {
    let search = || {
        case("selinux_silent_directory_search_a_hundred_times")
            .given(|_| labelled_directory("/srv/quiet/closed", "quiet_t"))
            .when(|_| a_hundred_times(|| fs::metadata("/srv/quiet/closed/file").map(drop)))
            .without_record(KEPT_OUT)
    };
    vec![
        case("selinux_silent_read_a_hundred_times")
            .given(|_| labelled_file("/srv/quiet/often", "quiet_t"))
            .when(|_| a_hundred_times(|| file::open_to_read("/srv/quiet/often").map(drop)))
            .expect_times(100, &silent("file", ["read"]))
            .without_record(KEPT_OUT),
        search().until(INODES.0, INODES.1).expect_times(100, &silent("dir", ["search"])),
        Case { name: "selinux_silent_directory_search_a_hundred_times_reports_path", ..search() }
            .since(INODES.0, INODES.1)
            .expect_times(100, &silent("dir", ["search"]).path("/srv/quiet/closed")),
    ]
}

/// What is logged, too, is reported once, as such.
fn not_all() -> Vec<Case> {
    vec![
        case("selinux_denied_open_where_only_access_checks_are_kept_out_of_the_log")
            .given(|_| labelled_file("/srv/quiet/checked", "quiet_access_t"))
            .when(|_| file::open_to_write("/srv/quiet/checked").map(drop))
            .expect(denied("file", ["write"]).path("/srv/quiet/checked")),
        case("selinux_denied_read_and_write_of_which_the_write_is_kept_out_of_the_log")
            .given(|_| labelled_file("/srv/quiet/both", "quiet_write_t"))
            .when(|_| file::open_to_read_and_write("/srv/quiet/both").map(drop))
            .expect(denied("file", ["read"]).set("action.requested", ["read", "write"])),
        // The task remembers the decision about the search, and must not take it for one about reading.
        case("selinux_denied_read_of_a_directory_after_a_silent_search")
            .since(7, 3)
            .given(|_| labelled_directory("/srv/quiet/listed", "quiet_search_t"))
            .when(|_| {
                drop(fs::metadata("/srv/quiet/listed/file"));
                file::open_to_read("/srv/quiet/listed").map(drop)
            })
            .expect(silent("dir", ["search"]).path("/srv/quiet/listed"))
            .expect(denied("dir", ["read"]).path("/srv/quiet/listed"))
            .with_records(1, KEPT_OUT),
    ]
}
