//! Files that the process has no path to, or that have no path at all; and paths that are hard to find.

use std::{
    fs,
    os::fd::{AsFd as _, AsRawFd as _, OwnedFd},
};

use rustix::{
    fs::{MemfdFlags, Mode, XattrFlags},
    net::SocketType,
};

use super::{APP_CONTEXT, BARE, BARE_CONTEXT, SECRET, TARGET_CONTEXT, case, denied, denied_of_bare};
use crate::{
    case::{Case, Step},
    confinement::Confinement,
    expectation::Expectation,
    operation::{file, process, socket, system},
    scene::{Scene, directory, labelled_file, labelled_program},
};

/// Keeps a descriptor, and what `/proc` calls its file.
fn keep(scene: &mut Scene, descriptor: impl Into<OwnedFd>) -> std::io::Result<()> {
    let descriptor = descriptor.into();
    let name = fs::read_link(format!("/proc/self/fd/{}", descriptor.as_raw_fd()))?;
    let name = name.to_string_lossy();
    scene.set("name", name.strip_suffix(" (deleted)").unwrap_or(&name));
    scene.hold("file", descriptor);
    Ok(())
}

/// A file that has a name and no path, of this class; its mode may not be changed by the application.
fn unnamed(name: &'static str, class: &'static str, before: Step) -> Case {
    case(name).before(before).when(|scene| Ok(rustix::fs::fchmod(scene.held("file")?, Mode::RUSR)?)).expect(
        denied(class, ["setattr"]).field("object.path_root", "kernel_mount").fact("object.path", "name"),
    )
}

/// A secret file that is open, at which an ioctl may not be tried.
fn at_open_file(path: &'static str, root: &'static str) -> Expectation {
    denied("file", ["ioctl"])
        .field("object.label", SECRET)
        .field("object.path", path)
        .field("object.path_root", root)
}

fn ioctl(scene: &mut Scene) -> std::io::Result<()> {
    file::ioctl(scene.held("file")?, 0x5401)
}

pub(super) fn cases() -> Vec<Case> {
    [names(), roots(), many_mounts(), credentials(), errors(), interrupts()].concat()
}

fn names() -> Vec<Case> {
    vec![
        unnamed("selinux_denied_pipe_has_the_name_that_proc_shows", "fifo_file", |scene| {
            let (read, write) = std::io::pipe()?;
            scene.keep(write);
            keep(scene, read)
        }),
        unnamed(
            "selinux_denied_socket_as_a_file_has_the_name_that_proc_shows",
            "unix_stream_socket",
            |scene| keep(scene, socket::unix(SocketType::STREAM)?),
        ),
        case("selinux_denied_ioctl_of_a_userfaultfd_has_the_name_that_proc_shows")
            .before(|scene| keep(scene, system::new_userfaultfd()?))
            .when(ioctl)
            .expect(
                denied("anon_inode", ["ioctl"])
                    .field("object.path", "anon_inode:[userfaultfd]")
                    .fact("object.path", "name")
                    .field("object.path_root", "kernel_mount"),
            ),
        case("selinux_denied_stat_of_a_userfaultfd_has_the_name_that_proc_shows")
            .before(|scene| keep(scene, system::new_userfaultfd()?))
            .when(|scene| rustix::fs::fstat(scene.held("file")?).map(drop).map_err(Into::into))
            .expect(
                denied("anon_inode", ["getattr"])
                    .fact("object.path", "name")
                    .field("object.path_root", "kernel_mount"),
            ),
        case("selinux_denied_ioctl_of_secret_memory_has_the_name_that_proc_shows")
            // Before, it is off unless the kernel's command line asks for it.
            .since(6, 12)
            .before(|scene| keep(scene, system::secret_memory()?))
            .when(ioctl)
            .expect(
                denied("anon_inode", ["ioctl"])
                    .field("object.path", "/secretmem")
                    .fact("object.path", "name")
                    .field("object.path_root", "kernel_mount")
                    .field("object.deleted", true),
            ),
        case("selinux_denied_execution_of_huge_pages_has_the_name_that_proc_shows")
            .given(|_| file::overwrite("/proc/sys/vm/nr_hugepages", "8"))
            .when(|_| file::map_huge_pages_to_execute())
            .expect(
                denied("file", ["map"])
                    .field("object.label", SECRET)
                    .field("object.path", "/anon_hugepage")
                    .field("object.path_root", "kernel_mount")
                    .field("object.deleted", true),
            ),
        case("selinux_denied_memfd_has_the_name_that_proc_shows")
            .before(|scene| {
                let memory = rustix::fs::memfd_create("lib ffi", MemfdFlags::empty())?;
                let label = format!("{SECRET}\0");
                rustix::fs::fsetxattr(&memory, "security.selinux", label.as_bytes(), XattrFlags::empty())?;
                keep(scene, memory)
            })
            .when(ioctl)
            .expect(
                at_open_file("/memfd:lib ffi", "kernel_mount")
                    .fact("object.path", "name")
                    .field("object.deleted", true),
            ),
    ]
}

