//! What AppArmor keeps out of the log: `deny` rules, quiet modes, and repeats of a missing capability.

use std::{fs, io, os::fd::AsFd as _};

use rustix::{
    net::AddressFamily,
    process::{Resource, Signal},
};

use serde_json::json;

use super::case;
use crate::{
    case::Case,
    confinement::{Confinement, apparmor},
    expectation::Expectation,
    operation::{
        apparmor::set_parameter,
        file::{self, Mapping},
        process, socket, system,
    },
    scene::{self, directory},
};

const QUIET: Confinement = Confinement::Apparmor("quiet");
const WATCHED: Confinement = Confinement::Apparmor("quiet-watched");
const NO_LOG: &str = "a deny rule asks for no log";

/// How often something is refused to show that each time counts.
const TIMES: usize = 100;

/// A silent denial of the profile `quiet`.
fn quietly(operation: &'static str) -> Expectation {
    Expectation::denied_silently().field("action.operation", operation).field("subject.label", "quiet")
}

/// A silent denial of rights to a file, in AppArmor's letters.
fn quiet_file(operation: &'static str, mask: &'static str, path: &'static str) -> Expectation {
    quietly(operation)
        .field("object.kind", "file")
        .field("object.path", path)
        .field("action.requested_mask", mask)
        .field("action.denied_mask", mask)
        .field("action.errno", libc::EACCES)
}

/// A case of a `deny` rule of `quiet`.
fn by_rule(name: &'static str) -> Case {
    case(name).confined_by(QUIET).without_record(NO_LOG)
}

/// A case of a `deny` rule in complain mode, which enforces it.
fn by_rule_in_complain_mode(name: &'static str) -> Case {
    by_rule(name).confined_by(WATCHED)
}

pub(super) fn cases() -> Vec<Case> {
    [files(), others(), mounts(), complaining(), capabilities(), modes()].concat()
}

fn files() -> Vec<Case> {
    vec![
        by_rule("apparmor_deny_rule_read_is_silent")
            .given(|_| scene::file("/srv/quiet/diary"))
            .when(|_| file::open_to_read("/srv/quiet/diary").map(drop))
            .expect(quiet_file("open", "r", "/srv/quiet/diary").field("object.owner", 0)),
        by_rule("apparmor_deny_rule_refused_a_hundred_times_is_a_hundred_events")
            .given(|_| scene::file("/srv/quiet/often"))
            .when(|_| repeatedly(|| file::open_to_read("/srv/quiet/often").map(drop)))
            .expect_times(TIMES, &quiet_file("open", "r", "/srv/quiet/often")),
        by_rule("apparmor_deny_rule_write_of_what_may_be_read_is_silent")
            .given(|_| scene::file("/srv/half/both"))
            .when(|_| file::open_to_read_and_write("/srv/half/both").map(drop))
            .expect(quiet_file("open", "w", "/srv/half/both")),
        by_rule("apparmor_deny_rule_create_is_silent")
            .given(|_| directory("/srv/quiet"))
            .when(|_| file::create("/srv/quiet/new").map(drop))
            .expect(quiet_file("mknod", "c", "/srv/quiet/new")),
        by_rule("apparmor_deny_rule_rename_is_silent")
            .given(|_| scene::file("/srv/quiet/rename"))
            .when(|_| fs::rename("/srv/quiet/rename", "/srv/half/renamed"))
            .expect(quiet_file("rename_src", "wrd", "/srv/quiet/rename")),
        by_rule("apparmor_deny_rule_file_of_another_owner_is_silent")
            .given(|_| {
                scene::file("/srv/quiet/owned")?;
                std::os::unix::fs::chown("/srv/quiet/owned", Some(1000), None)
            })
            .when(|_| file::open_to_write("/srv/quiet/owned").map(drop))
            .expect(quiet_file("open", "w", "/srv/quiet/owned").field("object.owner", 1000)),
        by_rule("apparmor_deny_rule_exec_is_silent")
            .given(|_| scene::program("/srv/quiet/program"))
            .when(|_| file::execute("/srv/quiet/program"))
            .expect(quiet_file("exec", "x", "/srv/quiet/program")),
        by_rule("apparmor_deny_rule_map_to_execute_is_silent")
            .given(|_| scene::file("/srv/half/plugin.so"))
            .when(|_| file::map(file::open_to_read("/srv/half/plugin.so")?.as_fd(), Mapping::Execute))
            .expect(quiet_file("file_mmap", "m", "/srv/half/plugin.so")),
        by_rule("apparmor_deny_rule_in_a_namespace_reports_it")
            .given(|_| scene::file("/srv/quiet/namespace"))
            .confined_by(Confinement::Apparmor(":inner:quiet"))
            .when(|_| file::open_to_read("/srv/quiet/namespace").map(drop))
            .expect(
                quiet_file("open", "r", "/srv/quiet/namespace").field("subject.namespace", "root//inner"),
            ),
        by_rule("apparmor_deny_rule_of_one_profile_of_a_stack_is_its_own")
            .given(|_| scene::file("/srv/quiet/stack"))
            .before(|_| apparmor("current", "stack quiet"))
            .confined_by(Confinement::None)
            .when(|_| file::open_to_read("/srv/quiet/stack").map(drop))
            .expect(quiet_file("open", "r", "/srv/quiet/stack")),
    ]
}

