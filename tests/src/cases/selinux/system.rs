//! What concerns the whole system, IPC and keys.

use rustix::net::SocketType;

use super::{BARE, BARE_CONTEXT, BASE, INIT_CONTEXT, STAGE, case, denied, denied_of_bare};
use crate::{
    case::{Case, Step},
    expectation::Expectation,
    operation::{file, ipc, socket, system},
    scene,
};

const EVERYBODY: i32 = 0o666;
/// The constant of `linux/keyctl.h`, which the libc crate has as another type.
const PROCESS_KEYRING: i32 = -2;
const SESSION_KEYRING: i32 = -3;

/// Making an IPC object is refused to [`BARE`].
fn create(name: &'static str, class: &'static str, key: i32, when: Step) -> Case {
    let event = denied_of_bare(class, ["create"]).field("object.kind", "ipc").field("object.ipc_key", key);
    case(name).confined_by(BARE).when(when).expect(event)
}

/// `SELinux` gives its audit data no key, so there is no more to know of it than its label.
fn denied_key(permission: &'static str, label: &'static str) -> Expectation {
    denied("key", [permission]).field("object.kind", "none").field("object.label", label)
}

/// A capability is refused to [`BARE`].
fn capability(name: &'static str, class: &'static str, capability: &'static str, when: Step) -> Case {
    let event = denied_of_bare(class, [capability])
        .field("object.kind", "capability")
        .field("object.capability", capability);
    case(name).confined_by(BARE).when(when).fails_with(libc::EPERM).expect(event)
}

pub(super) fn cases() -> Vec<Case> {
    [mounts(), interprocess(), privileged(), kernel()].concat()
}

fn mounts() -> Vec<Case> {
    vec![
        case("selinux_denied_mount")
            .given(|_| scene::directory("/srv/mount"))
            .when(|_| system::mount_tmpfs("tmpfs", "/srv/mount"))
            .expect(denied("filesystem", ["mount"]).field("object.label", STAGE)),
        case("selinux_denied_unmount")
            .given(|_| {
                scene::directory("/srv/mounted")?;
                system::mount_tmpfs("tmpfs", "/srv/mounted")
            })
            .when(|_| system::unmount("/srv/mounted"))
            .expect(denied("filesystem", ["unmount"]).field("object.label", STAGE)),
        case("selinux_denied_remount")
            .given(|_| {
                scene::directory("/srv/remounted")?;
                system::mount_tmpfs("tmpfs", "/srv/remounted")
            })
            .when(|_| system::remount_read_only("/srv/remounted"))
            .expect(denied("filesystem", ["remount"]).field("object.label", STAGE)),
        capability("selinux_denied_mount_as_capability", "capability", "sys_admin", |_| {
            system::mount_tmpfs("tmpfs", "/srv")
        }),
    ]
}

fn interprocess() -> Vec<Case> {
    vec![
        create("selinux_denied_shared_memory", "shm", 0x5eed, |_| {
            ipc::shared_memory(0x5eed, libc::IPC_CREAT | EVERYBODY).map(drop)
        }),
        create("selinux_denied_semaphores", "sem", 0x5eee, |_| {
            ipc::semaphores(0x5eee, libc::IPC_CREAT | EVERYBODY).map(drop)
        }),
        create("selinux_denied_message_queue", "msgq", 0x5eef, |_| {
            ipc::message_queue(0x5eef, libc::IPC_CREAT | EVERYBODY).map(drop)
        }),
        case("selinux_denied_attach_of_shared_memory")
            .given(|scene| {
                let id = ipc::shared_memory(0x1001, libc::IPC_CREAT | EVERYBODY)?;
                scene.set("id", id);
                Ok(())
            })
            .when(|scene| ipc::attach_shared_memory(scene.number("id")?))
            .expect(
                denied("shm", ["unix_read"])
                    .field("object.label", INIT_CONTEXT)
                    .field("object.ipc_key", 0x1001),
            ),
        case("selinux_denied_semaphore_operation")
            .given(|scene| {
                let id = ipc::semaphores(0x1002, libc::IPC_CREAT | EVERYBODY)?;
                scene.set("id", id);
                Ok(())
            })
            .when(|scene| ipc::raise_semaphore(scene.number("id")?))
            .expect(
                denied("sem", ["unix_write"])
                    .field("object.label", INIT_CONTEXT)
                    .field("object.ipc_key", 0x1002),
            ),
        case("selinux_denied_message")
            .given(|scene| {
                // A key beyond i32::MAX is a negative number to everybody.
                let id = ipc::message_queue(-0x1003, libc::IPC_CREAT | EVERYBODY)?;
                scene.set("id", id);
                Ok(())
            })
            .when(|scene| ipc::send_message(scene.number("id")?))
            .expect(
                denied("msgq", ["unix_write"])
                    .field("object.label", INIT_CONTEXT)
                    .field("object.ipc_key", -0x1003),
            ),
        case("selinux_denied_key_view")
            .given(|scene| {
                let serial = ipc::add_key(c"denyd secret", SESSION_KEYRING)?;
                ipc::open_key_to_all(serial)?;
                scene.set("serial", serial);
                Ok(())
            })
            .when(|scene| ipc::describe_key(scene.number("serial")?))
            .expect(denied_key("view", INIT_CONTEXT)),
        case("selinux_denied_key_update")
            .given(|scene| {
                let serial = ipc::add_key(c"denyd other", SESSION_KEYRING)?;
                ipc::open_key_to_all(serial)?;
                scene.set("serial", serial);
                Ok(())
            })
            .when(|scene| ipc::update_key(scene.number("serial")?))
            .expect(denied_key("write", INIT_CONTEXT)),
        case("selinux_denied_key_in_its_own_ring")
            .confined_by(BARE)
            .when(|_| ipc::add_key(c"denyd third", PROCESS_KEYRING).map(drop))
            .expect(denied_key("write", BARE_CONTEXT).field("subject.label", BARE_CONTEXT)),
    ]
}