fn roots() -> Vec<Case> {
    vec![
        case("selinux_denied_file_of_a_detached_mount_says_so")
            .before(|scene| {
                directory("/srv/gone")?;
                system::mount_tmpfs("gone", "/srv/gone")?;
                labelled_file("/srv/gone/inner/ledger", "secret_t")?;
                scene.hold("file", file::open_to_read("/srv/gone/inner/ledger")?);
                Ok(rustix::mount::unmount("/srv/gone", rustix::mount::UnmountFlags::DETACH)?)
            })
            .when(ioctl)
            .expect(at_open_file("/inner/ledger", "detached_mount")),
        case("selinux_denied_file_of_another_mount_namespace_says_so")
            .before(|scene| {
                let own = fs::File::open("/proc/self/ns/mnt")?;
                system::leave_mount_namespace()?;
                directory("/srv/elsewhere")?;
                system::mount_tmpfs("elsewhere", "/srv/elsewhere")?;
                labelled_file("/srv/elsewhere/ledger", "secret_t")?;
                scene.hold("file", file::open_to_read("/srv/elsewhere/ledger")?);
                scene.keep(fs::File::open("/proc/self/ns/mnt")?);
                Ok(rustix::thread::move_into_link_name_space(
                    own.as_fd(),
                    Some(rustix::thread::LinkNameSpaceType::Mount),
                )?)
            })
            .when(ioctl)
            .expect(at_open_file("/srv/elsewhere/ledger", "other_mount_namespace")),
        case("selinux_denied_in_a_chroot_reports_the_path_from_outside")
            .given(|_| labelled_file("/srv/jail/ledger", "secret_t"))
            .when(|_| {
                rustix::process::chroot("/srv/jail")?;
                file::open_to_write("/ledger").map(drop)
            })
            .expect(
                denied("file", ["write"])
                    .field("object.label", SECRET)
                    .path("/srv/jail/ledger")
                    .field("process.root", "/srv/jail"),
            ),
    ]
}

/// A file that the process sees by a mount behind so many others of the same file system, and as many in its own
/// namespace that don't show it.
fn behind(name: &'static str, before: Step) -> Case {
    case(name)
        .given(|_| {
            labelled_file("/srv/data/behind", "secret_t")?;
            directory("/srv/crowd/source")
        })
        .before(before)
        .when(|_| file::open_to_write("/srv/data/behind").map(drop))
        .expect(denied("file", ["write"]).field("object.label", SECRET).path("/srv/data/behind"))
}

fn crowd<const MOUNTS: u32>(scene: &mut Scene) -> std::io::Result<()> {
    system::leave_mount_namespace()?;
    for number in 0..MOUNTS {
        let place = format!("/srv/crowd/{number}");
        directory(&place)?;
        system::mount_bind("/srv/crowd/source", &place)?;
    }
    // Its mounts stay as long as it is open; those of the next are behind them, or before.
    scene.keep(fs::File::open("/proc/self/ns/mnt")?);
    system::leave_mount_namespace()
}

