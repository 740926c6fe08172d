//! Who is at the other end of a unix socket, and whether they may listen.
//!
//! The socket's own permissions say the same already. This holds also where somebody has changed them.

use std::{
    io,
    mem::MaybeUninit,
    os::fd::{AsFd, AsRawFd as _},
};

use rustix::net::sockopt;

/// The most groups that a process can be in: `NGROUPS_MAX` in include/uapi/linux/limits.h.
const GROUPS_MAX: usize = 65536;
/// Groups that nearly every process has room with.
const GROUPS_CAPACITY: usize = 64;

/// Whoever connected, as the kernel noted it then.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Its effective user.
    pub uid: u32,
    /// Its effective group and its supplementary groups.
    pub groups: Vec<u32>,
}

/// Who may listen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Admission {
    /// This user, beside root: denyd's own.
    pub user: u32,
    /// The members of this group, if there is one.
    pub group: Option<u32>,
}

impl Peer {
    /// Asks the kernel who connected.
    ///
    /// # Errors
    ///
    /// If it is unknown, as on a kernel before 4.13.
    pub fn from_socket(socket: impl AsFd) -> io::Result<Self> {
        let credentials = sockopt::socket_peercred(&socket)?;
        let mut groups = peer_groups(&socket)?;
        groups.push(credentials.gid.as_raw());
        Ok(Self { uid: credentials.uid.as_raw(), groups })
    }
}

impl Admission {
    /// Whether this one may listen: root, the own user, and members of the group.
    #[must_use]
    pub fn admits(&self, peer: &Peer) -> bool {
        peer.uid == 0 || peer.uid == self.user || self.group.is_some_and(|group| peer.groups.contains(&group))
    }
}

/// The supplementary groups of whoever connected (`SO_PEERGROUPS`).
fn peer_groups(socket: impl AsFd) -> io::Result<Vec<u32>> {
    let mut room = GROUPS_CAPACITY;
    loop {
        let mut groups = vec![MaybeUninit::<libc::gid_t>::uninit(); room];
        let mut bytes =
            libc::socklen_t::try_from(size_of_val(groups.as_slice())).unwrap_or(libc::socklen_t::MAX);
        // SAFETY: the kernel writes at most `bytes` bytes to `groups`, which has as many, and the length to `bytes`.
        let result = unsafe {
            libc::getsockopt(
                socket.as_fd().as_raw_fd(),
                libc::SOL_SOCKET,
                libc::SO_PEERGROUPS,
                groups.as_mut_ptr().cast(),
                &raw mut bytes,
            )
        };
        if result == 0 {
            groups.truncate(bytes as usize / size_of::<libc::gid_t>());
            // SAFETY: the kernel wrote these groups.
            return Ok(groups.into_iter().map(|group| unsafe { group.assume_init() }).collect());
        }
        let error = io::Error::last_os_error();
        if error.raw_os_error() != Some(libc::ERANGE) || room >= GROUPS_MAX {
            return Err(error);
        }
        room = GROUPS_MAX;
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixStream;

    use super::*;

    #[test]
    fn the_peer_is_who_connected() {
        let (ours, _theirs) = UnixStream::pair().unwrap();
        let peer = Peer::from_socket(&ours).unwrap();
        assert_eq!(peer.uid, rustix::process::geteuid().as_raw());
        let mut own: Vec<u32> =
            nix::unistd::getgroups().unwrap().iter().map(|group| group.as_raw()).collect();
        own.push(rustix::process::getegid().as_raw());
        assert_eq!(peer.groups, own);
    }

    #[test]
    fn root_the_own_user_and_the_group_may_listen() {
        let admission = Admission { user: 990, group: Some(980) };
        let peer = |uid, groups: &[u32]| Peer { uid, groups: groups.to_vec() };
        assert!(admission.admits(&peer(0, &[0])));
        assert!(admission.admits(&peer(990, &[990])));
        assert!(admission.admits(&peer(1000, &[1000, 980])));
        assert!(!admission.admits(&peer(1000, &[1000, 990, 0])));
        let without = Admission { user: 990, group: None };
        assert!(!without.admits(&peer(1000, &[1000, 980])));
    }
}
