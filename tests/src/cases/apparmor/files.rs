//! Files and directories.

use std::{
    fs,
    os::{
        fd::{AsFd as _, AsRawFd as _},
        unix::fs as unix_fs,
    },
};

use rustix::fs::{FileType, FlockOperation, Mode, OFlags};

use super::{case, denied, denied_file};
use crate::{
    case::Case,
    confinement::{Confinement, apparmor},
    expectation::Expectation,
    operation::{
        file::{self, Mapping},
        ipc, system,
    },
    scene::{self, directory},
};

const DEEP: &str = "/srv/shut/a/rather/long/way/down/through/many/directories/to/the/end/of/the/tree/in/which/nobody/\
                    would/look/for/anything/of/value/unless/told/to/do/so/by/a/test/that/wants/the/whole/path/ledger";

/// Takes what hangs below no root as if it did.
const CONNECTED: Confinement = Confinement::Apparmor("connected");

/// Makes a POSIX message queue.
fn queue(name: &'static str) -> Case {
    case(name).when(|_| ipc::open_queue(c"/denyd q"))
}

/// Executes a file in memory by its descriptor.
fn memfd(name: &'static str) -> Case {
    case(name)
        .before(|scene| {
            scene.hold("file", rustix::fs::memfd_create("lib ffi", rustix::fs::MemfdFlags::empty())?);
            Ok(())
        })
        .when(|scene| {
            let descriptor = scene.held("file")?.as_raw_fd();
            file::execute(format!("/proc/self/fd/{descriptor}"))
        })
}

fn of_memfd() -> Expectation {
    denied("exec")
        .field("object.path", "/memfd:lib ffi")
        .field("object.path_root", "kernel_mount")
        .field("object.deleted", true)
}

pub(super) fn cases() -> Vec<Case> {
    [opening(), changing(), names(), programs()].concat()
}

fn opening() -> Vec<Case> {
    vec![
        case("apparmor_denied_write_reports_full_path")
            .given(|_| scene::file("/srv/shut/ledger"))
            .when(|_| file::open_to_write("/srv/shut/ledger").map(drop))
            .expect(denied_file("open", "w", "/srv/shut/ledger")),
        case("apparmor_denied_read_reports_full_path")
            .given(|_| scene::file("/srv/shut/diary"))
            .when(|_| file::open_to_read("/srv/shut/diary").map(drop))
            .expect(denied_file("open", "r", "/srv/shut/diary")),
        case("apparmor_denied_write_of_what_may_be_read")
            .given(|_| scene::file("/srv/some/both"))
            .when(|_| file::open_to_read_and_write("/srv/some/both").map(drop))
            .expect(
                denied("open")
                    .field("object.path", "/srv/some/both")
                    .field("action.requested_mask", "w")
                    .field("action.denied_mask", "w"),
            ),
        case("apparmor_denied_append")
            .given(|_| scene::file("/srv/shut/log"))
            .when(|_| file::open_to_append("/srv/shut/log").map(drop))
            .expect(denied_file("open", "a", "/srv/shut/log")),
        case("apparmor_denied_directory_listing")
            .given(|_| directory("/srv/shut/list"))
            .when(|_| fs::read_dir("/srv/shut/list").map(drop))
            .expect(denied_file("open", "r", "/srv/shut/list/")),
        case("apparmor_denied_read_of_a_descriptor_from_before")
            .given(|_| scene::file("/srv/shut/held"))
            // What an unconfined process opened, AppArmor doesn't ask about again.
            .before(|scene| {
                apparmor("current", "changeprofile opener")?;
                let file = file::open_to_read("/srv/shut/held")?;
                scene.hold("file", file);
                Ok(())
            })
            .when(|scene| file::read(scene.held("file")?))
            .expect(denied_file("file_perm", "r", "/srv/shut/held")),
        case("apparmor_denied_lock")
            .given(|_| scene::file("/srv/some/lock"))
            .when(|_| {
                let file = file::open_to_read("/srv/some/lock")?;
                Ok(rustix::fs::flock(file, FlockOperation::LockShared)?)
            })
            .expect(denied_file("file_lock", "k", "/srv/some/lock")),
        case("apparmor_denied_map_to_execute")
            .given(|_| scene::file("/srv/some/plugin.so"))
            .when(|_| file::map(file::open_to_read("/srv/some/plugin.so")?.as_fd(), Mapping::Execute))
            .expect(denied_file("file_mmap", "m", "/srv/some/plugin.so")),
        case("apparmor_denied_mprotect_to_execute")
            .given(|_| scene::file("/srv/some/late.so"))
            .when(|_| file::map_then_make_executable(file::open_to_read("/srv/some/late.so")?.as_fd(), false))
            .expect(denied_file("file_mprotect", "m", "/srv/some/late.so")),
        case("apparmor_denied_file_of_another_owner")
            .given(|_| {
                scene::file("/srv/owned/file")?;
                unix_fs::chown("/srv/owned/file", Some(1000), None)
            })
            .when(|_| file::open_to_read("/srv/owned/file").map(drop))
            .expect(denied_file("open", "r", "/srv/owned/file").field("object.owner", 1000)),
        case("apparmor_denied_as_an_ordinary_user")
            .given(|_| scene::file("/srv/shut/of-user"))
            .as_user(1234)
            .when(|_| file::open_to_read("/srv/shut/of-user").map(drop))
            .expect(
                denied_file("open", "r", "/srv/shut/of-user")
                    .field("process.uid", 1234)
                    .field("process.fsuid", 1234)
                    .field("process.gid", 1234),
            ),
    ]
}

