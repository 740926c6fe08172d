//! Records, built as the eBPF programs write them.

use std::ops::Deref;

use monitor::{
    clock::Clock,
    source::{
        Tables,
        bpf_lsm::{AttachedProgram, WatchedHook},
        context::EbitmapLayout,
        names::{
            ipe::Numbers,
            lockdown::Reasons,
            selinux::{Class, ClassMap},
        },
    },
};
use monitor_common::{
    ABI, Ancestor, Flags, Head, Object, ObjectKind, Socket, SourceId, Task,
    chunk::{ChunkHead, ChunkKind, FLAG_ABSOLUTE},
};
use zerocopy::{FromZeros as _, Immutable, IntoBytes};

/// Nanoseconds in a second.
pub(crate) const SECOND: u64 = 1_000_000_000;

/// Bytes aligned as the ring buffer aligns them.
#[derive(Clone, Debug)]
pub(crate) struct Bytes {
    words: Vec<u64>,
    len: usize,
}

impl Bytes {
    pub(crate) fn new(bytes: &[u8]) -> Self {
        let mut words = vec![0; bytes.len().div_ceil(8)];
        words.as_mut_bytes()[..bytes.len()].copy_from_slice(bytes);
        Self { words, len: bytes.len() }
    }
}

impl Deref for Bytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.words.as_bytes()[..self.len]
    }
}

/// A record in the making.
#[derive(Clone, Debug)]
pub(crate) struct Builder {
    head: Head,
    rest: Vec<u8>,
}

impl Builder {
    /// A record with this body, of a usual task.
    pub(crate) fn new(source: SourceId, body: &(impl IntoBytes + Immutable + ?Sized)) -> Self {
        let mut head = Head::new_zeroed();
        head.source = source as u8;
        head.abi = ABI;
        head.time = 100 * SECOND;
        head.task = task();
        Self { head, rest: body.as_bytes().to_vec() }
    }

    pub(crate) fn head(mut self, change: impl FnOnce(&mut Head)) -> Self {
        change(&mut self.head);
        self
    }

    pub(crate) fn flag(self, flag: Flags) -> Self {
        self.head(|head| head.flags |= flag)
    }

    pub(crate) fn chunk(self, kind: ChunkKind, bytes: &[u8]) -> Self {
        self.flagged(kind, 0, bytes)
    }

    pub(crate) fn flagged(mut self, kind: ChunkKind, flags: u8, bytes: &[u8]) -> Self {
        let len = u16::try_from(bytes.len()).unwrap().into();
        self.rest.extend_from_slice(ChunkHead { kind: kind as u8, flags, len }.as_bytes());
        self.rest.extend_from_slice(bytes);
        self
    }

    /// The chunks that every source writes.
    pub(crate) fn task_chunks(self) -> Self {
        let ancestor = |pid: u32, name: &[u8]| {
            let comm = zerocopy::transmute!(padded::<16>(name));
            Ancestor { start_time: 2 * SECOND, pid, uid: 0, comm }
        };
        self.flagged(ChunkKind::Cgroup, FLAG_ABSOLUTE, b"httpd.service\0system.slice\0")
            .flagged(ChunkKind::Exe, FLAG_ABSOLUTE, b"cat\0bin\0usr\0")
            .chunk(ChunkKind::Argv, b"cat\0--\0/var/lib/x/y\0")
            .flagged(ChunkKind::Cwd, FLAG_ABSOLUTE, b"www\0var\0")
            .chunk(ChunkKind::Ancestor, ancestor(4000, b"bash").as_bytes())
            .flagged(ChunkKind::AncestorExe, FLAG_ABSOLUTE, b"bash\0bin\0usr\0")
            .chunk(ChunkKind::Ancestor, ancestor(1, b"systemd").as_bytes())
    }

    pub(crate) fn build(mut self) -> Bytes {
        self.head.size = u16::try_from(size_of::<Head>() + self.rest.len()).unwrap();
        Bytes::new(&[self.head.as_bytes(), &self.rest].concat())
    }
}

fn task() -> Task {
    Task {
        start_time: 90 * SECOND,
        cgroup_id: 7001,
        cap_effective: 0x0000_01ff_ffff_ffff,
        audit_serial: 0,
        pid: 4242,
        tid: 4243,
        ppid: 4000,
        ns_pid: 4242,
        uid: 33,
        euid: 33,
        fsuid: 33,
        gid: 33,
        egid: 33,
        fsgid: 33,
        loginuid: 1000,
        session: u32::MAX,
        argument_count: 3,
        reserved: 0,
        namespaces: [4_026_531_836, 4_026_531_841, 4_026_531_840, 4_026_531_837],
        comm: padded(b"cat"),
    }
}

