//! What concerns the whole system: mounts, modules, clocks, BPF, `io_uring`.

use std::{
    ffi::CStr,
    io,
    os::fd::{FromRawFd as _, OwnedFd},
    ptr,
};

use rustix::mount::{MountFlags, MountPropagationFlags, UnmountFlags};

use super::check;

/// Mounts an empty tmpfs.
///
/// # Errors
/// As `mount`.
pub fn mount_tmpfs(source: &str, target: &str) -> io::Result<()> {
    Ok(rustix::mount::mount(source, target, "tmpfs", MountFlags::empty(), None)?)
}

/// Mounts an empty tmpfs with flags and options.
///
/// # Errors
/// As `mount`.
pub fn mount_restricted_tmpfs(source: &str, target: &str) -> io::Result<()> {
    Ok(rustix::mount::mount(source, target, "tmpfs", MountFlags::NOSUID | MountFlags::NODEV, c"size=1m")?)
}

/// Mounts a tree a second time elsewhere.
///
/// # Errors
/// As `mount(MS_BIND)`.
pub fn mount_bind(source: &str, target: &str) -> io::Result<()> {
    Ok(rustix::mount::mount_bind(source, target)?)
}

/// Makes a mount read-only.
///
/// # Errors
/// As `mount(MS_REMOUNT)`.
pub fn remount_read_only(target: &str) -> io::Result<()> {
    Ok(rustix::mount::mount_remount(target, MountFlags::RDONLY, "")?)
}

/// Makes a mount private.
///
/// # Errors
/// As `mount(MS_PRIVATE)`.
pub fn make_private(target: &str) -> io::Result<()> {
    Ok(rustix::mount::mount_change(target, MountPropagationFlags::PRIVATE)?)
}

/// Moves a mount.
///
/// # Errors
/// As `mount(MS_MOVE)`.
pub fn move_mount(from: &str, to: &str) -> io::Result<()> {
    Ok(rustix::mount::mount_move(from, to)?)
}

/// Detaches a mount.
///
/// # Errors
/// As `umount2`.
pub fn unmount(target: &str) -> io::Result<()> {
    Ok(rustix::mount::unmount(target, UnmountFlags::DETACH)?)
}

/// Makes a new mount namespace for this process, from which nothing gets out.
///
/// # Errors
/// As `unshare` and `mount`.
pub fn leave_mount_namespace() -> io::Result<()> {
    // SAFETY: a mount namespace of its own does not make this thread's memory or descriptors another's.
    unsafe { rustix::thread::unshare_unsafe(rustix::thread::UnshareFlags::NEWNS) }?;
    let flags = MountPropagationFlags::PRIVATE | MountPropagationFlags::REC;
    Ok(rustix::mount::mount_change("/", flags)?)
}

/// Makes a new user namespace for this process.
///
/// # Errors
/// As `unshare`.
pub fn make_user_namespace() -> io::Result<()> {
    // SAFETY: a user namespace of its own does not make this thread's memory or descriptors another's.
    unsafe { rustix::thread::unshare_unsafe(rustix::thread::UnshareFlags::NEWUSER) }?;
    Ok(())
}

/// Reads the size of the kernel's log.
///
/// # Errors
/// As `syslog`.
pub fn ask_kernel_log() -> io::Result<()> {
    const READ_ALL: libc::c_int = 3;
    let mut room = [0 as libc::c_char; 16];
    // SAFETY: the kernel writes no more than the length that is given.
    check(unsafe { libc::klogctl(READ_ALL, room.as_mut_ptr(), 16) })?;
    Ok(())
}

/// Sets the clock to what it shows.
///
/// # Errors
/// As `clock_settime`.
pub fn set_clock() -> io::Result<()> {
    // Not by rustix, which reads /proc/self/auxv first: that may be refused, too.
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the kernel writes one timespec.
    check(unsafe { libc::clock_gettime(libc::CLOCK_REALTIME, &raw mut now) })?;
    // SAFETY: the kernel reads one timespec.
    check(unsafe { libc::clock_settime(libc::CLOCK_REALTIME, &raw const now) })?;
    Ok(())
}

/// Loads bytes that are no kernel module.
///
/// # Errors
/// As `init_module`.
pub fn load_module() -> io::Result<()> {
    let image = [0_u8; 64];
    let parameters: &CStr = c"";
    // SAFETY: the image has the length that is given, the parameters are NUL-terminated.
    check(unsafe { libc::syscall(libc::SYS_init_module, image.as_ptr(), image.len(), parameters.as_ptr()) })?;
    Ok(())
}

/// Loads nothing as the next kernel.
///
/// # Errors
/// As `kexec_load`.
pub fn load_kernel() -> io::Result<()> {
    let segments: *const libc::c_void = ptr::null();
    // SAFETY: no segment is read.
    check(unsafe { libc::syscall(libc::SYS_kexec_load, 0, 0, segments, 0) })?;
    Ok(())
}

/// Asks for access to an I/O port.
///
/// # Errors
/// As `ioperm`; other machines than x86 have no such call.
pub fn ask_for_port(port: libc::c_ulong) -> io::Result<()> {
    #[cfg(target_arch = "x86_64")]
    {
        // SAFETY: the port is never used.
        check(unsafe { libc::ioperm(port, 1, 1) })?;
        Ok(())
    }
    #[cfg(not(target_arch = "x86_64"))]
    {
        let _no_ports = port;
        Err(io::Error::from_raw_os_error(libc::ENOSYS))
    }
}

