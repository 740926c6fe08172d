//! BPF LSM programs: what somebody else's refuse (`tests/src/refuser.rs`). The stage attaches one to each of these hooks
//! before denyd starts, which refuses one user.

use std::fs;

use rustix::{net::AddressFamily, process::Signal};

use crate::{
    case::{Case, Module, Step},
    confinement::Confinement,
    expectation::Expectation,
    operation::{file, process, socket},
    refuser, scene,
};

/// The users who may not, each for one hook.
const NO_OPENER: u32 = 7001;
const NO_UNLINKER: u32 = 7002;
const NO_CONNECTOR: u32 = 7003;
const NO_KILLER: u32 = 7004;
const NO_EXECUTOR: u32 = 7005;

fn case(
    name: &'static str,
    hook: &'static str,
    uid: u32,
    given: Step,
    when: Step,
    event: Expectation,
) -> Case {
    Case::new(Module::Bpf, name, Confinement::None)
        .as_user(uid)
        .given(given)
        .when(when)
        .fails_with(libc::EPERM)
        .expect(
            event
                .action("bpf_lsm", [hook])
                .field("action.operation", hook)
                .field("action.errno", libc::EPERM)
                .field("action.bpf_programs.0.name", refuser::NAME)
                .present("action.bpf_programs.0.id")
                .present("action.bpf_programs.0.tag")
                .absent("action.bpf_programs.1"),
        )
        .without_record("what a BPF program refuses is not recorded by audit")
}

fn denied() -> Expectation {
    Expectation::denied()
}

pub(super) fn cases() -> Vec<Case> {
    vec![
        case(
            "bpf_denied_open_reports_full_path",
            "file_open",
            NO_OPENER,
            |_| scene::file("/srv/open/ledger"),
            |_| file::open_to_read("/srv/open/ledger").map(drop),
            denied().path("/srv/open/ledger").field("object.mode", "0100644").present("object.inode"),
        ),
        case(
            "bpf_denied_unlink_reports_the_file_and_not_its_directory",
            "inode_unlink",
            NO_UNLINKER,
            |_| {
                scene::file("/srv/shared/ledger")?;
                fs::set_permissions("/srv/shared", std::os::unix::fs::PermissionsExt::from_mode(0o777))
            },
            |_| fs::remove_file("/srv/shared/ledger"),
            denied().field("object.kind", "file").field("object.path", "/srv/shared/ledger"),
        ),
        case(
            "bpf_denied_connection_reports_the_socket",
            "socket_connect",
            NO_CONNECTOR,
            |_| Ok(()),
            |_| {
                let socket = socket::tcp(AddressFamily::INET)?;
                socket::connect(std::os::fd::AsFd::as_fd(&socket), socket::loopback4(4242))
            },
            denied()
                .field("object.kind", "socket")
                .field("object.family", "inet")
                .field("object.socket_type", "stream")
                .field("object.protocol", "tcp"),
        ),
        case(
            "bpf_denied_signal_reports_the_target",
            "task_kill",
            NO_KILLER,
            |scene| scene.stand(&["--user", "7004"]),
            |scene| process::kill(scene.number("target")?, Signal::USR1),
            denied()
                .field("object.kind", "process")
                .fact("object.process.pid", "target")
                .fact("object.process.comm", "target_comm"),
        ),
        case(
            "bpf_denied_exec_reports_the_program",
            "bprm_check_security",
            NO_EXECUTOR,
            |_| scene::program("/srv/open/program"),
            |_| file::execute("/srv/open/program"),
            denied().path("/srv/open/program"),
        ),
    ]
}
