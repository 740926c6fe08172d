//! Sockets.

use std::os::fd::AsFd as _;

use rustix::net::{AddressFamily, SocketType};

use super::{
    APP_CONTEXT, BARE, INIT_CONTEXT, NETLESS, NETLESS_CONTEXT, SECRET, case, denied, denied_of_bare,
};
use crate::{
    case::{Case, Step},
    expectation::Expectation,
    operation::socket::{self, loopback4, loopback6},
    scene::label,
};

const PORT: &str = "system_u:object_r:port_t:s0";

/// Making a socket of this class is refused to [`NETLESS`], which does it.
fn create(name: &'static str, class: &'static str, when: Step) -> Case {
    let event = denied(class, ["create"])
        .field("subject.label", NETLESS_CONTEXT)
        .field("object.label", NETLESS_CONTEXT);
    case(name).confined_by(NETLESS).when(when).expect(event)
}

fn port<const N: usize>(class: &'static str, permissions: [&'static str; N]) -> Expectation {
    denied(class, permissions).field("object.kind", "socket").field("object.label", PORT)
}

pub(super) fn cases() -> Vec<Case> {
    [creating(), internet(), unix()].concat()
}

fn creating() -> Vec<Case> {
    vec![
        create("selinux_denied_tcp_socket", "tcp_socket", |_| socket::tcp(AddressFamily::INET).map(drop)),
        create("selinux_denied_ipv6_tcp_socket", "tcp_socket", |_| {
            socket::tcp(AddressFamily::INET6).map(drop)
        }),
        create("selinux_denied_udp_socket", "udp_socket", |_| socket::udp(AddressFamily::INET).map(drop)),
        create("selinux_denied_unix_socket", "unix_stream_socket", |_| {
            socket::unix(SocketType::STREAM).map(drop)
        }),
        create("selinux_denied_unix_datagram_socket", "unix_dgram_socket", |_| {
            socket::unix(SocketType::DGRAM).map(drop)
        }),
        create("selinux_denied_raw_socket", "rawip_socket", |_| socket::raw().map(drop)),
        create("selinux_denied_packet_socket", "packet_socket", |_| {
            socket::of_family(libc::AF_PACKET, SocketType::RAW).map(drop)
        }),
        create("selinux_denied_netlink_socket", "netlink_route_socket", |_| socket::routing().map(drop)),
        create("selinux_denied_crypto_socket", "alg_socket", |_| {
            socket::of_family(libc::AF_ALG, SocketType::SEQPACKET).map(drop)
        }),
        create("selinux_denied_vsock_socket", "vsock_socket", |_| {
            socket::of_family(libc::AF_VSOCK, SocketType::STREAM).map(drop)
        }),
        create("selinux_denied_key_management_socket", "key_socket", |_| {
            socket::of_family(libc::AF_KEY, SocketType::RAW).map(drop)
        }),
    ]
}

