//! Landlock.

use std::{
    fs as std_fs,
    os::{fd::AsFd as _, unix::fs as unix_fs},
};

use rustix::{
    fs::FileType,
    net::{AddressFamily, SocketType},
    process::Signal,
};

use crate::{
    case::{Case, Module, Step},
    confinement::Confinement,
    expectation::Expectation,
    landlock::{Layer, fs, log, net, scope},
    operation::{
        file, process,
        socket::{self, loopback4, loopback6},
        system,
    },
    scene::{self, directory},
};

/// The kernel says what Landlock refuses, and logs it, since then.
const SINCE: (u16, u16) = (6, 15);

/// May read and write files beneath /srv/open only.
pub(super) fn open_only() -> Layer {
    let rights = fs::READ_FILE | fs::WRITE_FILE | fs::READ_DIR;
    Layer::new().forbid_fs(rights).allow_beneath("/srv/open", rights)
}

fn case(name: &'static str, layer: Layer) -> Case {
    Case::new(Module::Landlock, name, Confinement::Landlock(vec![layer])).since(SINCE.0, SINCE.1)
}

fn layers<const N: usize>(name: &'static str, layers: [Layer; N]) -> Case {
    case(name, Layer::new()).confined_by(Confinement::Landlock(layers.into()))
}

fn denied<const N: usize>(class: &'static str, permissions: [&'static str; N]) -> Expectation {
    Expectation::denied().action(class, permissions).present("subject.domain")
}

/// A right to files that is refused below `/srv/shut`, and allowed everywhere else it may be needed.
fn right(name: &'static str, rights: u64, permission: &'static str, path: &'static str, when: Step) -> Case {
    case(name, Layer::new().forbid_fs(rights))
        .given(|_| directory("/srv/shut"))
        .when(when)
        .expect(denied("fs", [permission]).path(path))
}

pub(super) fn cases() -> Vec<Case> {
    [files(), making(), topology(), network(), scopes(), domains()].concat()
}

fn files() -> Vec<Case> {
    vec![
        case("landlock_denied_write_reports_full_path", Layer::new().forbid_fs(fs::WRITE_FILE))
            .given(|_| scene::file("/srv/shut/ledger"))
            .when(|_| file::open_to_write("/srv/shut/ledger").map(drop))
            .expect(
                denied("fs", ["fs.write_file"])
                    .path("/srv/shut/ledger")
                    .field("subject.domain_is_exact", true),
            ),
        case("landlock_denied_read_reports_full_path", Layer::new().forbid_fs(fs::READ_FILE))
            .given(|_| scene::file("/srv/shut/diary"))
            .when(|_| file::open_to_read("/srv/shut/diary").map(drop))
            .expect(denied("fs", ["fs.read_file"]).path("/srv/shut/diary")),
        case(
            "landlock_denied_read_and_write_is_one_event",
            Layer::new().forbid_fs(fs::READ_FILE | fs::WRITE_FILE),
        )
        .given(|_| scene::file("/srv/shut/both"))
        .when(|_| file::open_to_read_and_write("/srv/shut/both").map(drop))
        .expect(denied("fs", ["fs.read_file", "fs.write_file"]).path("/srv/shut/both")),
        case("landlock_denied_write_outside_what_is_allowed", open_only())
            .given(|_| {
                directory("/srv/open")?;
                scene::file("/srv/shut/outside")
            })
            .when(|_| file::open_to_write("/srv/shut/outside").map(drop))
            .expect(denied("fs", ["fs.write_file"]).path("/srv/shut/outside")),
        case("landlock_denied_execute", Layer::new().forbid_fs(fs::EXECUTE))
            .given(|_| scene::program("/srv/shut/tool"))
            .when(|_| file::execute("/srv/shut/tool"))
            .expect(denied("fs", ["fs.execute"]).path("/srv/shut/tool")),
        case("landlock_denied_directory_listing", Layer::new().forbid_fs(fs::READ_DIR))
            .given(|_| directory("/srv/shut/list"))
            .when(|_| std_fs::read_dir("/srv/shut/list").map(drop))
            .expect(denied("fs", ["fs.read_dir"]).path("/srv/shut/list").field("object.mode", "0040755")),
        case("landlock_denied_truncate", Layer::new().forbid_fs(fs::TRUNCATE))
            .given(|_| scene::file("/srv/shut/truncate"))
            .when(|_| file::open_truncated("/srv/shut/truncate").map(drop))
            .expect(denied("fs", ["fs.truncate"]).path("/srv/shut/truncate")),
        case("landlock_denied_device_ioctl_reports_the_command", Layer::new().forbid_fs(fs::IOCTL_DEV))
            .given(|_| file::make_node("/dev/denyd", FileType::CharacterDevice, rustix::fs::makedev(1, 3)))
            .when(|_| file::ioctl(file::open_to_read("/dev/denyd")?.as_fd(), 0x5401))
            .expect(
                denied("fs", ["fs.ioctl_dev"])
                    .path("/dev/denyd")
                    .field("action.ioctl_command", 0x5401)
                    .field("object.mode", "0020600"),
            ),
        case("landlock_denied_name_that_is_not_utf8", Layer::new().forbid_fs(fs::READ_FILE))
            .given(|_| scene::file(not_utf8()))
            .when(|_| file::open_to_read(not_utf8()).map(drop))
            .expect(denied("fs", ["fs.read_file"]).path("/srv/shut/caf\\xe9 \\xff")),
        case("landlock_denied_path_through_mounts_is_whole", Layer::new().forbid_fs(fs::READ_FILE))
            .given(|_| {
                for mount in ["/srv/mounts", "/srv/mounts/inner"] {
                    directory(mount)?;
                    system::mount_tmpfs("tmpfs", mount)?;
                }
                scene::file("/srv/mounts/inner/data/ledger")
            })
            .when(|_| file::open_to_read("/srv/mounts/inner/data/ledger").map(drop))
            .expect(denied("fs", ["fs.read_file"]).path("/srv/mounts/inner/data/ledger")),
        case("landlock_denied_as_an_ordinary_user", Layer::new().forbid_fs(fs::READ_FILE))
            .given(|_| scene::file("/srv/shut/of-user"))
            .as_user(1234)
            .when(|_| file::open_to_read("/srv/shut/of-user").map(drop))
            .expect(denied("fs", ["fs.read_file"]).path("/srv/shut/of-user").field("process.uid", 1234)),
    ]
}