/// An object of this kind, with nothing else.
pub(crate) fn object(kind: ObjectKind) -> Object {
    let mut object = Object::new_zeroed();
    object.kind = kind as u8;
    object
}

/// A regular file on `sda1`.
pub(crate) fn file(kind: ObjectKind) -> Object {
    Object {
        inode: 131_074,
        device: 8 << 20 | 1,
        owner: 1000,
        mode: 0o100_644,
        has_inode: 1,
        device_name: padded(b"sda1"),
        ..object(kind)
    }
}

/// An IPv4 TCP socket, bound and about to be connected.
pub(crate) fn tcp_socket() -> Socket {
    let mut socket = Socket::new_zeroed();
    socket.family = 2;
    socket.socket_family = 2;
    socket.socket_type = 1;
    socket.protocol = 6;
    socket.local[..4].copy_from_slice(&[10, 0, 0, 5]);
    socket.local_port = 50000;
    socket.destination[..4].copy_from_slice(&[192, 0, 2, 1]);
    socket.destination_port = 443;
    socket
}

/// A name in a field of fixed size.
pub(crate) fn padded<const N: usize>(name: &[u8]) -> [u8; N] {
    let mut field = [0; N];
    field[..name.len()].copy_from_slice(name);
    field
}

/// An SELinux context as the probe reads it.
pub(crate) fn context(sid: u32, names: &str) -> Vec<u8> {
    let names = names.replace(':', "\0") + "\0";
    [&sid.to_le_bytes(), names.as_bytes()].concat()
}

/// A `struct ebitmap_node` with the categories of this word.
pub(crate) fn categories(start: u32, word: u64) -> [u8; 64] {
    let mut node = [0; 64];
    node[8..16].copy_from_slice(&word.to_le_bytes());
    node[56..60].copy_from_slice(&start.to_le_bytes());
    node
}

/// The tables of a machine that was booted at a round time.
pub(crate) fn tables() -> Tables {
    let class = |name: &str, permissions: &[&str]| Class {
        name: name.to_owned(),
        permissions: permissions.iter().map(|&name| name.to_owned()).collect(),
    };
    Tables {
        host: "host.example".to_owned(),
        // The kernel gives no process this number, and no test another.
        own_pid: u32::MAX,
        clock: Clock::booted_at("2026-01-01T00:00:00Z".parse().unwrap()),
        classes: ClassMap {
            classes: vec![
                class("security", &["compute_av"]),
                class("file", &["ioctl", "read", "write", "create", "getattr"]),
                class("tcp_socket", &["create", "bind", "connect", "name_connect"]),
                class("capability", &["chown", "dac_override"]),
            ],
        },
        ebitmap: Some(EbitmapLayout { node_size: 64, maps_offset: 8, maps_len: 6, startbit_offset: 56 }),
        bpf_lsm: vec![WatchedHook {
            name: "file_open".to_owned(),
            programs: vec![AttachedProgram {
                id: 41,
                name: b"restrict_fs".to_vec(),
                tag: 0x00ab_cdef_0123_4567,
            }],
        }],
        lockdown: Reasons {
            names: vec![("LOCKDOWN_NONE".to_owned(), 0), ("LOCKDOWN_DEV_MEM".to_owned(), 2)],
            texts: vec![Some("none".to_owned()), None, Some("/dev/mem,kmem,port".to_owned())],
        },
        ipe: ipe_numbers(),
    }
}

/// Some of IPE's numbers, as Linux 7.3 has them.
fn ipe_numbers() -> Numbers {
    let of = |prefix: &str, names: &[&str]| {
        names.iter().zip(0..).map(|(name, number)| (format!("{prefix}{name}"), number)).collect()
    };
    Numbers {
        operations: of("IPE_OP_", &["EXEC", "FIRMWARE", "KERNEL_MODULE"]),
        hooks: of("IPE_HOOK_", &["BPRM_CHECK", "BPRM_CREDS_FOR_EXEC", "MMAP", "MPROTECT", "KERNEL_READ"]),
        matches: of("IPE_MATCH_", &["RULE", "TABLE", "GLOBAL"]),
        properties: of("IPE_PROP_", &["BOOT_VERIFIED_FALSE", "BOOT_VERIFIED_TRUE", "DMV_ROOTHASH"]),
    }
}
