//! Processes: signals, tracing, scheduling, limits, identity.

use std::{ffi::CStr, io, ptr};

use rustix::process::{Pid, Resource, Rlimit, Signal};

use super::check;

/// A process by its id.
///
/// # Errors
/// Fails if no process can have this id.
pub fn by_id(id: i32) -> io::Result<Pid> {
    Pid::from_raw(id).ok_or_else(|| io::Error::other("0 is no process"))
}

/// Sends a signal.
///
/// # Errors
/// As `kill`.
pub fn kill(id: i32, signal: Signal) -> io::Result<()> {
    Ok(rustix::process::kill_process(by_id(id)?, signal)?)
}

/// Sends a signal that has no name.
///
/// # Errors
/// As `kill`.
pub fn kill_with_number(id: i32, signal: i32) -> io::Result<()> {
    // SAFETY: the call takes numbers only.
    check(unsafe { libc::kill(id, signal) })?;
    Ok(())
}

/// Asks whether a process is there.
///
/// # Errors
/// As `kill` with signal 0.
pub fn test_kill(id: i32) -> io::Result<()> {
    Ok(rustix::process::test_kill_process(by_id(id)?)?)
}

/// Traces a process without stopping it.
///
/// # Errors
/// As `ptrace(PTRACE_SEIZE)`.
pub fn trace(id: i32) -> io::Result<()> {
    let nothing: *mut libc::c_void = ptr::null_mut();
    // SAFETY: the request takes no memory.
    check(unsafe { libc::ptrace(libc::PTRACE_SEIZE, id, nothing, nothing) })?;
    Ok(())
}

/// Reads a byte of a process's memory. (It is refused before the address matters.)
///
/// # Errors
/// As `process_vm_readv`.
pub fn read_memory(id: i32) -> io::Result<()> {
    let mut byte = 0_u8;
    let local = libc::iovec { iov_base: (&raw mut byte).cast(), iov_len: 1 };
    let remote = libc::iovec { iov_base: ptr::dangling_mut(), iov_len: 1 };
    // SAFETY: the kernel writes one byte, for which there is room.
    let read = unsafe { libc::process_vm_readv(id, &raw const local, 1, &raw const remote, 1, 0) };
    if read < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Lets others of the same user trace this process, also after it has changed its user.
///
/// # Errors
/// As `prctl(PR_SET_DUMPABLE)`.
pub fn be_traceable() -> io::Result<()> {
    Ok(rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::Dumpable)?)
}

/// Names the calling thread.
///
/// # Errors
/// As `prctl(PR_SET_NAME)`.
pub fn name(name: &CStr) -> io::Result<()> {
    Ok(rustix::thread::set_name(name)?)
}

/// Lets the parent trace this process.
///
/// # Errors
/// As `ptrace(PTRACE_TRACEME)`.
pub fn let_parent_trace() -> io::Result<()> {
    let nothing: *mut libc::c_void = ptr::null_mut();
    // SAFETY: the request takes no memory.
    check(unsafe { libc::ptrace(libc::PTRACE_TRACEME, 0, nothing, nothing) })?;
    Ok(())
}

/// Changes a process's nice value.
///
/// # Errors
/// As `setpriority`.
pub fn renice(id: i32) -> io::Result<()> {
    Ok(rustix::process::setpriority_process(Some(by_id(id)?), 5)?)
}

/// Asks for a process's scheduling policy.
///
/// # Errors
/// As `sched_getscheduler`.
pub fn ask_scheduling(id: i32) -> io::Result<()> {
    // SAFETY: the call takes a number only.
    check(unsafe { libc::sched_getscheduler(id) })?;
    Ok(())
}

/// Lowers both limits of a resource of this process.
///
/// # Errors
/// As `setrlimit`.
pub fn limit(resource: Resource, value: u64) -> io::Result<()> {
    Ok(rustix::process::setrlimit(resource, Rlimit { current: Some(value), maximum: Some(value) })?)
}

/// Changes all user ids of this process.
///
/// # Errors
/// As `setresuid`.
pub fn become_user(uid: u32) -> io::Result<()> {
    // SAFETY: the call takes numbers only.
    check(unsafe { libc::setresuid(uid, uid, uid) })?;
    Ok(())
}