/// Making and removing: the object is the directory.
fn making() -> Vec<Case> {
    vec![
        right("landlock_denied_create", fs::MAKE_REG, "fs.make_reg", "/srv/shut", |_| {
            file::create("/srv/shut/new").map(drop)
        }),
        right("landlock_denied_mkdir", fs::MAKE_DIR, "fs.make_dir", "/srv/shut", |_| {
            std_fs::create_dir("/srv/shut/mkdir")
        }),
        right("landlock_denied_symlink", fs::MAKE_SYM, "fs.make_sym", "/srv/shut", |_| {
            unix_fs::symlink("/nowhere", "/srv/shut/symlink")
        }),
        right("landlock_denied_fifo", fs::MAKE_FIFO, "fs.make_fifo", "/srv/shut", |_| {
            file::make_node("/srv/shut/fifo", FileType::Fifo, 0)
        }),
        right("landlock_denied_character_device", fs::MAKE_CHAR, "fs.make_char", "/srv/shut", |_| {
            file::make_node("/srv/shut/char", FileType::CharacterDevice, rustix::fs::makedev(1, 3))
        }),
        right("landlock_denied_block_device", fs::MAKE_BLOCK, "fs.make_block", "/srv/shut", |_| {
            file::make_node("/srv/shut/block", FileType::BlockDevice, rustix::fs::makedev(7, 0))
        }),
        right("landlock_denied_socket_file", fs::MAKE_SOCK, "fs.make_sock", "/srv/shut", |_| {
            socket::listening_unix("/srv/shut/socket", SocketType::STREAM).map(drop)
        }),
        right("landlock_denied_unlink", fs::REMOVE_FILE, "fs.remove_file", "/srv/shut", |_| {
            std_fs::remove_file("/srv/shut/unlink")
        })
        .given(|_| scene::file("/srv/shut/unlink")),
        right("landlock_denied_rmdir", fs::REMOVE_DIR, "fs.remove_dir", "/srv/shut", |_| {
            std_fs::remove_dir("/srv/shut/rmdir")
        })
        .given(|_| directory("/srv/shut/rmdir")),
        // A file may change its directory only where that is allowed at both ends.
        case("landlock_denied_rename_to_another_directory", Layer::new().forbid_fs(fs::REFER))
            .given(|_| {
                directory("/srv/elsewhere")?;
                scene::file("/srv/shut/rename")
            })
            .when(|_| std_fs::rename("/srv/shut/rename", "/srv/elsewhere/renamed"))
            .fails_with(libc::EXDEV)
            .expect(denied("fs", ["fs.refer"]).path("/srv/shut"))
            .expect(denied("fs", ["fs.refer"]).path("/srv/elsewhere")),
        case("landlock_denied_exchange_names_both_places", Layer::new().forbid_fs(fs::REFER))
            .given(|_| {
                scene::file("/srv/elsewhere/one")?;
                scene::file("/srv/shut/other")
            })
            .when(|_| {
                let flags = rustix::fs::RenameFlags::EXCHANGE;
                let here = rustix::fs::CWD;
                Ok(rustix::fs::renameat_with(here, "/srv/shut/other", here, "/srv/elsewhere/one", flags)?)
            })
            .fails_with(libc::EXDEV)
            .expect(denied("fs", ["fs.refer"]).path("/srv/shut"))
            .expect(denied("fs", ["fs.refer"]).path("/srv/elsewhere")),
        case("landlock_denied_link_to_another_directory", Layer::new().forbid_fs(fs::REFER))
            .given(|_| {
                directory("/srv/elsewhere")?;
                scene::file("/srv/shut/link")
            })
            .when(|_| std_fs::hard_link("/srv/shut/link", "/srv/elsewhere/linked"))
            .fails_with(libc::EXDEV)
            .expect(denied("fs", ["fs.refer"]).path("/srv/shut"))
            .expect(denied("fs", ["fs.refer"]).path("/srv/elsewhere")),
    ]
}

