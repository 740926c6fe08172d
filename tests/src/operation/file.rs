//! Files.

use std::{
    convert::Infallible,
    ffi::CString,
    io,
    os::{
        fd::{AsRawFd as _, BorrowedFd, OwnedFd},
        unix::ffi::OsStrExt as _,
    },
    path::Path,
    ptr,
};

use rustix::{
    fs::{Access, AtFlags, CWD, FileType, Mode, OFlags},
    mm::{MapFlags, MprotectFlags, ProtFlags},
};

use super::check;

fn open_as(path: impl AsRef<Path>, flags: OFlags) -> io::Result<OwnedFd> {
    let mode = Mode::RUSR | Mode::WUSR;
    Ok(rustix::fs::open(path.as_ref(), flags | OFlags::CLOEXEC, mode)?)
}

/// Opens a file or directory to read.
///
/// # Errors
/// As `open`.
pub fn open_to_read(path: impl AsRef<Path>) -> io::Result<OwnedFd> {
    open_as(path, OFlags::RDONLY | OFlags::NOCTTY | OFlags::NONBLOCK)
}

/// Opens a file to write.
///
/// # Errors
/// As `open`.
pub fn open_to_write(path: impl AsRef<Path>) -> io::Result<OwnedFd> {
    open_as(path, OFlags::WRONLY | OFlags::NOCTTY | OFlags::NONBLOCK)
}

/// Opens a file to read and write.
///
/// # Errors
/// As `open`.
pub fn open_to_read_and_write(path: impl AsRef<Path>) -> io::Result<OwnedFd> {
    open_as(path, OFlags::RDWR | OFlags::NOCTTY | OFlags::NONBLOCK)
}

/// Opens a file to append.
///
/// # Errors
/// As `open`.
pub fn open_to_append(path: impl AsRef<Path>) -> io::Result<OwnedFd> {
    open_as(path, OFlags::WRONLY | OFlags::APPEND)
}

/// Opens a file to write, emptied.
///
/// # Errors
/// As `open`.
pub fn open_truncated(path: impl AsRef<Path>) -> io::Result<OwnedFd> {
    open_as(path, OFlags::WRONLY | OFlags::TRUNC)
}

/// Creates a file.
///
/// # Errors
/// As `open`.
pub fn create(path: impl AsRef<Path>) -> io::Result<OwnedFd> {
    open_as(path, OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL)
}

/// Tries to read.
///
/// # Errors
/// As `read`.
pub fn read(file: BorrowedFd<'_>) -> io::Result<()> {
    rustix::io::read(file, &mut [0_u8; 16])?;
    Ok(())
}

/// Tries to write.
///
/// # Errors
/// As `write`.
pub fn write(file: BorrowedFd<'_>) -> io::Result<()> {
    rustix::io::write(file, b"x")?;
    Ok(())
}

/// Writes to a file that is there. (The standard library's `write` also asks to create it, which may be refused.)
///
/// # Errors
/// As `open` and `write`.
pub fn overwrite(path: impl AsRef<Path>, text: &str) -> io::Result<()> {
    rustix::io::write(open_to_write(path)?, text.as_bytes())?;
    Ok(())
}

/// Executes a program; if that succeeds, this one is gone.
///
/// # Errors
/// As `execve`.
pub fn execute(path: impl AsRef<Path>) -> io::Result<()> {
    let path = CString::new(path.as_ref().as_os_str().as_bytes())?;
    let arguments = [path.as_ptr(), ptr::null()];
    let environment = [ptr::null()];
    // SAFETY: all three are NUL-terminated and outlive the call.
    check(unsafe { libc::execve(path.as_ptr(), arguments.as_ptr(), environment.as_ptr()) })?;
    Ok(())
}

/// Executes this same program with other arguments.
///
/// # Errors
/// As `execve`.
pub fn execute_self(arguments: &[&str]) -> io::Result<Infallible> {
    use std::os::unix::process::CommandExt as _;
    Err(std::process::Command::new(std::env::current_exe()?).args(arguments).exec())
}

