//! The system calls that denyd makes once it is attached. All others fail with EPERM.
//!
//! They are those of reading the ring buffer, of the outputs, of the name service of the C library (which reads files,
//! loads its modules and talks to local services), and of a process that ends. There is none to run a program, to trace,
//! to mount, to load anything into the kernel, or to change who one is.

use std::collections::BTreeMap;

use seccompiler::{
    BpfProgram, Error, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, apply_filter,
};

use super::PrivilegeError;

/// Those that any arguments are allowed for.
const ALLOWED: &[libc::c_long] = &[
    // Memory and threads.
    libc::SYS_brk,
    libc::SYS_clone,
    libc::SYS_clone3,
    libc::SYS_futex,
    libc::SYS_get_robust_list,
    libc::SYS_madvise,
    libc::SYS_membarrier,
    libc::SYS_mmap,
    libc::SYS_mprotect,
    libc::SYS_mremap,
    libc::SYS_munmap,
    libc::SYS_prctl,
    libc::SYS_rseq,
    libc::SYS_sched_getaffinity,
    libc::SYS_sched_yield,
    libc::SYS_set_robust_list,
    libc::SYS_set_tid_address,
    // Signals and the end.
    libc::SYS_exit,
    libc::SYS_exit_group,
    libc::SYS_restart_syscall,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigpending,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_rt_sigtimedwait,
    libc::SYS_sigaltstack,
    libc::SYS_tgkill,
    // Who and where one is.
    libc::SYS_capget,
    libc::SYS_getcwd,
    libc::SYS_getegid,
    libc::SYS_geteuid,
    libc::SYS_getgid,
    libc::SYS_getgroups,
    libc::SYS_getpid,
    libc::SYS_getppid,
    libc::SYS_getrandom,
    libc::SYS_getrusage,
    libc::SYS_getsid,
    libc::SYS_gettid,
    libc::SYS_getuid,
    libc::SYS_prlimit64,
    libc::SYS_sysinfo,
    libc::SYS_uname,
    // Time.
    libc::SYS_clock_getres,
    libc::SYS_clock_gettime,
    libc::SYS_clock_nanosleep,
    libc::SYS_gettimeofday,
    libc::SYS_nanosleep,
    // Files.
    libc::SYS_close,
    libc::SYS_close_range,
    libc::SYS_copy_file_range,
    libc::SYS_dup,
    libc::SYS_dup3,
    libc::SYS_faccessat,
    libc::SYS_faccessat2,
    libc::SYS_fadvise64,
    libc::SYS_fallocate,
    libc::SYS_fchmod,
    libc::SYS_fchmodat,
    libc::SYS_fchown,
    libc::SYS_fchownat,
    libc::SYS_fcntl,
    libc::SYS_fdatasync,
    libc::SYS_flock,
    libc::SYS_fstat,
    libc::SYS_fstatfs,
    libc::SYS_fsync,
    libc::SYS_ftruncate,
    libc::SYS_getdents64,
    libc::SYS_ioctl,
    libc::SYS_lgetxattr,
    libc::SYS_lseek,
    libc::SYS_mkdirat,
    libc::SYS_newfstatat,
    libc::SYS_openat,
    libc::SYS_pread64,
    libc::SYS_preadv,
    libc::SYS_pwrite64,
    libc::SYS_pwritev,
    libc::SYS_read,
    libc::SYS_readlinkat,
    libc::SYS_readv,
    libc::SYS_renameat,
    libc::SYS_renameat2,
    libc::SYS_statfs,
    libc::SYS_statx,
    libc::SYS_umask,
    libc::SYS_unlinkat,
    libc::SYS_write,
    libc::SYS_writev,
    // Waiting.
    libc::SYS_epoll_create1,
    libc::SYS_epoll_ctl,
    libc::SYS_epoll_pwait,
    libc::SYS_epoll_pwait2,
    libc::SYS_eventfd2,
    libc::SYS_pipe2,
    libc::SYS_ppoll,
    libc::SYS_pselect6,
    libc::SYS_timerfd_create,
    libc::SYS_timerfd_gettime,
    libc::SYS_timerfd_settime,
    // Sockets.
    libc::SYS_accept,
    libc::SYS_accept4,
    libc::SYS_bind,
    libc::SYS_connect,
    libc::SYS_getpeername,
    libc::SYS_getsockname,
    libc::SYS_getsockopt,
    libc::SYS_listen,
    libc::SYS_recvfrom,
    libc::SYS_recvmmsg,
    libc::SYS_recvmsg,
    libc::SYS_sendmmsg,
    libc::SYS_sendmsg,
    libc::SYS_sendto,
    libc::SYS_setsockopt,
    libc::SYS_shutdown,
    libc::SYS_socketpair,
];