fn others() -> Vec<Case> {
    vec![
        by_rule("apparmor_deny_rule_socket_is_silent")
            .when(|_| socket::udp(AddressFamily::INET6).map(drop))
            .expect(
                quietly("create")
                    .field("object.kind", "socket")
                    .field("object.family", "inet6")
                    .field("object.socket_type", "dgram")
                    .field("action.requested_mask", "create")
                    .field("action.denied_mask", "create"),
            ),
        by_rule("apparmor_deny_rule_netlink_socket_a_hundred_times_is_a_hundred_events")
            .when(|_| repeatedly(|| socket::routing().map(drop)))
            .expect_times(TIMES, &quietly("create").field("object.family", "netlink")),
        by_rule("apparmor_deny_rule_bind_is_silent")
            .before(|scene| {
                scene.hold("socket", socket::tcp(AddressFamily::INET6)?);
                Ok(())
            })
            .when(|scene| socket::bind_only(scene.held("socket")?, socket::loopback6(5598)))
            .expect(quietly("bind").field("action.denied_mask", "bind")),
        by_rule("apparmor_deny_rule_signal_is_silent")
            .given(|scene| scene.stand(&[]))
            .when(|scene| process::kill(scene.number("target")?, Signal::USR1))
            .expect(
                quietly("signal")
                    .field("action.signal", "usr1")
                    .field("action.denied_mask", "send")
                    .field("object.label", "unconfined"),
            ),
        by_rule("apparmor_deny_rule_trace_is_silent")
            .given(|scene| scene.stand(&[]))
            .when(|scene| process::trace(scene.number("target")?))
            .expect(
                quietly("ptrace").field("action.denied_mask", "trace").field("object.label", "unconfined"),
            ),
    ]
}

fn mounts() -> Vec<Case> {
    vec![
        by_rule("apparmor_deny_rule_mount_reports_all_that_was_asked")
            .given(|_| directory("/srv/still/mount"))
            .when(|_| system::mount_restricted_tmpfs("denyd-source", "/srv/still/mount"))
            .expect(
                quietly("mount")
                    .field("object.path", "/srv/still/mount/")
                    .field("object.mount_source", "denyd-source")
                    .field("object.mount_type", "tmpfs")
                    .present("action.mount_options"),
            ),
        by_rule("apparmor_deny_rule_bind_mount_is_silent")
            .given(|_| {
                directory("/srv/half/bind-from")?;
                directory("/srv/still/bind-to")
            })
            .when(|_| system::mount_bind("/srv/half/bind-from", "/srv/still/bind-to"))
            .expect(
                quietly("mount")
                    .field("object.path", "/srv/still/bind-to/")
                    .field("action.mount_options", "rw, bind"),
            ),
        by_rule("apparmor_deny_rule_move_of_a_mount_is_silent")
            .before(|_| {
                system::leave_mount_namespace()?;
                directory("/srv/half/move-from")?;
                directory("/srv/still/move-to")?;
                system::mount_tmpfs("tmpfs", "/srv/half/move-from")
            })
            .when(|_| system::move_mount("/srv/half/move-from", "/srv/still/move-to"))
            .expect(quietly("mount").field("object.path", "/srv/still/move-to/")),
        by_rule("apparmor_deny_rule_unmount_is_silent")
            .given(|_| {
                directory("/srv/still/unmount")?;
                system::mount_tmpfs("tmpfs", "/srv/still/unmount")
            })
            .when(|_| system::unmount("/srv/still/unmount"))
            .expect(quietly("umount").field("object.path", "/srv/still/unmount/")),
    ]
}

fn complaining() -> Vec<Case> {
    let watched = |event: Expectation| event.field("subject.label", "quiet-watched");
    vec![
        by_rule_in_complain_mode("apparmor_deny_rule_read_in_complain_mode_is_enforced")
            .given(|_| scene::file("/srv/quiet/complain"))
            .when(|_| file::open_to_read("/srv/quiet/complain").map(drop))
            .expect(watched(quiet_file("open", "r", "/srv/quiet/complain"))),
        by_rule_in_complain_mode("apparmor_deny_rule_socket_in_complain_mode_is_enforced")
            .when(|_| socket::routing().map(drop))
            .expect(watched(quietly("create").field("object.family", "netlink"))),
        by_rule_in_complain_mode("apparmor_deny_rule_signal_in_complain_mode_is_enforced")
            .given(|scene| scene.stand(&[]))
            .when(|scene| process::kill(scene.number("target")?, Signal::USR1))
            .expect(watched(quietly("signal").field("action.signal", "usr1"))),
        by_rule_in_complain_mode("apparmor_deny_rule_trace_in_complain_mode_is_enforced")
            .given(|scene| scene.stand(&[]))
            .when(|scene| process::trace(scene.number("target")?))
            .expect(watched(quietly("ptrace").field("action.denied_mask", "trace"))),
        by_rule_in_complain_mode("apparmor_deny_rule_capability_in_complain_mode_is_enforced")
            .when(|_| system::set_clock())
            .fails_with(libc::EPERM)
            .expect(watched(quietly("capable").field("object.capability", "sys_time"))),
    ]
}

