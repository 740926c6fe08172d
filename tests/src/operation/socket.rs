//! Sockets.

use std::{
    io,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, UdpSocket},
    os::fd::{AsFd as _, AsRawFd as _, BorrowedFd, OwnedFd},
};

use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketAddrUnix, SocketFlags, SocketType, ipproto,
    sockopt::set_socket_reuseaddr,
};

/// A TCP socket.
///
/// # Errors
/// As `socket`.
pub fn tcp(family: AddressFamily) -> io::Result<OwnedFd> {
    Ok(rustix::net::socket_with(family, SocketType::STREAM, SocketFlags::CLOEXEC, Some(ipproto::TCP))?)
}

/// A UDP socket.
///
/// # Errors
/// As `socket`.
pub fn udp(family: AddressFamily) -> io::Result<OwnedFd> {
    Ok(rustix::net::socket_with(family, SocketType::DGRAM, SocketFlags::CLOEXEC, Some(ipproto::UDP))?)
}

/// A unix socket.
///
/// # Errors
/// As `socket`.
pub fn unix(kind: SocketType) -> io::Result<OwnedFd> {
    Ok(rustix::net::socket_with(AddressFamily::UNIX, kind, SocketFlags::CLOEXEC, None)?)
}

/// A raw ICMP socket.
///
/// # Errors
/// As `socket`.
pub fn raw() -> io::Result<OwnedFd> {
    let flags = SocketFlags::CLOEXEC;
    Ok(rustix::net::socket_with(AddressFamily::INET, SocketType::RAW, flags, Some(ipproto::ICMP))?)
}

/// A socket of any family, by number.
///
/// # Errors
/// As `socket`.
pub fn of_family(family: i32, kind: SocketType) -> io::Result<OwnedFd> {
    let family = u16::try_from(family).map_err(io::Error::other)?;
    Ok(rustix::net::socket_with(AddressFamily::from_raw(family), kind, SocketFlags::CLOEXEC, None)?)
}

/// The kernel's routing socket.
///
/// # Errors
/// As `socket`.
pub fn routing() -> io::Result<OwnedFd> {
    // NETLINK_ROUTE is 0, as no protocol at all.
    Ok(rustix::net::socket_with(AddressFamily::NETLINK, SocketType::RAW, SocketFlags::CLOEXEC, None)?)
}

/// Asks the kernel by a routing socket to delete a network link that isn't there.
///
/// # Errors
/// As `send`, and as the kernel answers.
pub fn delete_link(socket: BorrowedFd<'_>) -> io::Result<()> {
    const DELETE_LINK: u16 = 17;
    /// Where an answer has its negative errno: after the message's head.
    const ERROR: usize = 16;
    let mut message = [0_u8; 32];
    message[..4].copy_from_slice(&32_u32.to_ne_bytes());
    message[4..6].copy_from_slice(&DELETE_LINK.to_ne_bytes());
    message[6..8].copy_from_slice(&1_u16.to_ne_bytes());
    rustix::net::send(socket, &message, SendFlags::empty())?;
    let mut answer = [0_u8; 256];
    rustix::net::recv(socket, &mut answer, RecvFlags::empty())?;
    let error = [answer[ERROR], answer[ERROR + 1], answer[ERROR + 2], answer[ERROR + 3]];
    Err(io::Error::from_raw_os_error(-i32::from_ne_bytes(error)))
}

/// The address of a port on the loopback interface.
#[must_use]
pub fn loopback4(port: u16) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, port).into()
}

/// The IPv6 address of a port on the loopback interface.
#[must_use]
pub fn loopback6(port: u16) -> SocketAddr {
    (Ipv6Addr::LOCALHOST, port).into()
}

/// Binds, though another socket may still linger on the address.
///
/// # Errors
/// As `bind`.
pub fn bind(socket: BorrowedFd<'_>, address: SocketAddr) -> io::Result<()> {
    set_socket_reuseaddr(socket, true)?;
    Ok(rustix::net::bind(socket, &address)?)
}

/// Binds.
///
/// # Errors
/// As `bind`.
pub fn bind_only(socket: BorrowedFd<'_>, address: SocketAddr) -> io::Result<()> {
    Ok(rustix::net::bind(socket, &address)?)
}

