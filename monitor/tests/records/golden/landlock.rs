//! Landlock.

use super::*;

fn landlock(request: LandlockRequest, blocked: u64, object: Object) -> Landlock {
    Landlock {
        domain: 0x1_5a4f_8a3d,
        blocked,
        request: request as u32,
        logged: 1,
        same_exec: 0,
        domain_is_exact: 1,
        object,
    }
}

fn domains(builder: Builder) -> Builder {
    let ids = [0x1_5a4f_8a3d_u64, 0x1_5a4f_8a00, 0xff].map(u64::to_le_bytes).concat();
    builder.chunk(ChunkKind::Domains, &ids)
}

#[test]
fn landlock_denied_file_names_the_blocked_accesses_and_the_domains() {
    let body = landlock(LandlockRequest::FsAccess, 1 << 1 | 1 << 8 | 1 << 40, file(ObjectKind::Path));
    let record = domains(Builder::new(SourceId::Landlock, &body));
    let record = record.flagged(ChunkKind::ObjectPath, FLAG_ABSOLUTE, b"y\0x\0srv\0");
    golden("landlock_file", record.chunk(ChunkKind::TaskProfile, b"unconfined").task_chunks());
}

#[test]
fn landlock_unlogged_connect_is_silent() {
    let object = Object { socket: tcp_socket(), ..object(ObjectKind::Net) };
    let body = Landlock { logged: 0, ..landlock(LandlockRequest::NetAccess, 2, object) };
    golden("landlock_net_silent", domains(Builder::new(SourceId::Landlock, &body)).task_chunks());
}

#[test]
fn landlock_denied_signal_describes_the_target() {
    let object = Object {
        pid: 99,
        tid: 99,
        start_time: 3 * SECOND,
        number: 20,
        comm: padded(b"sshd"),
        ..object(ObjectKind::Task)
    };
    let body = landlock(LandlockRequest::ScopeSignal, 0, object);
    let record = Builder::new(SourceId::Landlock, &body).flagged(
        ChunkKind::ObjectExe,
        FLAG_ABSOLUTE,
        b"sshd\0sbin\0usr\0",
    );
    golden("landlock_signal", domains(record).task_chunks());
}

#[test]
fn landlock_of_a_kernel_without_tracepoints_says_that_the_domain_is_a_guess() {
    let body = Landlock {
        logged: u32::MAX,
        same_exec: u32::MAX,
        domain_is_exact: 0,
        ..landlock(LandlockRequest::Ptrace, 0, object(ObjectKind::Task))
    };
    golden("landlock_old", Builder::new(SourceId::Landlock, &body).task_chunks());
}