fn privileged() -> Vec<Case> {
    vec![
        capability("selinux_denied_host_name_as_capability", "capability", "sys_admin", |_| {
            Ok(rustix::system::sethostname(b"guest")?)
        }),
        capability("selinux_denied_clock_as_capability", "capability", "sys_time", |_| system::set_clock()),
        capability("selinux_denied_accounting_as_capability", "capability", "sys_pacct", |_| {
            system::stop_accounting()
        }),
        capability("selinux_denied_device_node_as_capability", "capability", "mknod", |_| {
            file::make_node("/srv/node", rustix::fs::FileType::CharacterDevice, rustix::fs::makedev(1, 3))
        }),
        capability("selinux_denied_packet_socket_as_capability", "capability", "net_raw", |_| {
            socket::of_family(libc::AF_PACKET, SocketType::RAW).map(drop)
        }),
        case("selinux_denied_capability_of_the_second_class")
            .confined_by(BARE)
            .when(|_| system::create_bpf_map())
            .fails_with(libc::EPERM)
            .expect(denied_of_bare("capability2", ["bpf"]).field("object.capability", "bpf"))
            .expect(denied_of_bare("capability", ["sys_admin"]).field("object.capability", "sys_admin")),
    ]
}

fn kernel() -> Vec<Case> {
    vec![
        case("selinux_denied_kernel_module_request_reports_its_name")
            .when(|_| socket::of_family(libc::AF_NFC, SocketType::SEQPACKET).map(drop))
            .fails_with(libc::EAFNOSUPPORT)
            .expect(
                denied("system", ["module_request"])
                    .field("object.kind", "kernel_module")
                    .field("object.kernel_module", "net-pf-39"),
            ),
        case("selinux_denied_kernel_module_load")
            .when(|_| system::load_module())
            .expect(denied("system", ["module_load"])),
        case("selinux_denied_kernel_log")
            .when(|_| system::ask_kernel_log())
            .expect(denied("system", ["syslog_read"])),
        case("selinux_denied_setenforce")
            .when(|_| file::overwrite("/sys/fs/selinux/enforce", "0"))
            .expect(denied("security", ["setenforce"]).field("object.label", BASE)),
        case("selinux_denied_bpf_map")
            .when(|_| system::create_bpf_map())
            .expect(denied("bpf", ["map_create"])),
        case("selinux_denied_perf_event")
            .when(|_| system::open_perf_event())
            .expect(denied("perf_event", ["open"])),
        case("selinux_denied_userfaultfd_reports_the_anonymous_inode")
            .when(|_| system::userfaultfd())
            .expect(
                denied("anon_inode", ["create"])
                    .field("object.kind", "anon_inode")
                    .field("object.anon_class", "[userfaultfd]"),
            ),
        case("selinux_denied_io_uring")
            .when(|_| system::set_up_io_uring(false))
            .expect(denied("anon_inode", ["create"]).field("object.anon_class", "[io_uring]")),
        case("selinux_denied_io_uring_polling")
            .when(|_| system::set_up_io_uring(true))
            .expect(denied("io_uring", ["sqpoll"])),
        case("selinux_denied_user_namespace")
            .when(|_| system::make_user_namespace())
            .expect(denied("user_namespace", ["create"])),
        case("selinux_denied_swap_reports_the_file")
            .given(|_| scene::file("/srv/swap"))
            .confined_by(BARE)
            .when(|_| system::swap_on(c"/srv/swap"))
            .fails_with(libc::EPERM)
            .expect(denied_of_bare("capability", ["sys_admin"])),
    ]
}