/// The older names of some of these, which x86 alone still has.
#[cfg(target_arch = "x86_64")]
const ALLOWED_TOO: &[libc::c_long] = &[
    libc::SYS_access,
    libc::SYS_arch_prctl,
    libc::SYS_chmod,
    libc::SYS_dup2,
    libc::SYS_epoll_wait,
    libc::SYS_getrlimit,
    libc::SYS_lstat,
    libc::SYS_mkdir,
    libc::SYS_open,
    libc::SYS_pipe,
    libc::SYS_poll,
    libc::SYS_readlink,
    libc::SYS_rename,
    libc::SYS_select,
    libc::SYS_stat,
    libc::SYS_time,
    libc::SYS_unlink,
];
#[cfg(not(target_arch = "x86_64"))]
const ALLOWED_TOO: &[libc::c_long] = &[];

/// The families of sockets: local ones, those of outputs and metrics, and netlink, which resolving a host's name uses.
const FAMILIES: [libc::c_int; 4] = [libc::AF_UNIX, libc::AF_INET, libc::AF_INET6, libc::AF_NETLINK];

/// The commands of `bpf()`: to look at what is open already (`include/uapi/linux/bpf.h`).
const BPF_MAP_LOOKUP_ELEM: u64 = 1;
const BPF_OBJ_GET_INFO_BY_FD: u64 = 15;

/// Has all other system calls fail from now on. A kernel without seccomp is said so, and left as it is.
pub(super) fn restrict() -> Result<(), PrivilegeError> {
    let filter = |error: Error| PrivilegeError::Filter(error.to_string());
    match apply_filter(&program().map_err(|error| PrivilegeError::Filter(error.to_string()))?) {
        Err(Error::Prctl(error) | Error::Seccomp(error)) if error.raw_os_error() == Some(libc::EINVAL) => {
            tracing::warn!("this kernel has no filters of system calls (CONFIG_SECCOMP_FILTER)");
            Ok(())
        }
        result => result.map_err(filter),
    }
}

fn program() -> Result<BpfProgram, Box<dyn std::error::Error>> {
    let first_is = |length, value| {
        let condition = SeccompCondition::new(0, length, SeccompCmpOp::Eq, value)?;
        SeccompRule::new(vec![condition])
    };
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> =
        ALLOWED.iter().chain(ALLOWED_TOO).map(|&call| (call, Vec::new())).collect();
    let families = FAMILIES.map(i64::from).map(i64::cast_unsigned);
    let sockets = families.map(|family| first_is(SeccompCmpArgLen::Dword, family));
    rules.insert(libc::SYS_socket, sockets.into_iter().collect::<Result<_, _>>()?);
    let commands = [BPF_MAP_LOOKUP_ELEM, BPF_OBJ_GET_INFO_BY_FD];
    let commands = commands.map(|command| first_is(SeccompCmpArgLen::Dword, command));
    rules.insert(libc::SYS_bpf, commands.into_iter().collect::<Result<_, _>>()?);
    let refused = SeccompAction::Errno(libc::EPERM.cast_unsigned());
    let arch = std::env::consts::ARCH.try_into()?;
    Ok(SeccompFilter::new(rules, refused, SeccompAction::Allow, arch)?.try_into()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_filter_fits_into_the_kernel() {
        // `include/linux/filter.h`, BPF_MAXINSNS.
        assert!(program().unwrap().len() <= 4096);
    }

    #[test]
    fn nothing_that_gains_or_runs_anything_is_allowed() {
        for call in [
            libc::SYS_execve,
            libc::SYS_execveat,
            libc::SYS_ptrace,
            libc::SYS_process_vm_readv,
            libc::SYS_perf_event_open,
            libc::SYS_mount,
            libc::SYS_init_module,
            libc::SYS_setuid,
            libc::SYS_setns,
            libc::SYS_unshare,
            libc::SYS_kill,
            libc::SYS_io_uring_setup,
        ] {
            assert!(!ALLOWED.contains(&call) && !ALLOWED_TOO.contains(&call), "{call}");
        }
    }
}
