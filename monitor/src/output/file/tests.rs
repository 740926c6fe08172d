use std::os::unix::fs::symlink;

use super::*;
use crate::{
    fault::Fault,
    format::Format,
    output::{Encoding, Hub, OutputCounts},
};

const ONE: &str = "one\n";

fn file(path: &Path) -> Appended {
    Appended { path: path.to_owned(), open: None, torn: false, buffer: Vec::new() }
}

fn lines(lines: &[&'static str]) -> Vec<Bytes> {
    lines.iter().map(|line| Bytes::from_static(line.as_bytes())).collect()
}

#[track_caller]
fn append(file: &mut Appended, line: &'static str) {
    let (written, result) = file.append(&lines(&[line]), false, None);
    assert_eq!((written, result.map_err(|error| error.to_string())), (1, Ok(())));
}

/// Writes these lines as an output does, and gives what it counted.
fn output(path: &Path, text: &[&'static str]) -> Arc<OutputCounts> {
    output_of(Hub::default(), path, text)
}

fn output_of(mut hub: Hub, path: &Path, text: &[&'static str]) -> Arc<OutputCounts> {
    let queue = hub.add("file", &Encoding::Line(Format::Json), None, 8);
    for line in lines(text) {
        hub.outputs[0].hand(line);
    }
    drop(hub);
    let counts = Arc::clone(&queue.counts);
    assert!(matches!(write(queue, path.to_owned(), &AtomicBool::new(false)), Outcome::Drained));
    counts
}

#[test]
fn a_new_file_is_its_groups_to_read_and_nobody_elses() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("denials.jsonl");
    let counts = output(&path, &[ONE, "two\n"]);
    assert_eq!(counts.to_string(), "file: received 2, written 2, lost 0");
    assert_eq!(fs::read_to_string(&path).unwrap(), "one\ntwo\n");
    assert_eq!(fs::metadata(&path).unwrap().mode() & 0o7777, 0o640);
    output(&path, &["three\n"]);
    assert_eq!(fs::read_to_string(&path).unwrap(), "one\ntwo\nthree\n");
}

#[test]
fn a_file_that_fails_on_request_loses_what_is_counted() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("denials.jsonl");
    let fault: Fault = "output-failed=1".parse().unwrap();
    let hub = Hub::with_faults([fault].into_iter().collect());
    let counts = output_of(hub, &path, &[ONE, "two\n"]);
    assert_eq!(counts.to_string(), "file: received 2, written 0, lost 2 (failed 2)");
    assert_eq!(fs::read_to_string(&path).unwrap(), "");
}

#[test]
fn a_file_that_was_moved_or_removed_is_made_anew() {
    let folder = tempfile::tempdir().unwrap();
    let (path, moved) = (folder.path().join("log"), folder.path().join("log.1"));
    let mut file = file(&path);
    append(&mut file, ONE);
    fs::rename(&path, &moved).unwrap();
    append(&mut file, "two\n");
    fs::remove_file(&path).unwrap();
    append(&mut file, "three\n");
    assert_eq!(fs::read_to_string(&moved).unwrap(), ONE);
    assert_eq!(fs::read_to_string(&path).unwrap(), "three\n");
}

#[test]
fn a_file_is_opened_anew_when_asked() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    let mut file = file(&path);
    append(&mut file, ONE);
    let before = std::ptr::from_ref::<File>(file.current(false).unwrap());
    assert_eq!(before, std::ptr::from_ref::<File>(file.current(false).unwrap()));
    // Another file in the place of the first, with the same inode number at worst: only the descriptor differs.
    fs::set_permissions(&path, Permissions::from_mode(0o400)).unwrap();
    assert_eq!(
        file.append(&lines(&["two\n"]), true, None).0,
        usize::from(rustix::process::geteuid().is_root())
    );
}

