//! Files and directories.

use std::{
    fs,
    os::fd::AsFd as _,
    os::unix::fs::{self as unix_fs, MetadataExt as _},
};

use rustix::fs::{FileType, FlockOperation};

use super::{APP_CONTEXT, BARE, PERMISSIVE, SECRET, STAGE, case, denied, denied_of_bare};
use crate::{
    case::Case,
    confinement::Confinement,
    expectation::Expectation,
    operation::{
        file::{self, Mapping},
        system,
    },
    scene::{
        directory, file, label, labelled_directory, labelled_file, labelled_program, private_file_of_another,
    },
};

/// A denial of a file permission, on the type of that context.
fn on<const N: usize>(context: &'static str, permissions: [&'static str; N]) -> Expectation {
    denied("file", permissions).field("object.label", context)
}

fn on_secret<const N: usize>(permissions: [&'static str; N]) -> Expectation {
    on(SECRET, permissions)
}

const DEEP: &str = "/srv/deep/a/rather/long/way/down/through/many/directories/to/the/end/of/the/tree/in/which/nobody/\
                    would/look/for/anything/of/value/unless/told/to/do/so/by/a/test/that/wants/the/whole/path/ledger";

pub(super) fn cases() -> Vec<Case> {
    [opening(), using(), changing(), directories(), paths()].concat()
}

fn opening() -> Vec<Case> {
    vec![
        case("selinux_denied_write_reports_full_path")
            .given(|_| labelled_file("/srv/data/ledger", "secret_t"))
            .when(|_| file::open_to_write("/srv/data/ledger").map(drop))
            .expect(on_secret(["write"]).path("/srv/data/ledger").field("object.mode", "0100644")),
        case("selinux_denied_read_reports_full_path")
            .given(|_| labelled_file("/srv/data/diary", "secret_t"))
            .when(|_| file::open_to_read("/srv/data/diary").map(drop))
            .expect(on_secret(["read"]).path("/srv/data/diary")),
        case("selinux_denied_read_and_write_is_one_event")
            .given(|_| labelled_file("/srv/data/both", "secret_t"))
            .when(|_| file::open_to_read_and_write("/srv/data/both").map(drop))
            .expect(on_secret(["read", "write"]).path("/srv/data/both")),
        case("selinux_denied_append")
            .given(|_| labelled_file("/srv/data/log", "no_append_t"))
            .when(|_| file::open_to_append("/srv/data/log").map(drop))
            .expect(on("system_u:object_r:no_append_t:s0", ["append"]).path("/srv/data/log")),
        case("selinux_denied_open_alone")
            .given(|_| labelled_file("/srv/data/closed", "no_open_t"))
            .when(|_| file::open_to_read("/srv/data/closed").map(drop))
            .expect(on("system_u:object_r:no_open_t:s0", ["open"]).path("/srv/data/closed")),
        case("selinux_denied_create")
            .given(|_| labelled_directory("/srv/inbox", "no_create_t"))
            .when(|_| file::create("/srv/inbox/new").map(drop))
            .expect(on("system_u:object_r:no_create_t:s0", ["create"]).path("/srv/inbox/new")),
        case("selinux_denied_execute")
            .given(|_| labelled_program("/srv/bin/tool", "no_execute_t"))
            .when(|_| file::execute("/srv/bin/tool"))
            .expect(on("system_u:object_r:no_execute_t:s0", ["execute"]).path("/srv/bin/tool")),
        case("selinux_denied_execute_without_transition")
            .given(|_| labelled_program("/srv/bin/script", "no_execute_no_trans_t"))
            .when(|_| file::execute("/srv/bin/script"))
            .expect(
                on("system_u:object_r:no_execute_no_trans_t:s0", ["execute_no_trans"])
                    .path("/srv/bin/script"),
            ),
        case("selinux_denied_device_reports_its_class")
            .given(|_| {
                file::make_node("/dev/denyd", FileType::CharacterDevice, rustix::fs::makedev(1, 3))?;
                label("/dev/denyd", "secret_t")
            })
            .when(|_| file::open_to_read_and_write("/dev/denyd").map(drop))
            .expect(denied("chr_file", ["read", "write"]).path("/dev/denyd").field("object.mode", "0020600")),
        case("selinux_denied_fifo")
            .given(|_| {
                file::make_node("/srv/fifo", FileType::Fifo, 0)?;
                label("/srv/fifo", "secret_t")
            })
            .when(|_| file::open_to_read("/srv/fifo").map(drop))
            .expect(denied("fifo_file", ["read"]).path("/srv/fifo")),
        case("selinux_denied_readlink")
            .given(|_| {
                unix_fs::symlink("/nowhere", "/srv/pointer")?;
                rustix::fs::lsetxattr(
                    "/srv/pointer",
                    "security.selinux",
                    b"system_u:object_r:secret_t:s0\0",
                    rustix::fs::XattrFlags::empty(),
                )?;
                Ok(())
            })
            .when(|_| fs::read_link("/srv/pointer").map(drop))
            .expect(denied("lnk_file", ["read"]).path("/srv/pointer").field("object.label", SECRET)),
    ]
}

fn using() -> Vec<Case> {
    vec![
        case("selinux_denied_getattr")
            .given(|_| labelled_file("/srv/data/hidden", "no_getattr_t"))
            .when(|_| fs::metadata("/srv/data/hidden").map(drop))
            .expect(on("system_u:object_r:no_getattr_t:s0", ["getattr"]).path("/srv/data/hidden")),
        case("selinux_denied_ioctl_reports_the_command")
            .given(|_| labelled_file("/srv/data/ioctl", "no_ioctl_t"))
            .when(|_| file::ioctl(file::open_to_read("/srv/data/ioctl")?.as_fd(), 0x5401))
            .expect(
                on("system_u:object_r:no_ioctl_t:s0", ["ioctl"])
                    .path("/srv/data/ioctl")
                    .field("action.ioctl_command", 0x5401),
            ),
        case("selinux_denied_ioctl_by_extended_permission")
            .given(|_| labelled_file("/srv/data/xperm", "some_ioctls_t"))
            .when(|_| file::ioctl(file::open_to_read("/srv/data/xperm")?.as_fd(), 0x5403))
            .expect(
                on("system_u:object_r:some_ioctls_t:s0", ["ioctl"])
                    .path("/srv/data/xperm")
                    .field("action.ioctl_command", 0x5403),
            ),
        case("selinux_denied_lock")
            .given(|_| labelled_file("/srv/data/lock", "no_lock_t"))
            .when(|_| {
                let file = file::open_to_read("/srv/data/lock")?;
                Ok(rustix::fs::flock(file, FlockOperation::LockShared)?)
            })
            .expect(on("system_u:object_r:no_lock_t:s0", ["lock"]).path("/srv/data/lock")),
        case("selinux_denied_map")
            .given(|_| labelled_file("/srv/data/map", "no_map_t"))
            .when(|_| file::map(file::open_to_read("/srv/data/map")?.as_fd(), Mapping::Read))
            .expect(on("system_u:object_r:no_map_t:s0", ["map"]).path("/srv/data/map")),
        case("selinux_denied_map_to_execute")
            .given(|_| labelled_file("/srv/lib/plugin.so", "no_execute_t"))
            .when(|_| file::map(file::open_to_read("/srv/lib/plugin.so")?.as_fd(), Mapping::Execute))
            .expect(on("system_u:object_r:no_execute_t:s0", ["execute"]).path("/srv/lib/plugin.so")),
        case("selinux_denied_execmod")
            .given(|_| labelled_file("/srv/lib/patched.so", "no_execmod_t"))
            .when(|_| {
                let file = file::open_to_read("/srv/lib/patched.so")?;
                file::map_then_make_executable(file.as_fd(), true)
            })
            .expect(on("system_u:object_r:no_execmod_t:s0", ["execmod"]).path("/srv/lib/patched.so")),
        case("selinux_denied_watch")
            .given(|_| labelled_file("/srv/data/watched", "no_watch_t"))
            .when(|_| {
                let queue = rustix::fs::inotify::init(rustix::fs::inotify::CreateFlags::CLOEXEC)?;
                let flags = rustix::fs::inotify::WatchFlags::MODIFY;
                rustix::fs::inotify::add_watch(queue, "/srv/data/watched", flags)?;
                Ok(())
            })
            .expect(on("system_u:object_r:no_watch_t:s0", ["watch"]).path("/srv/data/watched")),
        case("selinux_denied_access_check_asks_for_what_was_asked")
            .given(|_| labelled_file("/srv/data/asked", "no_write_t"))
            .when(|_| file::ask_write_access("/srv/data/asked"))
            .expect(on("system_u:object_r:no_write_t:s0", ["write"]).path("/srv/data/asked")),
        case("selinux_denied_descriptor_of_another_domain")
            .given(|_| file("/srv/data/passed"))
            .before(|scene| {
                file::overwrite("/proc/thread-self/attr/current", "system_u:system_r:opener_t:s0")?;
                let file = file::open_to_read("/srv/data/passed")?;
                scene.hold("file", file);
                Ok(())
            })
            .when(|scene| file::read(scene.held("file")?))
            .expect(
                denied("fd", ["use"])
                    .field("object.label", "system_u:system_r:opener_t:s0")
                    .path("/srv/data/passed"),
            ),
        case("selinux_permitted_write_in_a_permissive_domain")
            .given(|_| labelled_file("/srv/data/permissive", "no_write_t"))
            .confined_by(PERMISSIVE)
            .when(|_| file::open_to_write("/srv/data/permissive").map(drop))
            .succeeds()
            .expect(
                Expectation::permitted()
                    .action("file", ["write"])
                    .field("subject.label", "system_u:system_r:permissive_t:s0")
                    .field("object.label", "system_u:object_r:no_write_t:s0")
                    .path("/srv/data/permissive"),
            ),
        case("selinux_denied_execmem_has_no_object")
            .confined_by(BARE)
            .when(|_| file::map_writable_and_executable())
            .expect(denied_of_bare("process", ["execmem"])),
        case("selinux_denied_zero_page")
            .when(|_| file::map_zero_page())
            .expect(denied("memprotect", ["mmap_zero"])),
    ]
}

fn changing() -> Vec<Case> {
    vec![
        case("selinux_denied_chmod")
            .given(|_| labelled_file("/srv/data/chmod", "secret_t"))
            .when(|_| file::change_mode("/srv/data/chmod"))
            .expect(on_secret(["setattr"]).path("/srv/data/chmod")),
        case("selinux_denied_relabel")
            .given(|_| labelled_file("/srv/data/relabel", "secret_t"))
            .when(|_| label("/srv/data/relabel", "stage_t"))
            .expect(on_secret(["relabelfrom"]).path("/srv/data/relabel")),
        case("selinux_denied_relabel_to")
            .given(|_| file("/srv/data/relabel-to"))
            .when(|_| label("/srv/data/relabel-to", "secret_t"))
            .expect(on_secret(["relabelto"]).path("/srv/data/relabel-to")),
        case("selinux_denied_association_names_the_file_as_subject")
            .given(|_| file("/srv/data/stranger"))
            .when(|_| label("/srv/data/stranger", "stranger_t"))
            .expect(
                denied("filesystem", ["associate"])
                    .field("subject.label", "system_u:object_r:stranger_t:s0")
                    .field("subject.not_process", true)
                    .field("process.label", APP_CONTEXT)
                    .field("object.label", STAGE)
                    .path("/srv/data/stranger"),
            ),
        case("selinux_denied_unlink")
            .given(|_| labelled_file("/srv/data/unlink", "secret_t"))
            .when(|_| fs::remove_file("/srv/data/unlink"))
            .expect(on_secret(["unlink"]).path("/srv/data/unlink")),
        case("selinux_denied_link")
            .given(|_| labelled_file("/srv/data/link", "no_link_t"))
            .when(|_| fs::hard_link("/srv/data/link", "/srv/data/second-name"))
            .expect(on("system_u:object_r:no_link_t:s0", ["link"]).path("/srv/data/link")),
        case("selinux_denied_rename")
            .given(|_| labelled_file("/srv/data/old-name", "secret_t"))
            .when(|_| fs::rename("/srv/data/old-name", "/srv/data/new-name"))
            .expect(on_secret(["rename"]).path("/srv/data/old-name")),
        case("selinux_denied_truncate")
            .given(|_| labelled_file("/srv/data/truncate", "secret_t"))
            .when(|_| file::open_truncated("/srv/data/truncate").map(drop))
            .expect(on_secret(["write"]).path("/srv/data/truncate")),
        case("selinux_denied_chown_as_capability")
            .given(|_| file("/srv/data/chown"))
            .confined_by(BARE)
            .when(|_| unix_fs::chown("/srv/data/chown", Some(1000), None))
            .fails_with(libc::EPERM)
            .expect(denied_of_bare("capability", ["chown"]).field("object.capability", "chown")),
        case("selinux_denied_override_of_permission_bits")
            .given(|_| private_file_of_another("/srv/data/other"))
            .confined_by(BARE)
            .when(|_| file::open_to_write("/srv/data/other").map(drop))
            .expect(
                denied_of_bare("capability", ["dac_override"])
                    .field("object.capability", "dac_override")
                    .field("object.kind", "capability")
                    .field("object.path", "/srv/data/other")
                    .field("object.path_root", "mount_namespace"),
            ),
        case("selinux_denied_two_capabilities_are_two_events")
            .given(|_| private_file_of_another("/srv/data/others"))
            .confined_by(BARE)
            .when(|_| file::open_to_read("/srv/data/others").map(drop))
            .expect(
                denied_of_bare("capability", ["dac_read_search"]).field("object.path", "/srv/data/others"),
            )
            .expect(denied_of_bare("capability", ["dac_override"]).field("object.path", "/srv/data/others")),
    ]
}

fn directories() -> Vec<Case> {
    vec![
        case("selinux_denied_search")
            .given(|_| {
                file("/srv/vault/inner/file")?;
                label("/srv/vault/inner", "no_search_t")
            })
            .when(|_| fs::metadata("/srv/vault/inner/file").map(drop))
            .expect(
                denied("dir", ["search"])
                    .path("/srv/vault/inner")
                    .field("object.label", "system_u:object_r:no_search_t:s0")
                    .field("object.mode", "0040755"),
            ),
        case("selinux_denied_directory_listing")
            .given(|_| labelled_directory("/srv/vault/list", "secret_t"))
            .when(|_| fs::read_dir("/srv/vault/list").map(drop))
            .expect(denied("dir", ["read"]).path("/srv/vault/list")),
        case("selinux_denied_mkdir")
            .given(|_| labelled_directory("/srv/vault/mkdir", "no_add_name_t"))
            .when(|_| fs::create_dir("/srv/vault/mkdir/new"))
            .expect(denied("dir", ["add_name"]).path("/srv/vault/mkdir").field("object.entry", "new")),
        case("selinux_denied_rmdir")
            .given(|_| labelled_directory("/srv/vault/rmdir", "no_rmdir_t"))
            .when(|_| fs::remove_dir("/srv/vault/rmdir"))
            .expect(denied("dir", ["rmdir"]).path("/srv/vault/rmdir")),
        case("selinux_denied_name_removal")
            .given(|_| {
                file("/srv/vault/remove/file")?;
                label("/srv/vault/remove", "no_remove_name_t")
            })
            .before(|scene| {
                scene.set("directory", fs::metadata("/srv/vault/remove")?.ino());
                Ok(())
            })
            .when(|_| fs::remove_file("/srv/vault/remove/file"))
            .expect(
                denied("dir", ["remove_name"])
                    .path("/srv/vault/remove")
                    .field("object.entry", "file")
                    .field("object.mode", "0040755")
                    .fact("object.inode", "directory"),
            ),
        case("selinux_denied_reparent")
            .given(|_| {
                directory("/srv/vault/elsewhere")?;
                labelled_directory("/srv/vault/reparent", "no_reparent_t")
            })
            .when(|_| fs::rename("/srv/vault/reparent", "/srv/vault/elsewhere/reparent"))
            .expect(denied("dir", ["reparent"]).path("/srv/vault/reparent")),
        case("selinux_denied_mount_on")
            .given(|_| labelled_directory("/srv/vault/mount-point", "no_mounton_t"))
            .when(|_| system::mount_tmpfs("tmpfs", "/srv/vault/mount-point"))
            .expect(denied("dir", ["mounton"]).path("/srv/vault/mount-point")),
        case("selinux_denied_chroot_as_capability")
            .given(|_| directory("/srv/vault/root"))
            .confined_by(BARE)
            .when(|_| Ok(rustix::process::chroot("/srv/vault/root")?))
            .fails_with(libc::EPERM)
            .expect(denied_of_bare("capability", ["sys_chroot"])),
    ]
}

fn paths() -> Vec<Case> {
    vec![
        case("selinux_denied_deep_path_is_whole")
            .given(|_| labelled_file(DEEP, "secret_t"))
            .when(|_| file::open_to_write(DEEP).map(drop))
            .expect(on_secret(["write"]).path(DEEP)),
        case("selinux_denied_path_through_mounts_is_whole")
            .given(|_| {
                for mount in ["/srv/mounts", "/srv/mounts/inner"] {
                    directory(mount)?;
                    system::mount_tmpfs("tmpfs", mount)?;
                }
                labelled_file("/srv/mounts/inner/data/ledger", "secret_t")
            })
            .when(|_| file::open_to_write("/srv/mounts/inner/data/ledger").map(drop))
            .expect(on_secret(["write"]).path("/srv/mounts/inner/data/ledger")),
        case("selinux_denied_in_a_bind_mount")
            .given(|_| {
                directory("/srv/original")?;
                system::mount_tmpfs("tmpfs", "/srv/original")?;
                labelled_file("/srv/original/data/ledger", "no_ioctl_t")?;
                directory("/srv/bound")?;
                system::mount_bind("/srv/original/data", "/srv/bound")
            })
            // ioctl's audit data has the path, not only the inode, so there is no doubt about the mount.
            .when(|_| file::ioctl(file::open_to_read("/srv/bound/ledger")?.as_fd(), 0x5401))
            .expect(on("system_u:object_r:no_ioctl_t:s0", ["ioctl"]).path("/srv/bound/ledger")),
        case("selinux_denied_name_that_is_not_utf8")
            .given(|_| labelled_file(not_utf8(), "secret_t"))
            .when(|_| file::open_to_write(not_utf8()).map(drop))
            .expect(on_secret(["write"]).path("/srv/names/caf\\xe9 \\xff")),
        case("selinux_denied_name_with_backslash_and_newline")
            .given(|_| labelled_file("/srv/names/back\\slash \"and\"\nnewline", "secret_t"))
            .when(|_| file::open_to_write("/srv/names/back\\slash \"and\"\nnewline").map(drop))
            .expect(on_secret(["write"]).path("/srv/names/back\\\\slash \"and\"\nnewline")),
        case("selinux_denied_unlinked_file_is_said_to_be_deleted")
            .given(|_| labelled_file("/srv/data/gone", "no_lock_t"))
            .when(|_| {
                let file = file::open_to_read("/srv/data/gone")?;
                fs::remove_file("/srv/data/gone")?;
                Ok(rustix::fs::flock(file, FlockOperation::LockShared)?)
            })
            .expect(
                on("system_u:object_r:no_lock_t:s0", ["lock"])
                    .path("/srv/data/gone")
                    .field("object.deleted", true),
            ),
        case("selinux_denied_in_a_mount_namespace_of_its_own")
            .given(|_| directory("/srv/private"))
            .before(|_| {
                system::leave_mount_namespace()?;
                system::mount_tmpfs("tmpfs", "/srv/private")?;
                labelled_file("/srv/private/file", "secret_t")
            })
            .when(|_| file::open_to_write("/srv/private/file").map(drop))
            .expect(on_secret(["write"]).path("/srv/private/file")),
        case("selinux_denied_in_a_chroot_reports_the_path_outside")
            .given(|_| labelled_file("/srv/jail/etc/shadow", "secret_t"))
            // The jail has no /proc, so the way into the domain is opened before.
            .confined_by(Confinement::None)
            .before(|_| {
                let domain = file::open_to_write("/proc/thread-self/attr/current")?;
                rustix::process::chroot("/srv/jail")?;
                rustix::io::write(domain, APP_CONTEXT.as_bytes())?;
                Ok(())
            })
            .when(|_| file::open_to_read("/etc/shadow").map(drop))
            .expect(on_secret(["read"]).path("/srv/jail/etc/shadow")),
        case("selinux_denied_proc_reports_its_file_system")
            .given(|scene| scene.stand(&["--selinux", super::TARGET_CONTEXT]))
            .when(|scene| {
                let target: i32 = scene.number("target")?;
                file::open_to_read(format!("/proc/{target}/status")).map(drop)
            })
            .expect(
                denied("file", ["read"])
                    .field("object.label", super::TARGET_CONTEXT)
                    .field("object.device", "proc"),
            ),
    ]
}

fn not_utf8() -> std::path::PathBuf {
    use std::os::unix::ffi::OsStrExt as _;
    std::ffi::OsStr::from_bytes(b"/srv/names/caf\xe9 \xff").into()
}