/// Any ioctl whose argument the kernel never gets to see, because the command is refused.
///
/// # Errors
/// As `ioctl`.
pub fn ioctl(file: BorrowedFd<'_>, command: u32) -> io::Result<()> {
    let mut room = [0_u8; 4096];
    // SAFETY: the commands that cases use write less than a page, if they get through at all.
    check(unsafe { libc::ioctl(file.as_raw_fd(), command.into(), room.as_mut_ptr()) })?;
    Ok(())
}

/// Makes a node of any type.
///
/// # Errors
/// As `mknod`.
pub fn make_node(path: impl AsRef<Path>, kind: FileType, device: u64) -> io::Result<()> {
    Ok(rustix::fs::mknodat(CWD, path.as_ref(), kind, Mode::RUSR | Mode::WUSR, device)?)
}

/// Changes a file's permissions to 0600.
///
/// # Errors
/// As `chmod`.
pub fn change_mode(path: impl AsRef<Path>) -> io::Result<()> {
    Ok(rustix::fs::chmodat(CWD, path.as_ref(), Mode::RUSR | Mode::WUSR, AtFlags::empty())?)
}

/// Asks whether a file could be written, as a shell's `test -w` does.
///
/// # Errors
/// As `access`.
pub fn ask_write_access(path: impl AsRef<Path>) -> io::Result<()> {
    Ok(rustix::fs::access(path.as_ref(), Access::WRITE_OK)?)
}

/// How a file is mapped.
#[derive(Clone, Copy, Debug)]
pub enum Mapping {
    /// To read.
    Read,
    /// To run.
    Execute,
}

/// Maps the first page of a file privately.
///
/// # Errors
/// As `mmap`.
pub fn map(file: BorrowedFd<'_>, mapping: Mapping) -> io::Result<()> {
    let protection = match mapping {
        Mapping::Read => ProtFlags::READ,
        Mapping::Execute => ProtFlags::READ | ProtFlags::EXEC,
    };
    // SAFETY: the kernel chooses an address that is free.
    unsafe { rustix::mm::mmap(ptr::null_mut(), 4096, protection, MapFlags::PRIVATE, file, 0) }?;
    Ok(())
}

/// Maps the first page of a file privately to write, writes, then wants to run it.
///
/// # Errors
/// As `mmap` and `mprotect`.
pub fn map_then_make_executable(file: BorrowedFd<'_>, modify: bool) -> io::Result<()> {
    let protection = ProtFlags::READ | ProtFlags::WRITE;
    // SAFETY: the kernel chooses an address that is free.
    let page = unsafe { rustix::mm::mmap(ptr::null_mut(), 4096, protection, MapFlags::PRIVATE, file, 0) }?;
    if modify {
        // SAFETY: the page is ours, and writable.
        unsafe { page.cast::<u8>().write_volatile(1) };
    }
    // SAFETY: nothing else uses the page.
    unsafe { rustix::mm::mprotect(page, 4096, MprotectFlags::READ | MprotectFlags::EXEC) }?;
    Ok(())
}

/// Maps memory that is writable and executable at once.
///
/// # Errors
/// As `mmap`.
pub fn map_writable_and_executable() -> io::Result<()> {
    let protection = ProtFlags::READ | ProtFlags::WRITE | ProtFlags::EXEC;
    // SAFETY: the kernel chooses an address that is free.
    unsafe { rustix::mm::mmap_anonymous(ptr::null_mut(), 4096, protection, MapFlags::PRIVATE) }?;
    Ok(())
}

/// Maps huge pages that are readable and executable.
///
/// # Errors
/// As `mmap`.
pub fn map_huge_pages_to_execute() -> io::Result<()> {
    let protection = ProtFlags::READ | ProtFlags::EXEC;
    let flags = MapFlags::PRIVATE | MapFlags::HUGETLB;
    // SAFETY: the kernel chooses an address that is free.
    unsafe { rustix::mm::mmap_anonymous(ptr::null_mut(), 2 << 20, protection, flags) }?;
    Ok(())
}

/// Maps the page at address 0.
///
/// # Errors
/// As `mmap`.
pub fn map_zero_page() -> io::Result<()> {
    let flags = MapFlags::PRIVATE | MapFlags::FIXED;
    // SAFETY: nothing is mapped at address 0, so nothing is replaced; and nobody uses the page.
    unsafe { rustix::mm::mmap_anonymous(ptr::null_mut(), 4096, ProtFlags::READ, flags) }?;
    Ok(())
}