fn capabilities() -> Vec<Case> {
    vec![
        by_rule("apparmor_deny_rule_capability_is_silent")
            .when(|_| process::become_user(1000))
            .fails_with(libc::EPERM)
            .expect(
                quietly("capable")
                    .field("object.kind", "capability")
                    .field("object.capability", "setuid")
                    .set("action.permissions", ["setuid"])
                    .field("action.errno", libc::EPERM),
            ),
        by_rule("apparmor_deny_rule_capability_a_hundred_times_is_a_hundred_events")
            .when(|_| repeatedly(system::set_clock))
            .fails_with(libc::EPERM)
            .expect_times(TIMES, &quietly("capable").field("object.capability", "sys_time")),
        case("apparmor_denied_capability_a_hundred_times_is_a_hundred_events")
            .confined_by(Confinement::Apparmor("forgetful"))
            .when(|_| repeatedly(system::stop_accounting))
            .fails_with(libc::EPERM)
            .repeated(TIMES)
            .expect(
                Expectation::default()
                    .field("verdict", "denied")
                    .field("action.operation", "capable")
                    .field("action.class", "cap")
                    .field("subject.label", "forgetful")
                    .field("object.capability", "sys_pacct"),
            ),
        by_rule("apparmor_deny_rule_capability_of_a_stack_says_that_the_profile_is_not_known")
            .before(|_| apparmor("current", "stack quiet"))
            .confined_by(Confinement::None)
            .when(|_| system::set_clock())
            .fails_with(libc::EPERM)
            .expect(
                quietly("capable")
                    .field("object.capability", "sys_time")
                    .field("subject.label", "quiet//&unconfined")
                    .field("missing.0.field", "subject.label"),
            ),
    ]
}

/// Cases of the audit mode of all profiles, which overrides rules.
fn modes() -> Vec<Case> {
    vec![
        in_mode(
            "noquiet",
            case("apparmor_deny_rule_where_the_mode_is_noquiet_is_reported_once")
                .also_with_silent()
                .confined_by(QUIET)
                .given(|_| scene::file("/srv/quiet/noquiet"))
                .when(|_| with_mode("noquiet", || file::open_to_read("/srv/quiet/noquiet").map(drop)))
                .expect(quiet_file("open", "r", "/srv/quiet/noquiet").field("silent", false)),
        ),
        in_mode(
            "quiet_denied",
            case("apparmor_denied_file_where_the_mode_is_quiet_is_silent")
                .without_record("the audit mode is quiet")
                .given(|_| scene::file("/srv/shut/quiet-mode"))
                .when(|_| with_mode("quiet_denied", || file::open_to_read("/srv/shut/quiet-mode").map(drop)))
                .expect(quiet_file("open", "r", "/srv/shut/quiet-mode").field("subject.label", "app")),
        ),
        in_mode(
            "quiet_denied",
            case("apparmor_denied_rlimit_where_the_mode_is_quiet_is_silent")
                .without_record("the audit mode is quiet")
                .when(|_| with_mode("quiet_denied", || process::limit(Resource::Nofile, 127)))
                .expect(
                    quietly("setrlimit")
                        .field("subject.label", "app")
                        .field("action.rlimit", "nofile")
                        .field("action.rlimit_value", 127),
                ),
        ),
    ]
}

/// The case sets AppArmor's audit mode to this and back, which are two changes of policy.
fn in_mode(mode: &str, case: Case) -> Case {
    let set = |before: &str, after: &str| {
        let change = json!([{"what": "audit_mode", "before": before, "after": after}]);
        Expectation::policy_changed().field("changes", change)
    };
    case.expect(set("normal", mode)).expect(set(mode, "normal"))
}

/// Does something while AppArmor's audit mode is this.
fn with_mode(mode: &str, operation: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
    set_parameter("audit", mode)?;
    let result = operation();
    set_parameter("audit", "normal")?;
    result
}

/// Does something many times, of which each must fail; fails as the last.
fn repeatedly(mut operation: impl FnMut() -> io::Result<()>) -> io::Result<()> {
    for _ in 1..TIMES {
        if operation().is_ok() {
            return Err(io::Error::other("one of many times was not refused"));
        }
    }
    operation()
}