#[test]
fn traps_are_not_written_to() {
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("target");
    fs::write(&target, "").unwrap();
    let (link, pipe) = (folder.path().join("link"), folder.path().join("pipe"));
    symlink(&target, &link).unwrap();
    rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
    let missing = folder.path().join("missing/log");
    for (path, reason) in [
        (link.as_path(), "symbolic link"),
        (&pipe, "No such device"),
        (folder.path(), "directory"),
        (&missing, "No such file"),
    ] {
        let (written, result) = file(path).append(&lines(&[ONE]), false, None);
        let message = result.unwrap_err().to_string();
        assert!(written == 0 && message.contains(reason), "{message}");
        assert!(message.starts_with(path.to_str().unwrap()), "{message}");
    }
    assert_eq!(fs::read_to_string(target).unwrap(), "");
    let counts = output(&missing, &[ONE, ONE]);
    assert_eq!(counts.to_string(), "file: received 2, written 0, lost 2 (failed 2)");
    assert!(counts.is_failing());
}

#[test]
fn a_full_disk_loses_what_it_has_no_room_for() {
    let counts = output(Path::new("/dev/full"), &[ONE, "two\n", "three\n"]);
    assert_eq!(counts.to_string(), "file: received 3, written 0, lost 3 (failed 3)");
}

/// Runs this in a mount namespace of its own, where a file system of 64 KiB is at the path.
fn on_a_small_disk(at: &Path, run: impl FnOnce() + Send) {
    thread::scope(|scope| {
        let small = scope.spawn(|| {
            use rustix::mount::{MountFlags, MountPropagationFlags, mount, mount_change};
            // SAFETY: this thread shares nothing that relies on its mount namespace or working directory.
            unsafe { rustix::thread::unshare_unsafe(rustix::thread::UnshareFlags::NEWNS) }.unwrap();
            mount_change("/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC).unwrap();
            mount("none", at, "tmpfs", MountFlags::empty(), Some(c"size=64k")).unwrap();
            run();
        });
        small.join().unwrap();
    });
}

#[test]
fn a_disk_that_has_room_again_is_written_to_again_without_a_torn_line() {
    if !rustix::process::geteuid().is_root() {
        // Only root can mount.
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    on_a_small_disk(folder.path(), || {
        let (path, other) = (folder.path().join("log"), folder.path().join("other"));
        fs::write(&other, vec![0; 40 * 1024]).unwrap();
        let mut file = file(&path);
        append(&mut file, ONE);
        let line = Bytes::from("x".repeat(9_999) + "\n");
        let (written, result) = file.append(&vec![line.clone(); 5], false, None);
        let error = result.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
        let advice = format!("{}: No space left on device (os error 28): make room there", path.display());
        assert_eq!(error.to_string(), advice);
        let text = fs::read_to_string(&path).unwrap();
        assert_eq!(text.len(), ONE.len() + written * line.len(), "the part of a line is taken back");
        assert!(written < 5);
        fs::remove_file(&other).unwrap();
        append(&mut file, "end\n");
        assert_eq!(fs::read_to_string(&path).unwrap(), text + "end\n");
    });
}

#[test]
fn a_file_that_may_not_be_written_loses_its_events_and_says_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    fs::set_permissions(folder.path(), Permissions::from_mode(0o555)).unwrap();
    let check = || {
        // Permissions don't bind root. This thread alone becomes somebody else.
        let nobody = rustix::process::Uid::from_raw(65534);
        if rustix::process::geteuid().is_root() {
            rustix::thread::set_thread_res_uid(nobody, nobody, nobody).unwrap();
        }
        let (written, result) = file(&path).append(&lines(&[ONE]), false, None);
        let advice = "Permission denied (os error 13): let denyd's user write there, or name another path";
        assert_eq!(result.unwrap_err().to_string(), format!("{}: {advice}", path.display()));
        assert_eq!(written, 0);
        let counts = output(&path, &[ONE, ONE]);
        assert_eq!(counts.to_string(), "file: received 2, written 0, lost 2 (failed 2)");
    };
    thread::scope(|scope| scope.spawn(check).join().unwrap());
}
