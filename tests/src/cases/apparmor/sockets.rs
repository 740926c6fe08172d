//! Sockets.

use std::{
    io,
    os::fd::{AsFd as _, OwnedFd},
};

use rustix::net::{AddressFamily, SocketType};

use super::{BARE, case, denied_of_bare};
use crate::{
    case::{Case, Step},
    expectation::Expectation,
    operation::socket::{self, loopback4, loopback6},
    scene::Scene,
};

/// An operation on a socket, refused to `bare`, which has it from before it was confined.
fn on_socket(
    name: &'static str,
    operation: &'static str,
    mask: &'static str,
    before: Step,
    when: Step,
) -> Case {
    let event = denied_of_bare(operation)
        .field("object.kind", "socket")
        .field("action.requested_mask", mask)
        .field("action.denied_mask", mask);
    case(name).confined_by(BARE).before(before).when(when).expect(event)
}

/// Making a socket of this family and type is refused to `bare`.
fn create(name: &'static str, family: &'static str, kind: &'static str, when: Step) -> Case {
    case(name).confined_by(BARE).when(when).expect(socket_of(denied_of_bare("create"), family, kind))
}

fn socket_of(event: Expectation, family: &'static str, kind: &'static str) -> Expectation {
    event
        .field("object.kind", "socket")
        .field("object.family", family)
        .field("object.socket_type", kind)
        .field("action.requested_mask", "create")
        .field("action.denied_mask", "create")
}

pub(super) fn cases() -> Vec<Case> {
    [creating(), using()].concat()
}

fn creating() -> Vec<Case> {
    vec![
        create("apparmor_denied_tcp_socket", "inet", "stream", |_| {
            socket::tcp(AddressFamily::INET).map(drop)
        }),
        create("apparmor_denied_ipv6_udp_socket", "inet6", "dgram", |_| {
            socket::udp(AddressFamily::INET6).map(drop)
        }),
        create("apparmor_denied_unix_socket", "unix", "stream", |_| {
            socket::unix(SocketType::STREAM).map(drop)
        }),
        create("apparmor_denied_netlink_socket", "netlink", "raw", |_| socket::routing().map(drop)),
        create("apparmor_denied_packet_socket", "packet", "raw", |_| {
            socket::of_family(libc::AF_PACKET, SocketType::RAW).map(drop)
        }),
        create("apparmor_denied_crypto_socket", "alg", "seqpacket", |_| {
            socket::of_family(libc::AF_ALG, SocketType::SEQPACKET).map(drop)
        }),
    ]
}

fn using() -> Vec<Case> {
    vec![
        on_socket("apparmor_denied_bind", "bind", "bind", tcp4, |scene| {
            socket::bind_only(scene.held("socket")?, loopback4(5599))
        }),
        on_socket("apparmor_denied_ipv6_bind", "bind", "bind", tcp6, |scene| {
            socket::bind_only(scene.held("socket")?, loopback6(5599))
        }),
        on_socket("apparmor_denied_connect", "connect", "connect", tcp4, |scene| {
            socket::connect(scene.held("socket")?, loopback4(5432))
        }),
        on_socket("apparmor_denied_listen", "listen", "listen", tcp4, |scene| {
            Ok(rustix::net::listen(scene.held("socket")?, 1)?)
        }),
        on_socket("apparmor_denied_accept", "accept", "accept", listening, |scene| {
            Ok(rustix::net::accept(scene.held("socket")?).map(drop)?)
        }),
        on_socket("apparmor_denied_send", "sendmsg", "send", connected, |scene| {
            socket::send(scene.held("socket")?)
        }),
        on_socket("apparmor_denied_receive", "recvmsg", "receive", connected, |scene| {
            socket::receive(scene.held("socket")?)
        }),
        on_socket("apparmor_denied_setsockopt", "setsockopt", "setopt", tcp4, |scene| {
            Ok(rustix::net::sockopt::set_socket_keepalive(scene.held("socket")?, true)?)
        }),
        on_socket("apparmor_denied_getsockopt", "getsockopt", "getopt", tcp4, |scene| {
            rustix::net::sockopt::socket_keepalive(scene.held("socket")?)?;
            Ok(())
        }),
        on_socket("apparmor_denied_getsockname", "getsockname", "getattr", tcp4, |scene| {
            rustix::net::getsockname(scene.held("socket")?)?;
            Ok(())
        }),
        on_socket("apparmor_denied_shutdown", "socket_shutdown", "shutdown", connected, |scene| {
            Ok(rustix::net::shutdown(scene.held("socket")?, rustix::net::Shutdown::Both)?)
        }),
        on_socket("apparmor_denied_udp_send", "sendmsg", "send", udp4, |scene| {
            socket::send_to(scene.held("socket")?, loopback4(8056))
        }),
    ]
}

fn hold(scene: &mut Scene, socket: io::Result<OwnedFd>) -> io::Result<()> {
    scene.hold("socket", socket?);
    Ok(())
}

fn tcp4(scene: &mut Scene) -> io::Result<()> {
    hold(scene, socket::tcp(AddressFamily::INET))
}

fn tcp6(scene: &mut Scene) -> io::Result<()> {
    hold(scene, socket::tcp(AddressFamily::INET6))
}

fn udp4(scene: &mut Scene) -> io::Result<()> {
    hold(scene, socket::bound_udp(loopback4(8155)))
}

fn listening(scene: &mut Scene) -> io::Result<()> {
    hold(scene, socket::listening_tcp(loopback4(8151)))
}

/// A pair of which one end is held, the other kept.
fn connected(scene: &mut Scene) -> io::Result<()> {
    let listener = socket::listening_tcp(loopback4(8152))?;
    let socket = socket::tcp(AddressFamily::INET)?;
    socket::connect(socket.as_fd(), loopback4(8152))?;
    scene.keep(rustix::net::accept(&listener)?);
    hold(scene, Ok(socket))
}
