//! Audit's settings, over its netlink socket.

use std::{
    io,
    os::fd::{AsFd as _, OwnedFd},
};

use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, netlink, netlink::SocketAddrNetlink,
};

const SET: u16 = 1001;
const ADD_RULE: u16 = 1011;
const USER: u16 = 1005;
const USER_AVC: u16 = 1107;

const STATUS_ENABLED: u32 = 0x01;
const STATUS_BACKLOG_LIMIT: u32 = 0x10;

const FILTER_EXCLUDE: u32 = 5;
const NEVER: u32 = 0;
const FIELD_MSGTYPE: u32 = 12;
const EQUAL: u32 = 0x4000_0000;

/// A socket to the kernel's audit.
pub struct AuditControl(OwnedFd);

impl AuditControl {
    /// Opens it; `None` where audit is off (`audit=0`).
    ///
    /// # Errors
    /// As `socket`.
    pub fn open() -> io::Result<Option<Self>> {
        let family = AddressFamily::NETLINK;
        match rustix::net::socket_with(family, SocketType::RAW, SocketFlags::CLOEXEC, Some(netlink::AUDIT)) {
            Ok(socket) => Ok(Some(Self(socket))),
            Err(rustix::io::Errno::PROTONOSUPPORT) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Makes room for all records, and turns auditing of system calls on or off: on, each denial's record comes with
    /// the facts of its system call, and Landlock records at all.
    ///
    /// # Errors
    /// Fails if the kernel refuses.
    pub fn enable(&self, system_calls: bool) -> io::Result<()> {
        // struct audit_status: mask, enabled, failure, pid, rate_limit, backlog_limit, and more that isn't set
        let status =
            [STATUS_ENABLED | STATUS_BACKLOG_LIMIT, system_calls.into(), 0, 0, 0, 65_536, 0, 0, 0, 0, 0];
        self.request(SET, &words(&status))
    }

    /// Keeps records of this type out.
    ///
    /// # Errors
    /// Fails if the kernel refuses.
    pub fn exclude(&self, record_type: u32) -> io::Result<()> {
        // struct audit_rule_data: flags, action, field_count, mask[64], fields[64], values[64], fieldflags[64], buflen
        let mut rule = [0_u32; 3 + 4 * 64 + 1];
        rule[..3].copy_from_slice(&[FILTER_EXCLUDE, NEVER, 1]);
        rule[3 + 64] = FIELD_MSGTYPE;
        rule[3 + 2 * 64] = record_type;
        rule[3 + 3 * 64] = EQUAL;
        self.request(ADD_RULE, &words(&rule))
    }

    /// Sends a text the way that all records take, so that it comes out after all that came before.
    ///
    /// # Errors
    /// Fails if the kernel refuses.
    pub fn send_text(&self, text: &str) -> io::Result<()> {
        self.request(USER_AVC, &[text.as_bytes(), &[0]].concat())
    }

    /// Sends a text that is of no object manager.
    ///
    /// # Errors
    /// Fails if the kernel refuses.
    pub fn send_note(&self, text: &str) -> io::Result<()> {
        self.request(USER, &[text.as_bytes(), &[0]].concat())
    }

    fn request(&self, kind: u16, payload: &[u8]) -> io::Result<()> {
        const HEAD: usize = 16;
        const REQUEST_AND_ACK: u16 = 1 | 4;
        let length = u32::try_from(HEAD + payload.len()).map_err(io::Error::other)?;
        let mut message = Vec::with_capacity(HEAD + payload.len());
        message.extend(length.to_ne_bytes());
        message.extend(kind.to_ne_bytes());
        message.extend(REQUEST_AND_ACK.to_ne_bytes());
        message.extend([0; 8]);
        message.extend(payload);
        let kernel = SocketAddrNetlink::new(0, 0);
        rustix::net::sendto(self.0.as_fd(), &message, SendFlags::empty(), &kernel)?;
        let mut answer = [0_u8; 8192];
        rustix::net::recv(self.0.as_fd(), &mut answer, RecvFlags::empty())?;
        let error = i32::from_ne_bytes([answer[HEAD], answer[HEAD + 1], answer[HEAD + 2], answer[HEAD + 3]]);
        if error == 0 { Ok(()) } else { Err(io::Error::from_raw_os_error(-error)) }
    }
}

fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_ne_bytes()).collect()
}