fn internet() -> Vec<Case> {
    vec![
        case("selinux_denied_bind_reports_the_port")
            .when(|_| socket::bind(socket::tcp(AddressFamily::INET)?.as_fd(), loopback4(5599)))
            .expect(
                port("tcp_socket", ["name_bind"])
                    .field("object.family", "inet")
                    .field("object.source.port", 5599)
                    .absent("object.source.address"),
            ),
        case("selinux_denied_ipv6_bind_reports_the_port")
            .when(|_| socket::bind(socket::tcp(AddressFamily::INET6)?.as_fd(), loopback6(5599)))
            .expect(
                port("tcp_socket", ["name_bind"])
                    .field("object.family", "inet6")
                    .field("object.source.port", 5599)
                    .absent("object.source.address"),
            ),
        case("selinux_denied_udp_bind_reports_the_port")
            .when(|_| socket::bind(socket::udp(AddressFamily::INET)?.as_fd(), loopback4(5353)))
            .expect(
                port("udp_socket", ["name_bind"])
                    .field("object.source.port", 5353)
                    .absent("object.source.address"),
            ),
        case("selinux_denied_bind_to_an_address")
            .when(|_| {
                let address = (std::net::Ipv4Addr::new(127, 0, 0, 2), 8001).into();
                socket::bind(socket::tcp(AddressFamily::INET)?.as_fd(), address)
            })
            .expect(
                denied("tcp_socket", ["node_bind"])
                    .field("object.label", "system_u:object_r:secret_node_t:s0")
                    .field("object.source.address", "127.0.0.2")
                    .field("object.source.port", 8001),
            ),
        case("selinux_denied_connect_reports_the_destination")
            .when(|_| socket::connect(socket::tcp(AddressFamily::INET)?.as_fd(), loopback4(5432)))
            .expect(
                port("tcp_socket", ["name_connect"])
                    .field("object.family", "inet")
                    .field("object.destination.port", 5432)
                    .absent("object.destination.address"),
            ),
        case("selinux_denied_ipv6_connect_reports_the_destination")
            .when(|_| socket::connect(socket::tcp(AddressFamily::INET6)?.as_fd(), loopback6(5432)))
            .expect(
                port("tcp_socket", ["name_connect"])
                    .field("object.family", "inet6")
                    .field("object.destination.port", 5432)
                    .absent("object.destination.address"),
            ),
        case("selinux_denied_privileged_port_as_capability")
            .confined_by(BARE)
            .when(|_| {
                // Port 80 is of an ordinary type here: only the capability is missing.
                socket::bind(socket::tcp(AddressFamily::INET)?.as_fd(), loopback4(80))
            })
            .expect(denied_of_bare("capability", ["net_bind_service"])),
        case("selinux_denied_send_on_a_bound_socket_reports_its_address")
            .before(|scene| {
                let bound = socket::bound_udp(loopback4(8055))?;
                scene.hold("socket", bound);
                Ok(())
            })
            .confined_by(NETLESS)
            .when(|scene| socket::send_to(scene.held("socket")?, loopback4(8056)))
            .expect(
                denied("udp_socket", ["write"])
                    .field("subject.label", NETLESS_CONTEXT)
                    .field("object.label", INIT_CONTEXT)
                    .field("object.local.address", "127.0.0.1")
                    .field("object.local.port", 8055),
            ),
        case("selinux_denied_write_to_a_connected_socket_reports_both_ends")
            .given(|scene| {
                scene.keep(socket::listening_tcp(loopback4(8057))?);
                Ok(())
            })
            .before(|scene| {
                let connected = std::net::TcpStream::connect(loopback4(8057))?;
                scene.hold("socket", connected);
                Ok(())
            })
            .confined_by(NETLESS)
            .when(|scene| socket::send(scene.held("socket")?))
            .expect(
                denied("tcp_socket", ["write"])
                    .field("subject.label", NETLESS_CONTEXT)
                    .field("object.remote.address", "127.0.0.1")
                    .field("object.remote.port", 8057)
                    .field("object.local.address", "127.0.0.1"),
            ),
        case("selinux_denied_write_to_an_ipv6_socket_reports_both_ends")
            .given(|scene| {
                scene.keep(socket::listening_tcp(loopback6(8058))?);
                Ok(())
            })
            .before(|scene| {
                let connected = std::net::TcpStream::connect(loopback6(8058))?;
                scene.hold("socket", connected);
                Ok(())
            })
            .confined_by(NETLESS)
            .when(|scene| socket::send(scene.held("socket")?))
            .expect(
                denied("tcp_socket", ["write"])
                    .field("subject.label", NETLESS_CONTEXT)
                    .field("object.remote.address", "::1")
                    .field("object.remote.port", 8058)
                    .field("object.local.address", "::1"),
            ),
    ]
}

fn unix() -> Vec<Case> {
    vec![
        case("selinux_denied_unix_connect_reports_the_path")
            .given(|scene| {
                crate::scene::directory("/srv/sockets")?;
                scene.keep(socket::listening_unix("/srv/sockets/stream", SocketType::STREAM)?);
                Ok(())
            })
            .when(|_| socket::connect_unix(socket::unix(SocketType::STREAM)?.as_fd(), "/srv/sockets/stream"))
            .expect(
                denied("unix_stream_socket", ["connectto"])
                    .field("object.kind", "socket")
                    .field("object.label", INIT_CONTEXT)
                    .field("object.path", "/srv/sockets/stream"),
            ),
        case("selinux_denied_unix_send_reports_the_path")
            .given(|scene| {
                crate::scene::directory("/srv/sockets")?;
                scene.keep(socket::listening_unix("/srv/sockets/datagram", SocketType::DGRAM)?);
                Ok(())
            })
            .when(|_| socket::send_to_unix(socket::unix(SocketType::DGRAM)?.as_fd(), "/srv/sockets/datagram"))
            .expect(
                denied("unix_dgram_socket", ["sendto"])
                    .field("object.label", INIT_CONTEXT)
                    .field("object.path", "/srv/sockets/datagram"),
            ),
        case("selinux_denied_abstract_connect_reports_the_name")
            .given(|scene| {
                scene.keep(socket::listening_unix("@denyd/stream", SocketType::STREAM)?);
                Ok(())
            })
            .when(|_| socket::connect_unix(socket::unix(SocketType::STREAM)?.as_fd(), "@denyd/stream"))
            .expect(
                denied("unix_stream_socket", ["connectto"])
                    .field("object.label", INIT_CONTEXT)
                    .field("object.abstract_name", "@denyd/stream"),
            ),
        case("selinux_denied_socket_file")
            .given(|scene| {
                crate::scene::directory("/srv/sockets")?;
                scene.keep(socket::listening_unix("/srv/sockets/labelled", SocketType::STREAM)?);
                label("/srv/sockets/labelled", "secret_t")
            })
            .when(|_| {
                socket::connect_unix(socket::unix(SocketType::STREAM)?.as_fd(), "/srv/sockets/labelled")
            })
            .expect(
                denied("sock_file", ["write"]).path("/srv/sockets/labelled").field("object.label", SECRET),
            ),
        case("selinux_denied_routing_change")
            .when(|_| socket::delete_link(socket::routing()?.as_fd()))
            .expect(denied("netlink_route_socket", ["nlmsg_write"]).field("object.label", APP_CONTEXT)),
    ]
}
