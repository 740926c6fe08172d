//! TOMOYO: what a domain's profile forbids. Each case has a profile of its own, which forbids one operation.

use std::{fs, io, os::unix::fs::symlink};

use rustix::{
    fs::FileType,
    net::{AddressFamily, SocketType},
};

use crate::{
    case::{Case, Module, Step},
    confinement::Confinement,
    expectation::Expectation,
    operation::{file, socket, system},
    scene,
    tomoyo::{Profile, Rule, enforce, profile},
};

const LEDGER: &str = "/srv/open/ledger";
const TERMINAL_SIZE: u32 = 0x5413;

fn case(name: &'static str, number: Profile, given: Step) -> Case {
    Case::new(Module::Tomoyo, name, Confinement::Tomoyo(number))
        .given(given)
        .fails_with(libc::EPERM)
        .without_record("TOMOYO writes to its own log, not to audit")
}

fn set_up(number: Profile, rule: Rule) -> io::Result<()> {
    scene::file(LEDGER)?;
    profile(number, rule)
}

fn refused<const N: usize>(
    class: &'static str,
    permissions: [&'static str; N],
    number: Profile,
) -> Expectation {
    Expectation::denied()
        .action(class, permissions)
        .field("action.errno", libc::EPERM)
        .field("subject.mode", "enforcing")
        .field("subject.profile", number)
        .present("subject.label")
        .present("action.info")
}

fn permitted(mode: &'static str, permission: &'static str, number: Profile) -> Expectation {
    Expectation::permitted()
        .action("file", [permission])
        .absent("action.errno")
        .field("subject.mode", mode)
        .field("subject.profile", number)
}

fn on_file(permission: &'static str, number: Profile) -> Expectation {
    refused("file", [permission], number)
}

pub(super) fn cases() -> Vec<Case> {
    [files(), systems(), sockets(), modes()].concat()
}

fn files() -> Vec<Case> {
    vec![
        case("tomoyo_denied_mkdir_reports_full_path", 11, |_| set_up(11, enforce("file::mkdir")))
            .when(|_| fs::create_dir("/srv/open/made"))
            .expect(on_file("mkdir", 11).path("/srv/open/made").field("object.name", "/srv/open/made/")),
        case("tomoyo_denied_unlink_has_the_line_that_would_allow_it", 12, |_| {
            set_up(12, enforce("file::unlink"))
        })
        .when(|_| fs::remove_file(LEDGER))
        .expect(
            on_file("unlink", 12)
                .path(LEDGER)
                .field("action.info", "file unlink /srv/open/ledger")
                .absent("object.name")
                .present("object.inode"),
        ),
        case("tomoyo_denied_rename_reports_both_names", 13, |_| set_up(13, enforce("file::rename")))
            .when(|_| fs::rename(LEDGER, "/srv/open/new"))
            .expect(on_file("rename", 13).path(LEDGER).field("object.target", "/srv/open/new")),
        case("tomoyo_denied_chmod_has_the_mode", 14, |_| set_up(14, enforce("file::chmod")))
            .when(|_| file::change_mode(LEDGER))
            .expect(
                on_file("chmod", 14).path(LEDGER).field("action.info", "file chmod /srv/open/ledger 0600"),
            ),
        case("tomoyo_denied_symlink", 15, |_| set_up(15, enforce("file::symlink")))
            .when(|_| symlink("ledger", "/srv/open/link"))
            .expect(on_file("symlink", 15).path("/srv/open/link")),
        case("tomoyo_denied_write_of_a_name_with_a_space", 16, |_| {
            scene::file("/srv/open/old ledger")?;
            set_up(16, enforce("file::open"))
        })
        .when(|_| file::open_to_write("/srv/open/old ledger").map(drop))
        .expect(
            on_file("write", 16)
                .path("/srv/open/old ledger")
                .field("object.name", r"/srv/open/old\\040ledger"),
        ),
        case("tomoyo_denied_truncation", 17, |_| set_up(17, enforce("file::truncate")))
            .before(|scene| {
                scene.hold("ledger", file::open_to_write(LEDGER)?);
                Ok(())
            })
            .when(|scene| Ok(rustix::fs::ftruncate(scene.held("ledger")?, 1)?))
            .expect(on_file("truncate", 17).path(LEDGER)),
        case("tomoyo_denied_exec", 18, |_| {
            scene::program("/srv/open/program")?;
            set_up(18, enforce("file::execute"))
        })
        .when(|_| file::execute("/srv/open/program"))
        .expect(on_file("execute", 18).path("/srv/open/program")),
    ]
}

fn systems() -> Vec<Case> {
    vec![
        case("tomoyo_denied_ioctl_has_the_command", 21, |_| set_up(21, enforce("file::ioctl")))
            .before(|scene| {
                scene.hold("ledger", file::open_to_read(LEDGER)?);
                Ok(())
            })
            .when(|scene| file::ioctl(scene.held("ledger")?, TERMINAL_SIZE))
            .expect(
                on_file("ioctl", 21)
                    .path(LEDGER)
                    .field("action.ioctl_command", TERMINAL_SIZE)
                    .field("action.info", "file ioctl /srv/open/ledger 0x5413"),
            ),
        case("tomoyo_denied_device_has_its_numbers", 22, |_| set_up(22, enforce("file::mkchar")))
            .when(|_| file::make_node("/srv/open/null", FileType::CharacterDevice, 0x103))
            .expect(on_file("mkchar", 22).path("/srv/open/null")),
        case("tomoyo_denied_mount_reports_source_and_type", 23, |_| set_up(23, enforce("file::mount")))
            .when(|_| system::mount_tmpfs("denied", "/srv/open"))
            .expect(
                on_file("mount", 23)
                    .path("/srv/open")
                    .field("object.mount_type", "tmpfs")
                    .present("object.mount_source"),
            ),
    ]
}

fn sockets() -> Vec<Case> {
    let on_socket = |permission: &'static str, number, family: &'static str| {
        refused("network", [permission], number).field("object.kind", "socket").field("object.family", family)
    };
    vec![
        case("tomoyo_denied_connection_has_address_and_port", 31, |_| {
            set_up(31, enforce("network::inet_stream_connect"))
        })
        .before(|scene| {
            scene.hold("socket", socket::tcp(AddressFamily::INET)?);
            Ok(())
        })
        .when(|scene| socket::connect(scene.held("socket")?, socket::loopback4(4242)))
        .expect(
            on_socket("connect", 31, "inet")
                .field("object.socket_type", "stream")
                .field("object.destination.address", "127.0.0.1")
                .field("object.destination.port", 4242)
                .field("action.info", "network inet stream connect 127.0.0.1 4242"),
        ),
        case("tomoyo_denied_bind_of_ipv6", 32, |_| set_up(32, enforce("network::inet_dgram_bind")))
            .before(|scene| {
                scene.hold("socket", socket::udp(AddressFamily::INET6)?);
                Ok(())
            })
            .when(|scene| socket::bind_only(scene.held("socket")?, socket::loopback6(4243)))
            .expect(
                on_socket("bind", 32, "inet6")
                    .field("object.source.address", "::1")
                    .field("object.source.port", 4243)
                    .field("action.info", "network inet dgram bind ::1 4243"),
            ),
        case("tomoyo_denied_unix_bind_has_the_name", 33, |_| {
            set_up(33, enforce("network::unix_stream_bind"))
        })
        .before(|scene| {
            scene.hold("socket", socket::unix(SocketType::STREAM)?);
            Ok(())
        })
        .when(|scene| socket::bind_unix(scene.held("socket")?, "/srv/open/socket"))
        .expect(on_socket("bind", 33, "unix").field("object.name", "/srv/open/socket")),
    ]
}

fn modes() -> Vec<Case> {
    vec![
        case("tomoyo_permissive_profile_only_reports", 41, |_| {
            set_up(41, Rule { mode: "permissive", ..enforce("file::unlink") })
        })
        .when(|_| fs::remove_file(LEDGER))
        .succeeds()
        .expect(permitted("permissive", "unlink", 41).path(LEDGER)),
        case("tomoyo_learning_profile_reports_once", 42, |_| {
            set_up(42, Rule { mode: "learning", ..enforce("file::chmod") })
        })
        .when(|_| file::change_mode(LEDGER).and_then(|()| file::change_mode(LEDGER)))
        .succeeds()
        .expect(permitted("learning", "chmod", 42).path(LEDGER)),
        case("tomoyo_denial_that_its_profile_does_not_log_is_silent", 43, |_| {
            set_up(43, Rule { logged: false, ..enforce("file::unlink") })
        })
        .when(|_| fs::remove_file(LEDGER))
        .expect(
            Expectation::denied_unlogged()
                .action("file", ["unlink"])
                .field("action.errno", libc::EPERM)
                .field("subject.profile", 43)
                .path(LEDGER),
        ),
    ]
}