fn many_mounts() -> Vec<Case> {
    vec![
        behind("selinux_denied_write_reports_full_path_behind_1_mount", crowd::<1>),
        behind("selinux_denied_write_reports_full_path_behind_17_mounts", crowd::<17>),
        behind("selinux_denied_write_reports_full_path_behind_300_mounts", crowd::<300>),
        behind("selinux_denied_write_reports_full_path_behind_2000_mounts", crowd::<2000>),
        // SELinux has no mount where it judges the inode: either path is as right.
        case("selinux_denied_write_of_a_file_with_two_paths_says_that_there_is_another")
            .given(|_| {
                labelled_file("/srv/twofold/secret/file", "secret_t")?;
                directory("/srv/twofold/again")
            })
            .before(|_| {
                system::leave_mount_namespace()?;
                system::mount_bind("/srv/twofold/secret", "/srv/twofold/again")
            })
            .when(|_| file::open_to_write("/srv/twofold/secret/file").map(drop))
            .expect(
                denied("file", ["write"]).field("object.label", SECRET).field("object.path_ambiguous", true),
            ),
    ]
}

fn credentials() -> Vec<Case> {
    vec![
        case("selinux_denied_access_of_the_real_user_names_both_users")
            .given(|_| labelled_file("/srv/data/asked", "secret_t"))
            .before(|_| process::become_effective_user(1234))
            .when(|_| file::ask_write_access("/srv/data/asked"))
            .expect(
                denied("file", ["write"])
                    .path("/srv/data/asked")
                    .field("process.euid", 1234)
                    .field("process.fsuid", 1234)
                    .field("subject.fsuid", 0)
                    .field("subject.cap_effective", "000001ffffffffff")
                    .field("subject.not_process", true),
            ),
        case("selinux_denied_with_a_title_over_its_arguments_has_one_argument")
            .given(|_| labelled_file("/srv/data/titled", "secret_t"))
            .before(|_| process::set_title("worker: idle"))
            .when(|_| file::open_to_write("/srv/data/titled").map(drop))
            .expect(
                denied("file", ["write"]).path("/srv/data/titled").set("process.cmdline", ["worker: idle"]),
            ),
    ]
}

/// What is refused without a decision about permissions.
fn errors() -> Vec<Case> {
    vec![
        case("selinux_denied_label_that_the_policy_does_not_know_is_an_event")
            .confined_by(BARE)
            .given(|_| labelled_file("/srv/data/nonsense", "stage_t"))
            .when(|_| {
                let label = b"system_u:object_r:nonsense_t:s0\0";
                let flags = XattrFlags::empty();
                Ok(rustix::fs::setxattr("/srv/data/nonsense", "security.selinux", label, flags)?)
            })
            .fails_with(libc::EINVAL)
            .by_audit_alone()
            .expect(denied_of_bare("capability2", ["mac_admin"]))
            .expect(
                Expectation::denied()
                    .field("action.operation", "setxattr")
                    .field("subject.label", BARE_CONTEXT)
                    .field("object.unknown_label", "system_u:object_r:nonsense_t:s0"),
            ),
        case("selinux_denied_transition_out_of_bounds_is_an_event")
            .given(|_| labelled_program("/srv/bin/bounds", "stage_t"))
            .when(|_| {
                file::overwrite("/proc/thread-self/attr/exec", TARGET_CONTEXT)?;
                rustix::thread::set_no_new_privs(true)?;
                file::execute("/srv/bin/bounds")
            })
            .fails_with(libc::EPERM)
            .by_audit_alone()
            .expect(
                Expectation::denied()
                    .field("action.operation", "security_bounded_transition")
                    .field("subject.label", APP_CONTEXT)
                    .field("object.kind", "process")
                    .field("object.label", TARGET_CONTEXT)
                    .absent("subject.not_process"),
            ),
    ]
}

/// Who has sockets that may receive nothing.
const DEAF: &str = "system_u:system_r:deaf_t:s0";

/// What is refused while something else runs.
fn interrupts() -> Vec<Case> {
    vec![
        case("selinux_denied_receive_names_the_interface_and_says_that_the_process_did_not_ask")
            .confined_by(Confinement::Selinux(DEAF))
            .in_interrupt_of(DEAF)
            .when(|_| {
                let socket = socket::bound_udp(socket::loopback4(40_012))?;
                socket::send_to(socket.as_fd(), socket::loopback4(40_012))
            })
            .succeeds()
            .expect(
                denied("peer", ["recv"])
                    .field("subject.label", DEAF)
                    .field("subject.not_process", true)
                    .field("process.in_interrupt", true)
                    .field("object.interface", "lo")
                    .field("object.source.address", "127.0.0.1")
                    .field("object.source.port", 40_012)
                    .absent("missing"),
            ),
    ]
}