fn changing() -> Vec<Case> {
    vec![
        case("apparmor_denied_create")
            .given(|_| directory("/srv/shut"))
            .when(|_| file::create("/srv/shut/new").map(drop))
            .expect(denied_file("mknod", "c", "/srv/shut/new")),
        case("apparmor_denied_mknod")
            .given(|_| directory("/srv/shut"))
            .when(|_| file::make_node("/srv/shut/fifo", FileType::Fifo, 0))
            .expect(denied_file("mknod", "c", "/srv/shut/fifo")),
        case("apparmor_denied_mkdir")
            .given(|_| directory("/srv/shut"))
            .when(|_| fs::create_dir("/srv/shut/mkdir"))
            .expect(denied_file("mkdir", "c", "/srv/shut/mkdir/")),
        case("apparmor_denied_rmdir")
            .given(|_| directory("/srv/shut/rmdir"))
            .when(|_| fs::remove_dir("/srv/shut/rmdir"))
            .expect(denied_file("rmdir", "d", "/srv/shut/rmdir/")),
        case("apparmor_denied_unlink")
            .given(|_| scene::file("/srv/shut/unlink"))
            .when(|_| fs::remove_file("/srv/shut/unlink"))
            .expect(denied_file("unlink", "d", "/srv/shut/unlink")),
        case("apparmor_denied_symlink")
            .given(|_| directory("/srv/shut"))
            .when(|_| unix_fs::symlink("/nowhere", "/srv/shut/symlink"))
            .expect(denied_file("symlink", "c", "/srv/shut/symlink")),
        case("apparmor_denied_link_whose_file_lacks_a_right_of_the_links")
            .given(|_| scene::file("/srv/links/old"))
            .when(|_| fs::hard_link("/srv/links/old", "/srv/links/new"))
            .expect(denied_file("link", "k", "/srv/links/new").field("object.target", "/srv/links/old")),
        case("apparmor_link_passes_by_the_rule_that_is_shown")
            .given(|_| {
                scene::file("/srv/links/old")?;
                fs::remove_file("/srv/links/new").or(Ok(()))
            })
            .confined_by(Confinement::Apparmor("linker"))
            .when(|_| fs::hard_link("/srv/links/old", "/srv/links/new"))
            .succeeds(),
        queue("apparmor_denied_message_queue_that_is_disconnected").expect(
            denied("open").field("object.name", "denyd q").absent("object.path").absent("object.path_root"),
        ),
        queue("apparmor_denied_message_queue_is_no_path_of_the_process").confined_by(CONNECTED).expect(
            denied("open")
                .field("subject.label", "connected")
                .field("object.path", "/denyd q")
                .field("object.path_root", "file_system")
                .field("object.device", "mqueue"),
        ),
        memfd("apparmor_denied_execution_of_a_disconnected_memfd_names_it")
            .expect(of_memfd().field("object.name", "/proc/self/fd/3")),
        memfd("apparmor_denied_execution_of_a_memfd_names_it")
            .confined_by(CONNECTED)
            .expect(of_memfd().field("subject.label", "connected").field("object.name", "/")),
        case("apparmor_denied_link_reports_both_names")
            .given(|_| scene::file("/srv/linkable/old"))
            .when(|_| fs::hard_link("/srv/linkable/old", "/srv/linkable/new"))
            .expect(
                denied_file("link", "l", "/srv/linkable/new").field("object.target", "/srv/linkable/old"),
            ),
        case("apparmor_denied_rename_from")
            .given(|_| {
                directory("/srv/open")?;
                scene::file("/srv/shut/rename-from")
            })
            .when(|_| fs::rename("/srv/shut/rename-from", "/srv/open/renamed"))
            .expect(denied_file("rename_src", "wrd", "/srv/shut/rename-from")),
        case("apparmor_denied_rename_to")
            .given(|_| {
                directory("/srv/shut")?;
                scene::file("/srv/open/rename-to")
            })
            .when(|_| fs::rename("/srv/open/rename-to", "/srv/shut/renamed"))
            .expect(denied_file("rename_dest", "wc", "/srv/shut/renamed")),
        case("apparmor_denied_chmod")
            .given(|_| scene::file("/srv/shut/chmod"))
            .when(|_| file::change_mode("/srv/shut/chmod"))
            .expect(denied_file("chmod", "w", "/srv/shut/chmod")),
        case("apparmor_denied_chown")
            .given(|_| scene::file("/srv/shut/chown"))
            .when(|_| unix_fs::chown("/srv/shut/chown", Some(1000), None))
            .expect(denied_file("chown", "w", "/srv/shut/chown")),
        case("apparmor_denied_truncate")
            .given(|_| scene::file("/srv/shut/truncate"))
            .when(|_| {
                let path = c"/srv/shut/truncate";
                // SAFETY: the path is NUL-terminated.
                match unsafe { libc::truncate(path.as_ptr(), 1) } {
                    0 => Ok(()),
                    _ => Err(std::io::Error::last_os_error()),
                }
            })
            .expect(denied_file("truncate", "w", "/srv/shut/truncate")),
    ]
}