/// From here on this thread may only read, write and end.
///
/// # Errors
/// As `prctl(PR_SET_SECCOMP)`.
pub fn enter_strict_seccomp() -> io::Result<()> {
    // SAFETY: the call takes numbers only.
    check(unsafe { libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_STRICT) })?;
    Ok(())
}

/// Makes the system call of a number, without arguments.
///
/// # Errors
/// As the call.
pub fn call_number(number: u32) -> io::Result<()> {
    // SAFETY: the calls that are made so take no memory.
    check(unsafe { libc::syscall(number.into()) })?;
    Ok(())
}

/// Makes a system call as 32-bit programs do on x86, without arguments.
///
/// # Errors
/// As the call; other machines have no such call.
pub fn call_as_i386(number: u32) -> io::Result<()> {
    #[cfg(target_arch = "x86_64")]
    let result = {
        let result: i32;
        // SAFETY: the calls that are made so take no memory; the kernel keeps all registers but these.
        unsafe {
            core::arch::asm!(
                "int 0x80",
                inlateout("eax") number => result,
                out("r8") _, out("r9") _, out("r10") _, out("r11") _,
            );
        }
        result
    };
    #[cfg(not(target_arch = "x86_64"))]
    let result = {
        let _no_such_call = number;
        -libc::ENOSYS
    };
    if result < 0 { Err(io::Error::from_raw_os_error(-result)) } else { Ok(()) }
}

/// Creates a BPF array of one number.
///
/// # Errors
/// As `bpf(BPF_MAP_CREATE)`.
pub fn create_bpf_map() -> io::Result<()> {
    const MAP_CREATE: libc::c_int = 0;
    // map_type = BPF_MAP_TYPE_ARRAY, key_size, value_size, max_entries
    let attributes: [u32; 4] = [2, 4, 8, 1];
    // SAFETY: the kernel reads as many bytes as it is told, and they are all there.
    let map = check(unsafe {
        libc::syscall(libc::SYS_bpf, MAP_CREATE, attributes.as_ptr(), size_of_val(&attributes))
    })?;
    drop(owned(map)?);
    Ok(())
}

/// Opens a counter of this process's CPU time.
///
/// # Errors
/// As `perf_event_open`.
pub fn open_perf_event() -> io::Result<()> {
    // struct perf_event_attr: type = PERF_TYPE_SOFTWARE, size, config = PERF_COUNT_SW_TASK_CLOCK
    let mut attributes = [0_u32; 28];
    attributes[0] = 1;
    attributes[1] = 112;
    attributes[2] = 1;
    // SAFETY: the structure says its own size, which is this array's.
    let event =
        check(unsafe { libc::syscall(libc::SYS_perf_event_open, attributes.as_ptr(), 0, -1, -1, 0) })?;
    drop(owned(event)?);
    Ok(())
}

/// Makes memory that the kernel itself can't read.
///
/// # Errors
/// As `memfd_secret`.
pub fn secret_memory() -> io::Result<OwnedFd> {
    // SAFETY: the call takes numbers only.
    owned(check(unsafe { libc::syscall(libc::SYS_memfd_secret, 0) })?)
}

/// Makes a userfaultfd, and closes it.
///
/// # Errors
/// As `userfaultfd`.
pub fn userfaultfd() -> io::Result<()> {
    new_userfaultfd().map(drop)
}

/// Makes a userfaultfd, which nobody may tell about any memory.
///
/// # Errors
/// As `userfaultfd`.
pub fn new_userfaultfd() -> io::Result<OwnedFd> {
    // SAFETY: the descriptor is not told about any memory.
    Ok(unsafe { rustix::mm::userfaultfd(rustix::mm::UserfaultfdFlags::CLOEXEC) }?)
}

/// Sets up an `io_uring`, with a kernel thread that polls it if `polled`.
///
/// # Errors
/// As `io_uring_setup`.
pub fn set_up_io_uring(polled: bool) -> io::Result<()> {
    let mut parameters = rustix::io_uring::io_uring_params::default();
    if polled {
        parameters.flags = rustix::io_uring::IoringSetupFlags::SQPOLL;
    }
    // SAFETY: the parameters name no memory and no descriptor.
    unsafe { rustix::io_uring::io_uring_setup(4, &mut parameters) }?;
    Ok(())
}

/// Reads from the kernel's list of swap areas: makes a file one of them.
///
/// # Errors
/// As `swapon`.
pub fn swap_on(path: &CStr) -> io::Result<()> {
    // SAFETY: the path is NUL-terminated.
    check(unsafe { libc::swapon(path.as_ptr(), 0) })?;
    Ok(())
}

/// Turns this process's accounting off.
///
/// # Errors
/// As `acct`.
pub fn stop_accounting() -> io::Result<()> {
    // SAFETY: a null path means to turn it off.
    check(unsafe { libc::acct(ptr::null()) })?;
    Ok(())
}

fn owned(descriptor: i64) -> io::Result<OwnedFd> {
    let descriptor = i32::try_from(descriptor).map_err(io::Error::other)?;
    // SAFETY: the kernel has just made this descriptor, for nobody else.
    Ok(unsafe { OwnedFd::from_raw_fd(descriptor) })
}
