//! Capabilities: what an ordinary user is refused for lack of them.

use std::{fs, os::fd::AsFd as _, os::unix::fs as unix_fs};

use rustix::{
    net::{AddressFamily, SocketType},
    process::Signal,
};

use crate::{
    case::{Case, Module, Step},
    confinement::Confinement,
    expectation::Expectation,
    operation::{process, socket, system},
    scene,
};

const NO_RECORD: &str = "the kernel audits no capability check";

fn case(name: &'static str, capability: &'static str, when: Step) -> Case {
    let event = Expectation::denied()
        .action("capability", [capability])
        .field("object.kind", "capability")
        .field("object.capability", capability)
        .field("process.uid", 1000)
        .field("process.euid", 1000)
        .field("process.cap_effective", "0000000000000000");
    Case::new(Module::Capability, name, Confinement::None)
        .as_user(1000)
        .when(when)
        .fails_with(libc::EPERM)
        .expect(event)
        .without_record(NO_RECORD)
}

pub(super) fn cases() -> Vec<Case> {
    vec![
        case("capability_denied_mount", "sys_admin", |_| system::mount_tmpfs("tmpfs", "/srv")),
        case("capability_denied_host_name", "sys_admin", |_| Ok(rustix::system::sethostname(b"guest")?)),
        case("capability_denied_chroot", "sys_chroot", |_| Ok(rustix::process::chroot("/srv")?)),
        case("capability_denied_clock", "sys_time", |_| system::set_clock()),
        case("capability_denied_accounting", "sys_pacct", |_| system::stop_accounting()),
        case("capability_denied_kernel_module", "sys_module", |_| system::load_module()),
        case("capability_denied_packet_socket", "net_raw", |_| {
            socket::of_family(libc::AF_PACKET, SocketType::RAW).map(drop)
        }),
        case("capability_denied_privileged_port", "net_bind_service", |_| {
            socket::bind(socket::tcp(AddressFamily::INET)?.as_fd(), socket::loopback4(80))
        })
        .fails_with(libc::EACCES),
        case("capability_denied_chown", "chown", |_| unix_fs::chown("/srv/chown", Some(0), None)).given(
            |_| {
                scene::file("/srv/chown")?;
                unix_fs::chown("/srv/chown", Some(1000), Some(1000))
            },
        ),
        case("capability_denied_chmod_of_anothers_file", "fowner", |_| {
            fs::set_permissions("/srv/fowner", std::os::unix::fs::PermissionsExt::from_mode(0o777))
        })
        .given(|_| scene::file("/srv/fowner")),
        case("capability_denied_signal", "kill", |scene| {
            process::kill(scene.number("target")?, Signal::TERM)
        })
        .given(|scene| scene.stand(&[])),
        case("capability_denied_setuid", "setuid", |_| process::become_user(0)),
        Case::new(Module::Capability, "capability_denied_by_the_opener_of_a_socket", Confinement::None)
            .before(|scene| {
                scene.hold("routing", process::as_user(1000, socket::routing)?);
                Ok(())
            })
            .when(|scene| socket::delete_link(scene.held("routing")?))
            .fails_with(libc::EPERM)
            .expect(
                Expectation::denied()
                    .action("capability", ["net_admin"])
                    .field("subject.not_process", true)
                    .field("process.euid", 0)
                    .field("process.cap_effective", "000001ffffffffff"),
            )
            .without_record(NO_RECORD),
    ]
}
