//! The state of the kernel's audit, by its netlink request `AUDIT_GET` (kernel/audit.c).
//!
//! The kernel wants `CAP_AUDIT_CONTROL` for each such request, so denyd can't ask any more once its privileges are gone.
//! What the kernel loses it also writes into its log, which can be followed (see [`super::kernel_log`]).

use std::{io, time::Duration};

use monitor_api::posture::Audit;
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    net::{
        AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType,
        netlink::{self, SocketAddrNetlink},
        recv, sendto, socket_with,
    },
};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use super::{Facts, kernel_log::KernelLog};

/// How long the kernel may take to answer: a thread of its own sends it.
const PATIENCE: Duration = Duration::from_secs(1);

/// Why the kernel did not say it.
#[derive(Debug, thiserror::Error)]
enum AuditError {
    #[error("cannot speak to the kernel's audit: {0}")]
    Socket(#[from] io::Error),
    #[error("the kernel shows the state of its audit only to a process with CAP_AUDIT_CONTROL ({0})")]
    Refused(io::Error),
    #[error("the kernel did not answer in time")]
    Late,
    #[error("the kernel's answer is not understood")]
    Answer,
}

#[derive(Debug)]
pub(super) struct Watch {
    log: Option<KernelLog>,
    /// As it was asked for last.
    known: Option<u32>,
}

impl Watch {
    pub(super) fn open() -> Self {
        let log = KernelLog::open().ok();
        let known = ask().ok().and_then(|audit| audit.lost);
        Self { log, known }
    }

    pub(super) fn read(&mut self, missing: &mut Facts) -> Option<Audit> {
        let asked = missing.unless("audit", ask());
        let said = self.log.as_mut().and_then(KernelLog::audit_lost);
        let lost = asked.as_ref().and_then(|audit| audit.lost);
        // It only grows, so that the largest is the newest.
        self.known = lost.or(self.known.max(said));
        match (asked, self.known) {
            (Some(audit), lost) => Some(Audit { lost, ..audit }),
            (None, Some(lost)) => Some(Audit { lost: Some(lost), ..Audit::default() }),
            (None, None) => None,
        }
    }
}

/// `struct nlmsghdr` (include/uapi/linux/netlink.h).
#[derive(FromBytes, Immutable, IntoBytes, KnownLayout)]
#[repr(C)]
struct Head {
    len: u32,
    kind: u16,
    flags: u16,
    sequence: u32,
    port: u32,
}

/// The first members of `struct audit_status` (include/uapi/linux/audit.h).
#[derive(FromBytes, Immutable, KnownLayout)]
#[repr(C)]
struct Status {
    _mask: u32,
    enabled: u32,
    failure: u32,
    pid: u32,
    rate_limit: u32,
    backlog_limit: u32,
    lost: u32,
    backlog: u32,
}

/// `AUDIT_GET`.
const GET: u16 = 1000;
/// `NLMSG_ERROR`, and `NLM_F_REQUEST`.
const ERROR: u16 = 2;
const REQUEST: u16 = 1;

/// Asks the kernel.
fn ask() -> Result<Audit, AuditError> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = socket_with(AddressFamily::NETLINK, SocketType::RAW, flags, Some(netlink::AUDIT))
        .map_err(io::Error::from)?;
    let len = u32::try_from(size_of::<Head>()).unwrap_or_default();
    let request = Head { len, kind: GET, flags: REQUEST, sequence: 0, port: 0 };
    let kernel = SocketAddrNetlink::new(0, 0);
    sendto(&socket, request.as_bytes(), SendFlags::empty(), &kernel).map_err(io::Error::from)?;

    let patience = Timespec { tv_sec: PATIENCE.as_secs().cast_signed(), tv_nsec: 0 };
    if poll(&mut [PollFd::new(&socket, PollFlags::IN)], Some(&patience)).map_err(io::Error::from)? == 0 {
        return Err(AuditError::Late);
    }
    let mut answer = [0; 512];
    let (len, _whole) = recv(&socket, &mut answer[..], RecvFlags::empty()).map_err(io::Error::from)?;
    audit(&answer[..len])
}

/// The state in the kernel's answer. Its length is that of the message: the kernel's audit leaves the head out of the
/// length that it writes there.
fn audit(answer: &[u8]) -> Result<Audit, AuditError> {
    let (head, payload) = Head::read_from_prefix(answer).map_err(|_short| AuditError::Answer)?;
    match head.kind {
        GET => {
            let (status, _newer) = Status::read_from_prefix(payload).map_err(|_short| AuditError::Answer)?;
            Ok(status.into())
        }
        ERROR => {
            let (error, _request) = i32::read_from_prefix(payload).map_err(|_short| AuditError::Answer)?;
            Err(AuditError::Refused(io::Error::from_raw_os_error(error.wrapping_neg())))
        }
        _ => Err(AuditError::Answer),
    }
}

impl From<Status> for Audit {
    fn from(status: Status) -> Self {
        Self {
            enabled: Some(status.enabled),
            failure: Some(status.failure),
            auditd_pid: Some(status.pid),
            rate_limit: Some(status.rate_limit),
            backlog_limit: Some(status.backlog_limit),
            backlog: Some(status.backlog),
            lost: Some(status.lost),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A netlink message of this type with this payload.
    fn message(kind: u16, payload: &[u32]) -> Vec<u8> {
        let len = u32::try_from(16 + 4 * payload.len()).unwrap();
        let head = [len, kind.into(), 0, 0];
        head.iter().chain(payload).flat_map(|word| word.to_ne_bytes()).collect()
    }

    #[test]
    fn the_kernels_answer_is_read() {
        // mask, enabled, failure, pid, rate limit, backlog limit, lost, backlog, features, wait time (actual: a tenth).
        let answer = message(1000, &[0, 1, 1, 412, 0, 8192, 7, 3, 0x7f, 60_000, 0]);
        let audit = audit(&answer).unwrap();
        assert_eq!((audit.enabled, audit.auditd_pid, audit.backlog_limit), (Some(1), Some(412), Some(8192)));
        assert_eq!((audit.lost, audit.backlog), (Some(7), Some(3)));
    }

    #[test]
    fn a_refusal_names_what_is_lacking() {
        let refused = message(2, &[(-libc::EPERM).cast_unsigned(), 16, 1000, 0, 0]);
        let error = audit(&refused).unwrap_err().to_string();
        assert!(error.contains("CAP_AUDIT_CONTROL (Operation not permitted"), "{error}");
        assert!(matches!(audit(&[1, 2, 3]), Err(AuditError::Answer)));
    }
}