fn names() -> Vec<Case> {
    vec![
        case("apparmor_denied_deep_path_is_whole")
            .given(|_| scene::file(DEEP))
            .when(|_| file::open_to_read(DEEP).map(drop))
            .expect(denied_file("open", "r", DEEP)),
        case("apparmor_denied_path_through_a_bind_mount")
            .given(|_| {
                scene::file("/srv/original/ledger")?;
                directory("/srv/shut/bound")?;
                system::mount_bind("/srv/original", "/srv/shut/bound")
            })
            .when(|_| file::open_to_read("/srv/shut/bound/ledger").map(drop))
            .expect(denied_file("open", "r", "/srv/shut/bound/ledger")),
        case("apparmor_denied_name_that_is_not_utf8")
            .given(|_| scene::file(not_utf8()))
            .when(|_| file::open_to_read(not_utf8()).map(drop))
            .expect(denied_file("open", "r", "/srv/shut/caf\\xe9 \\xff")),
        case("apparmor_denied_name_with_backslash_and_newline")
            .given(|_| scene::file("/srv/shut/back\\slash \"and\"\nnewline"))
            .when(|_| file::open_to_read("/srv/shut/back\\slash \"and\"\nnewline").map(drop))
            .expect(denied_file("open", "r", "/srv/shut/back\\\\slash \"and\"\nnewline")),
        case("apparmor_denied_disconnected_path_says_so")
            .given(|_| directory("/srv/open/detached"))
            .before(|scene| {
                system::mount_tmpfs("tmpfs", "/srv/open/detached")?;
                scene::file("/srv/open/detached/inner/file")?;
                let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
                let directory = rustix::fs::open("/srv/open/detached/inner", flags, Mode::empty())?;
                scene.hold("directory", directory);
                system::unmount("/srv/open/detached")
            })
            .when(|scene| {
                let flags = OFlags::RDONLY | OFlags::CLOEXEC;
                rustix::fs::openat(scene.held("directory")?, "file", flags, Mode::empty())?;
                Ok(())
            })
            .expect(
                denied("open")
                    .field("action.info", "Failed name lookup - disconnected path")
                    .field("action.errno", libc::EACCES),
            ),
    ]
}

fn programs() -> Vec<Case> {
    vec![
        case("apparmor_denied_exec_without_a_rule")
            .given(|_| scene::program("/srv/shut/tool"))
            .when(|_| file::execute("/srv/shut/tool"))
            .expect(denied_file("exec", "x", "/srv/shut/tool")),
        case("apparmor_denied_exec_of_a_profile_that_is_not_there")
            .given(|_| scene::program("/srv/transition"))
            .when(|_| file::execute("/srv/transition"))
            .expect(
                denied_file("exec", "x", "/srv/transition")
                    .field("action.info", "profile transition not found"),
            ),
    ]
}

fn not_utf8() -> std::path::PathBuf {
    use std::os::unix::ffi::OsStrExt as _;
    std::ffi::OsStr::from_bytes(b"/srv/shut/caf\xe9 \xff").into()
}
