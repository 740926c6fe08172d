//! System V IPC and keys.

use std::{ffi::CStr, io, ptr};

use super::check;

/// Creates a shared memory segment, or opens one that is there (with flags 0).
///
/// # Errors
/// As `shmget`.
pub fn shared_memory(key: i32, flags: i32) -> io::Result<i32> {
    // SAFETY: the call takes numbers only.
    check(unsafe { libc::shmget(key, 4096, flags) })
}

/// Attaches a shared memory segment to read.
///
/// # Errors
/// As `shmat`.
pub fn attach_shared_memory(id: i32) -> io::Result<()> {
    // SAFETY: the kernel chooses an address that is free.
    let address = unsafe { libc::shmat(id, ptr::null(), libc::SHM_RDONLY) };
    if address.addr() == usize::MAX { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Creates a set of one semaphore, or opens one that is there (with flags 0).
///
/// # Errors
/// As `semget`.
pub fn semaphores(key: i32, flags: i32) -> io::Result<i32> {
    // SAFETY: the call takes numbers only.
    check(unsafe { libc::semget(key, 1, flags) })
}

/// Raises the first semaphore of a set.
///
/// # Errors
/// As `semop`.
pub fn raise_semaphore(id: i32) -> io::Result<()> {
    let mut operation = libc::sembuf { sem_num: 0, sem_op: 1, sem_flg: 0 };
    // SAFETY: there is one operation, and it outlives the call.
    check(unsafe { libc::semop(id, &raw mut operation, 1) })?;
    Ok(())
}

/// Creates a message queue, or opens one that is there (with flags 0).
///
/// # Errors
/// As `msgget`.
pub fn message_queue(key: i32, flags: i32) -> io::Result<i32> {
    // SAFETY: the call takes numbers only.
    check(unsafe { libc::msgget(key, flags) })
}

/// Sends a message of type 1.
///
/// # Errors
/// As `msgsnd`.
pub fn send_message(id: i32) -> io::Result<()> {
    let message: [u64; 2] = [1, 0];
    // SAFETY: a message is its type and, here, eight bytes; both are there.
    check(unsafe { libc::msgsnd(id, message.as_ptr().cast(), 8, libc::IPC_NOWAIT) })?;
    Ok(())
}

/// Adds a key of type `user` to the thread's keyring `ring` (`KEY_SPEC_*`).
///
/// # Errors
/// As `add_key`.
pub fn add_key(description: &CStr, ring: i32) -> io::Result<i32> {
    // SAFETY: both strings are NUL-terminated, and the payload has the length that is given.
    let serial = unsafe {
        libc::syscall(libc::SYS_add_key, c"user".as_ptr(), description.as_ptr(), c"secret".as_ptr(), 6, ring)
    };
    check(serial).and_then(|serial| i32::try_from(serial).map_err(io::Error::other))
}

/// Lets everybody who possesses the key or not do everything with it, so that only a module can refuse.
///
/// # Errors
/// As `keyctl(KEYCTL_SETPERM)`.
pub fn open_key_to_all(serial: i32) -> io::Result<()> {
    // SAFETY: the call takes numbers only.
    check(unsafe { libc::syscall(libc::SYS_keyctl, libc::KEYCTL_SETPERM, serial, 0x3f3f_3f3f_u32) })?;
    Ok(())
}

/// Replaces a key's payload.
///
/// # Errors
/// As `keyctl(KEYCTL_UPDATE)`.
pub fn update_key(serial: i32) -> io::Result<()> {
    // SAFETY: the payload has the length that is given.
    check(unsafe { libc::syscall(libc::SYS_keyctl, libc::KEYCTL_UPDATE, serial, c"other".as_ptr(), 5) })?;
    Ok(())
}

/// Describes a key.
///
/// # Errors
/// As `keyctl(KEYCTL_DESCRIBE)`.
pub fn describe_key(serial: i32) -> io::Result<()> {
    let mut room = [0_u8; 256];
    // SAFETY: the kernel writes no more than the length that is given.
    check(unsafe {
        libc::syscall(libc::SYS_keyctl, libc::KEYCTL_DESCRIBE, serial, room.as_mut_ptr(), room.len())
    })?;
    Ok(())
}

/// Makes and opens a POSIX message queue.
///
/// # Errors
/// As `mq_open`.
pub fn open_queue(name: &CStr) -> io::Result<()> {
    let nothing: *mut libc::mq_attr = ptr::null_mut();
    // SAFETY: the name outlives the call, and no attributes are given.
    check(unsafe { libc::mq_open(name.as_ptr(), libc::O_RDWR | libc::O_CREAT, 0o600, nothing) })?;
    Ok(())
}