/// Any domain that handles files forbids to change mounts.
fn topology() -> Vec<Case> {
    fn change(name: &'static str) -> Case {
        case(name, Layer::new().forbid_fs(fs::MAKE_BLOCK)).fails_with(libc::EPERM)
    }
    vec![
        change("landlock_denied_mount")
            .given(|_| directory("/srv/shut/mount"))
            .when(|_| system::mount_tmpfs("tmpfs", "/srv/shut/mount"))
            .expect(denied("fs", ["fs.change_topology"]).path("/srv/shut/mount")),
        change("landlock_denied_unmount")
            .given(|_| {
                directory("/srv/shut/unmount")?;
                system::mount_tmpfs("tmpfs", "/srv/shut/unmount")
            })
            .when(|_| system::unmount("/srv/shut/unmount"))
            .expect(denied("fs", ["fs.change_topology"]).field("object.kind", "file")),
        change("landlock_denied_remount")
            .given(|_| {
                directory("/srv/shut/remount")?;
                system::mount_tmpfs("tmpfs", "/srv/shut/remount")
            })
            .when(|_| system::remount_read_only("/srv/shut/remount"))
            .expect(denied("fs", ["fs.change_topology"]).path("/srv/shut/remount")),
        change("landlock_denied_pivot_root")
            .given(|_| {
                directory("/srv/shut/root")?;
                system::mount_tmpfs("tmpfs", "/srv/shut/root")?;
                directory("/srv/shut/root/old")
            })
            .when(|_| Ok(rustix::process::pivot_root("/srv/shut/root", "/srv/shut/root/old")?))
            .expect(denied("fs", ["fs.change_topology"]).field("object.kind", "file")),
    ]
}