/// Connects.
///
/// # Errors
/// As `connect`.
pub fn connect(socket: BorrowedFd<'_>, address: SocketAddr) -> io::Result<()> {
    Ok(rustix::net::connect(socket, &address)?)
}

/// Sends a datagram.
///
/// # Errors
/// As `sendto`.
pub fn send_to(socket: BorrowedFd<'_>, address: SocketAddr) -> io::Result<()> {
    rustix::net::sendto(socket, b"x", SendFlags::empty(), &address)?;
    Ok(())
}

/// Sends to an IPv4 address that is given without a family.
///
/// # Errors
/// As `sendto`.
pub fn send_to_without_family(socket: BorrowedFd<'_>, address: [u8; 4], port: u16) -> io::Result<()> {
    let to = libc::sockaddr_in {
        sin_family: 0,
        sin_port: port.to_be(),
        sin_addr: libc::in_addr { s_addr: u32::from_ne_bytes(address) },
        sin_zero: [0; 8],
    };
    let len = libc::socklen_t::try_from(size_of_val(&to)).map_err(io::Error::other)?;
    // SAFETY: the address and the byte outlive the call.
    let sent =
        unsafe { libc::sendto(socket.as_raw_fd(), b"x".as_ptr().cast(), 1, 0, (&raw const to).cast(), len) };
    if sent < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Sends on a connected socket.
///
/// # Errors
/// As `send`.
pub fn send(socket: BorrowedFd<'_>) -> io::Result<()> {
    rustix::net::send(socket, b"x", SendFlags::NOSIGNAL)?;
    Ok(())
}

/// Receives, if there is something.
///
/// # Errors
/// As `recv`.
pub fn receive(socket: BorrowedFd<'_>) -> io::Result<()> {
    rustix::net::recv(socket, &mut [0_u8; 16], RecvFlags::DONTWAIT)?;
    Ok(())
}

/// The address of a unix socket: a path, or an abstract name after an `@`.
///
/// # Errors
/// Fails if the name is too long.
pub fn unix_address(name: &str) -> io::Result<SocketAddrUnix> {
    Ok(match name.strip_prefix('@') {
        Some(name) => SocketAddrUnix::new_abstract_name(name.as_bytes())?,
        None => SocketAddrUnix::new(name)?,
    })
}

/// Binds a unix socket to a path, or to an abstract name after an `@`.
///
/// # Errors
/// As `bind`.
pub fn bind_unix(socket: BorrowedFd<'_>, name: &str) -> io::Result<()> {
    Ok(rustix::net::bind(socket, &unix_address(name)?)?)
}

/// Connects a unix socket to a path, or to an abstract name after an `@`.
///
/// # Errors
/// As `connect`.
pub fn connect_unix(socket: BorrowedFd<'_>, name: &str) -> io::Result<()> {
    Ok(rustix::net::connect(socket, &unix_address(name)?)?)
}

/// Sends a datagram to a unix socket at a path, or at an abstract name after an `@`.
///
/// # Errors
/// As `sendto`.
pub fn send_to_unix(socket: BorrowedFd<'_>, name: &str) -> io::Result<()> {
    rustix::net::sendto(socket, b"x", SendFlags::empty(), &unix_address(name)?)?;
    Ok(())
}

/// A unix socket that is bound, and listens if it is a stream's.
///
/// # Errors
/// As `bind` and `listen`.
pub fn listening_unix(name: &str, kind: SocketType) -> io::Result<OwnedFd> {
    let socket = unix(kind)?;
    bind_unix(socket.as_fd(), name)?;
    if kind == SocketType::STREAM {
        rustix::net::listen(&socket, 8)?;
    }
    Ok(socket)
}

/// A TCP socket that listens.
///
/// # Errors
/// As `bind` and `listen`.
pub fn listening_tcp(address: SocketAddr) -> io::Result<OwnedFd> {
    Ok(TcpListener::bind(address)?.into())
}

/// A UDP socket that is bound.
///
/// # Errors
/// As `bind`.
pub fn bound_udp(address: SocketAddr) -> io::Result<OwnedFd> {
    Ok(UdpSocket::bind(address)?.into())
}
