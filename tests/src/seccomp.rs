//! seccomp filters that decide about one system call and allow all others.

use std::{
    io,
    os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd},
};

/// What a filter returns (`SECCOMP_RET_*`).
pub mod action {
    #![expect(missing_docs, reason = "the names are the kernel's and say it all")]
    pub const KILL_PROCESS: u32 = 0x8000_0000;
    pub const KILL_THREAD: u32 = 0;
    pub const TRAP: u32 = 0x0003_0000;
    pub const ERRNO: u32 = 0x0005_0000;
    pub const USER_NOTIF: u32 = 0x7fc0_0000;
    pub const TRACE: u32 = 0x7ff0_0000;
    pub const LOG: u32 = 0x7ffc_0000;
    pub const ALLOW: u32 = 0x7fff_0000;
}

/// `AUDIT_ARCH_I386`.
pub const I386: u32 = 0x4000_0003;

/// A filter to be.
#[derive(Clone, Copy, Debug)]
pub struct Filter {
    arch: u32,
    call: u32,
    action: u32,
    log: bool,
    answer: Option<i32>,
}

const FILTER_FLAG_LOG: libc::c_ulong = 1 << 1;
const FILTER_FLAG_NEW_LISTENER: libc::c_ulong = 1 << 3;

impl Filter {
    /// Decides about the call of this number, by the rules of this architecture, so. An errno goes into the action's
    /// low bits.
    #[must_use]
    pub const fn new(arch: u32, call: u32, action: u32) -> Self {
        Self { arch, call, action, log: false, answer: None }
    }

    /// What it refuses is logged.
    #[must_use]
    pub const fn logged(mut self) -> Self {
        self.log = true;
        self
    }

    /// A supervisor answers with this errno, or, if it is 0, with success.
    #[must_use]
    pub const fn answered(mut self, errno: i32) -> Self {
        self.answer = Some(errno);
        self
    }

    /// Puts the calling thread under the filter.
    ///
    /// # Errors
    /// Fails as `seccomp` does.
    pub fn install(&self) -> io::Result<()> {
        rustix::thread::set_no_new_privs(true)?;
        let mut program = self.program();
        let program = libc::sock_fprog {
            len: libc::c_ushort::try_from(program.len()).map_err(io::Error::other)?,
            filter: program.as_mut_ptr(),
        };
        let log = if self.log { FILTER_FLAG_LOG } else { 0 };
        let listen = if self.answer.is_some() { FILTER_FLAG_NEW_LISTENER } else { 0 };
        // SAFETY: the kernel reads the program, which outlives the call.
        let result = unsafe {
            libc::syscall(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, log | listen, &raw const program)
        };
        let result = i32::try_from(result).map_err(io::Error::other)?;
        match self.answer {
            _ if result < 0 => Err(io::Error::last_os_error()),
            None => Ok(()),
            // SAFETY: with this flag, the result is a new descriptor, nobody else's.
            Some(errno) => supervise(&unsafe { OwnedFd::from_raw_fd(result) }, errno),
        }
    }

    /// `struct seccomp_data` is the number, then the architecture.
    fn program(&self) -> [libc::sock_filter; 6] {
        let step =
            |code: u32, jt, jf, k| libc::sock_filter { code: u16::try_from(code).unwrap_or(0), jt, jf, k };
        let load = libc::BPF_LD | libc::BPF_W | libc::BPF_ABS;
        let equal = libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K;
        let give = libc::BPF_RET | libc::BPF_K;
        [
            step(load, 0, 0, 4),
            step(equal, 0, 3, self.arch),
            step(load, 0, 0, 0),
            step(equal, 0, 1, self.call),
            step(give, 0, 0, self.action),
            step(give, 0, 0, action::ALLOW),
        ]
    }
}

/// Starts a process that answers one call, and ends with this one.
fn supervise(listener: &OwnedFd, errno: i32) -> io::Result<()> {
    // SAFETY: the program has one thread, so the child is a whole program.
    match unsafe { libc::fork() } {
        -1 => Err(io::Error::last_os_error()),
        0 => {
            if answer(listener, errno).is_ok() {
                // A supervisor that goes takes with it what tells that there was one.
                // SAFETY: only waits for the signal that comes when the parent ends.
                unsafe { libc::pause() };
            }
            // SAFETY: ends the process without running what belongs to its parent (buffers, destructors).
            unsafe { libc::_exit(1) }
        }
        _ => Ok(()),
    }
}

fn answer(listener: &OwnedFd, errno: i32) -> io::Result<()> {
    /// `SECCOMP_IOCTL_NOTIF_RECV`, `SECCOMP_IOCTL_NOTIF_SEND`.
    const RECEIVE: libc::Ioctl = 0xc050_2100;
    const SEND: libc::Ioctl = 0xc018_2101;
    rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL))?;
    // SAFETY: all of its bytes may be zero, and the kernel wants them so.
    let mut call: libc::seccomp_notif = unsafe { std::mem::zeroed() };
    // SAFETY: the kernel writes one `seccomp_notif`.
    if unsafe { libc::ioctl(listener.as_raw_fd(), RECEIVE, &raw mut call) } != 0 {
        return Err(io::Error::last_os_error());
    }
    let answer = libc::seccomp_notif_resp { id: call.id, val: 0, error: -errno, flags: 0 };
    // SAFETY: the kernel reads one `seccomp_notif_resp`.
    if unsafe { libc::ioctl(listener.as_raw_fd(), SEND, &raw const answer) } != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}