fn network() -> Vec<Case> {
    vec![
        case("landlock_denied_bind_reports_the_port", Layer::new().forbid_net(net::BIND_TCP))
            .when(|_| socket::bind(socket::tcp(AddressFamily::INET)?.as_fd(), loopback4(5599)))
            .expect(
                denied("net", ["net.bind_tcp"])
                    .field("object.kind", "socket")
                    .field("object.family", "inet")
                    .field("object.source.address", "127.0.0.1")
                    .field("object.source.port", 5599),
            ),
        case("landlock_denied_ipv6_bind_reports_the_port", Layer::new().forbid_net(net::BIND_TCP))
            .when(|_| socket::bind(socket::tcp(AddressFamily::INET6)?.as_fd(), loopback6(5599)))
            .expect(
                denied("net", ["net.bind_tcp"])
                    .field("object.family", "inet6")
                    .field("object.source.address", "::1")
                    .field("object.source.port", 5599),
            ),
        case(
            "landlock_denied_connect_to_a_port_that_is_not_allowed",
            Layer::new().forbid_net(net::CONNECT_TCP).allow_port(443, net::CONNECT_TCP),
        )
        .when(|_| socket::connect(socket::tcp(AddressFamily::INET)?.as_fd(), loopback4(5432)))
        .expect(
            denied("net", ["net.connect_tcp"])
                .field("object.family", "inet")
                .field("object.destination.address", "127.0.0.1")
                .field("object.destination.port", 5432),
        ),
        case("landlock_denied_ipv6_connect", Layer::new().forbid_net(net::CONNECT_TCP))
            .when(|_| socket::connect(socket::tcp(AddressFamily::INET6)?.as_fd(), loopback6(5432)))
            .expect(
                denied("net", ["net.connect_tcp"])
                    .field("object.family", "inet6")
                    .field("object.destination.address", "::1")
                    .field("object.destination.port", 5432),
            ),
        case("landlock_denied_udp_bind", Layer::new().forbid_net(net::BIND_UDP))
            .since(7, 3)
            .when(|_| socket::bind(socket::udp(AddressFamily::INET)?.as_fd(), loopback4(5353)))
            .expect(denied("net", ["net.bind_udp"]).field("object.source.port", 5353)),
        case("landlock_denied_udp_send", Layer::new().forbid_net(net::CONNECT_SEND_UDP))
            .since(7, 3)
            .when(|_| socket::send_to(socket::udp(AddressFamily::INET)?.as_fd(), loopback4(5353)))
            .expect(denied("net", ["net.connect_send_udp"]).field("object.destination.port", 5353)),
        case(
            "landlock_denied_udp_send_without_a_family_has_the_address",
            Layer::new().forbid_net(net::CONNECT_SEND_UDP),
        )
        .since(7, 3)
        .when(|_| {
            socket::send_to_without_family(socket::udp(AddressFamily::INET)?.as_fd(), [127, 0, 0, 1], 5354)
        })
        .expect(
            denied("net", ["net.connect_send_udp"])
                .field("object.destination.address", "127.0.0.1")
                .field("object.destination.port", 5354),
        ),
        case(
            "landlock_denied_bind_to_any_address_has_the_port_alone",
            Layer::new().forbid_net(net::BIND_TCP),
        )
        .when(|_| {
            let any = (std::net::Ipv6Addr::UNSPECIFIED, 5601).into();
            socket::bind_only(socket::tcp(AddressFamily::INET6)?.as_fd(), any)
        })
        .expect(
            denied("net", ["net.bind_tcp"]).field("object.source.port", 5601).absent("object.source.address"),
        ),
        case("landlock_denied_unix_socket_by_path", Layer::new().forbid_fs(fs::RESOLVE_UNIX))
            .since(7, 3)
            .given(|scene| {
                directory("/srv/shut")?;
                scene.keep(socket::listening_unix("/srv/shut/resolve", SocketType::STREAM)?);
                Ok(())
            })
            .when(|_| socket::connect_unix(socket::unix(SocketType::STREAM)?.as_fd(), "/srv/shut/resolve"))
            .expect(denied("fs", ["fs.resolve_unix"]).path("/srv/shut/resolve")),
    ]
}

fn scopes() -> Vec<Case> {
    vec![
        case("landlock_denied_signal_reports_the_target", Layer::new().close(scope::SIGNAL))
            .given(|scene| scene.stand(&[]))
            .when(|scene| process::kill(scene.number("target")?, Signal::TERM))
            .fails_with(libc::EPERM)
            .expect(
                denied("scope", ["scope.signal"])
                    .field("object.kind", "process")
                    .fact("object.process.pid", "target")
                    .fact("object.process.comm", "target_comm")
                    .fact("object.process.exe", "target_exe"),
            ),
        case(
            "landlock_denied_abstract_socket_reports_its_name",
            Layer::new().close(scope::ABSTRACT_UNIX_SOCKET),
        )
        .given(|scene| {
            scene.keep(socket::listening_unix("@denyd/scope", SocketType::STREAM)?);
            Ok(())
        })
        .when(|_| socket::connect_unix(socket::unix(SocketType::STREAM)?.as_fd(), "@denyd/scope"))
        .fails_with(libc::EPERM)
        .expect(
            denied("scope", ["scope.abstract_unix_socket"])
                .field("object.kind", "socket")
                .field("object.abstract_name", "@denyd/scope"),
        ),
        case("landlock_denied_abstract_datagram", Layer::new().close(scope::ABSTRACT_UNIX_SOCKET))
            .given(|scene| {
                scene.keep(socket::listening_unix("@denyd/datagram", SocketType::DGRAM)?);
                Ok(())
            })
            .when(|_| socket::send_to_unix(socket::unix(SocketType::DGRAM)?.as_fd(), "@denyd/datagram"))
            .fails_with(libc::EPERM)
            .expect(
                denied("scope", ["scope.abstract_unix_socket"])
                    .field("object.abstract_name", "@denyd/datagram")
                    .absent("object.protocol"),
            ),
        case("landlock_denied_trace_reports_the_target", Layer::new().forbid_fs(fs::MAKE_BLOCK))
            .given(|scene| scene.stand(&[]))
            .when(|scene| process::trace(scene.number("target")?))
            .fails_with(libc::EPERM)
            .expect(
                denied("ptrace", ["ptrace"])
                    .field("object.kind", "process")
                    .fact("object.process.pid", "target")
                    .fact("object.process.comm", "target_comm"),
            ),
        case("landlock_denied_trace_even_without_other_rules", Layer::new().close(scope::SIGNAL))
            .given(|scene| scene.stand(&[]))
            .when(|scene| process::trace(scene.number("target")?))
            .fails_with(libc::EPERM)
            .expect(denied("ptrace", ["ptrace"]).fact("object.process.pid", "target")),
    ]
}