/// Changes the effective user id of this process, and so its file-system user id, for good.
///
/// # Errors
/// As `setresuid`.
pub fn become_effective_user(uid: u32) -> io::Result<()> {
    const KEEP: u32 = u32::MAX;
    // SAFETY: the call takes numbers only.
    check(unsafe { libc::setresuid(KEEP, uid, KEEP) })?;
    Ok(())
}

/// Runs `body` with another effective user, and so without the capabilities of root.
///
/// # Errors
/// Fails if `body` does, or as `setresuid`.
pub fn as_user<T>(uid: u32, body: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    const KEEP: u32 = u32::MAX;
    // SAFETY: the call takes numbers only.
    check(unsafe { libc::setresuid(KEEP, uid, KEEP) })?;
    let result = body();
    // SAFETY: as above.
    check(unsafe { libc::setresuid(KEEP, 0, KEEP) })?;
    result
}

/// Runs `body` as another user, to whom nothing but the saved user id is left of root.
///
/// # Errors
/// Fails if `body` does, or as `setresuid`.
pub fn as_real_user<T>(uid: u32, body: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    // SAFETY: the call takes numbers only.
    check(unsafe { libc::setresuid(uid, uid, 0) })?;
    let result = body();
    // SAFETY: as above.
    check(unsafe { libc::setresuid(0, 0, 0) })?;
    result
}

/// Changes all group ids of this process, and leaves it no others.
///
/// # Errors
/// As `setgroups` and `setresgid`.
pub fn become_group(gid: u32) -> io::Result<()> {
    // SAFETY: an empty list needs no memory.
    check(unsafe { libc::setgroups(0, ptr::null()) })?;
    // SAFETY: the call takes numbers only.
    check(unsafe { libc::setresgid(gid, gid, gid) })?;
    Ok(())
}

/// Runs `body` in a process of its own that exits at once after it, waits for it, and returns its id.
///
/// # Errors
/// Fails if `body` does, or as `fork` and `waitpid`.
pub fn fork_and_wait(body: impl FnOnce() -> io::Result<()>) -> io::Result<u32> {
    let pid = fork(body)?;
    wait(pid)?;
    Ok(pid.unsigned_abs())
}

/// Forks a child that does only this, and gives its process id.
///
/// # Errors
/// As `fork`.
pub fn fork(body: impl FnOnce() -> io::Result<()>) -> io::Result<i32> {
    // SAFETY: the program has one thread, so the child is a whole program.
    let pid = check(unsafe { libc::fork() })?;
    if pid == 0 {
        let status = i32::from(body().is_err());
        // SAFETY: ends the process without running what belongs to its parent (buffers, destructors).
        unsafe { libc::_exit(status) };
    }
    Ok(pid)
}

/// Waits for a child.
///
/// # Errors
/// If it failed, or as `waitpid`.
pub fn wait(pid: i32) -> io::Result<()> {
    let status = rustix::process::waitpid(Some(by_id(pid)?), rustix::process::WaitOptions::empty())?;
    if status.is_some_and(|(_, status)| status.exit_status() == Some(0)) {
        Ok(())
    } else {
        Err(io::Error::other(format!("process {pid} failed: {status:?}")))
    }
}

/// Writes a title over the arguments of this program, and zeros over what is left of them.
///
/// # Errors
/// Fails if `/proc` does not say where the arguments are, or the title is longer than they are.
pub fn set_title(title: &str) -> io::Result<()> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    // The name in parentheses is the second field; where the arguments start and end are the 48th and 49th (proc(5)).
    let mut fields = stat.rsplit(") ").next().unwrap_or_default().split_whitespace().skip(45);
    let mut address = || fields.next().and_then(|field| field.parse::<usize>().ok());
    let (Some(start), Some(end)) = (address(), address()) else {
        return Err(io::Error::other("/proc/self/stat has no arguments"));
    };
    if end - start <= title.len() {
        return Err(io::Error::other("the title is longer than the arguments"));
    }
    let start = ptr::with_exposed_provenance_mut::<u8>(start);
    // SAFETY: the kernel put the arguments there, and nothing else of this program reads or writes them any more.
    unsafe { start.write_bytes(0, end - start.addr()) };
    // SAFETY: as above; it is shorter than they are.
    unsafe { start.copy_from_nonoverlapping(title.as_ptr(), title.len()) };
    Ok(())
}