fn domains() -> Vec<Case> {
    const NO_LOG: &str = "the domain's flags ask for no log";
    vec![
        layers(
            "landlock_denied_by_the_outer_of_two_domains",
            [Layer::new().forbid_fs(fs::READ_FILE), Layer::new().forbid_fs(fs::MAKE_BLOCK)],
        )
        .given(|_| scene::file("/srv/shut/outer"))
        .when(|_| file::open_to_read("/srv/shut/outer").map(drop))
        .expect(denied("fs", ["fs.read_file"]).path("/srv/shut/outer").absent("subject.domain_parents")),
        layers(
            "landlock_denied_by_the_inner_of_three_domains_reports_its_parents",
            [
                Layer::new().forbid_fs(fs::MAKE_BLOCK),
                Layer::new().forbid_fs(fs::MAKE_CHAR),
                Layer::new().forbid_fs(fs::READ_FILE),
            ],
        )
        .given(|_| scene::file("/srv/shut/inner"))
        .when(|_| file::open_to_read("/srv/shut/inner").map(drop))
        .expect(denied("fs", ["fs.read_file"]).path("/srv/shut/inner").present("subject.domain_parents.1")),
        case(
            "landlock_denied_silently_when_the_domain_logs_nothing",
            Layer::new().forbid_fs(fs::READ_FILE).log(log::SAME_EXEC_OFF),
        )
        .given(|_| scene::file("/srv/shut/silent"))
        .when(|_| file::open_to_read("/srv/shut/silent").map(drop))
        .expect(
            denied("fs", ["fs.read_file"])
                .field("silent", true)
                .field("subject.same_exec", true)
                .path("/srv/shut/silent"),
        )
        .without_record(NO_LOG),
        layers(
            "landlock_denied_silently_when_the_outer_domain_mutes_inner_ones",
            [
                Layer::new().forbid_fs(fs::MAKE_BLOCK).log(log::SUBDOMAINS_OFF),
                Layer::new().forbid_fs(fs::READ_FILE),
            ],
        )
        .given(|_| scene::file("/srv/shut/muted"))
        .when(|_| file::open_to_read("/srv/shut/muted").map(drop))
        .expect(denied("fs", ["fs.read_file"]).field("silent", true).path("/srv/shut/muted"))
        .without_record(NO_LOG),
        case("landlock_denied_of_another_program_is_silent", Layer::new().forbid_fs(fs::READ_FILE))
            .given(|_| scene::file("/srv/shut/after-exec"))
            .confined_by(Confinement::LandlockExec(vec![
                Layer::new()
                    .forbid_fs(fs::READ_FILE)
                    .allow_beneath("/usr", fs::READ_FILE)
                    .allow_beneath("/proc", fs::READ_FILE),
            ]))
            .when(|_| file::open_to_read("/srv/shut/after-exec").map(drop))
            .expect(
                denied("fs", ["fs.read_file"])
                    .field("silent", true)
                    .field("subject.same_exec", false)
                    .path("/srv/shut/after-exec"),
            )
            .without_record("by default Landlock logs only what the restricting program itself does"),
        case("landlock_denied_of_another_program_is_logged_on_demand", Layer::new())
            .given(|_| scene::file("/srv/shut/after-exec-logged"))
            .confined_by(Confinement::LandlockExec(vec![
                Layer::new()
                    .forbid_fs(fs::READ_FILE)
                    .allow_beneath("/usr", fs::READ_FILE)
                    .allow_beneath("/proc", fs::READ_FILE)
                    .log(log::NEW_EXEC_ON),
            ]))
            .when(|_| file::open_to_read("/srv/shut/after-exec-logged").map(drop))
            .expect(denied("fs", ["fs.read_file"]).field("subject.same_exec", false)),
    ]
}

fn not_utf8() -> std::path::PathBuf {
    use std::os::unix::ffi::OsStrExt as _;
    std::ffi::OsStr::from_bytes(b"/srv/shut/caf\xe9 \xff").into()
}
