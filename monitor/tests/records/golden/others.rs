//! TOMOYO and BPF LSM programs.

use super::*;

const TOMOYO_DOMAIN: &[u8] = b"<kernel> /usr/sbin/sshd /usr/bin/cat";

fn tomoyo(request: TomoyoRequest, operation: u8, object: Object) -> Tomoyo {
    Tomoyo {
        request: request as u8,
        operation,
        mode: 3,
        profile: 3,
        config: 255,
        category_configs: [255; 3],
        default_config: 0x43,
        has_configs: 1,
        object,
        ..Tomoyo::new_zeroed()
    }
}

#[test]
fn tomoyo_denied_chmod_has_the_line_that_would_allow_it() {
    let body = Tomoyo { number: 0o600, ..tomoyo(TomoyoRequest::PathNumber, 5, file(ObjectKind::Path)) };
    let record = Builder::new(SourceId::Tomoyo, &body)
        .chunk(ChunkKind::TomoyoDomain, TOMOYO_DOMAIN)
        .chunk(ChunkKind::Name, b"/var/lib/x/y")
        .flagged(ChunkKind::ObjectPath, FLAG_ABSOLUTE, b"y\0x\0lib\0var\0");
    golden("tomoyo", record.task_chunks());
}

#[test]
fn tomoyo_permitted_connection_is_silent_where_the_profile_logs_no_refusals() {
    let mut body = Tomoyo {
        mode: 1,
        config: 1,
        port: 443,
        protocol: 1,
        ..tomoyo(TomoyoRequest::Inet, 2, object(ObjectKind::Net))
    };
    body.object.socket.family = 2;
    body.object.socket.destination[..4].copy_from_slice(&[192, 0, 2, 7]);
    body.object.socket.destination_port = 443;
    let record = Builder::new(SourceId::Tomoyo, &body).flag(Flags::PERMITTED);
    golden("tomoyo_permitted", record.chunk(ChunkKind::TomoyoDomain, TOMOYO_DOMAIN).task_chunks());
}

#[test]
fn tomoyo_asked_an_administrator() {
    let body =
        Tomoyo { asks: 1, has_configs: 0, ..tomoyo(TomoyoRequest::Mount, 0, object(ObjectKind::None)) };
    let record = Builder::new(SourceId::Tomoyo, &body)
        .flagged(ChunkKind::TomoyoDomain, FLAG_CUT, TOMOYO_DOMAIN)
        .chunk(ChunkKind::Name, b"/mnt/")
        .chunk(ChunkKind::MountSource, b"/dev/sda1")
        .chunk(ChunkKind::MountType, b"ext4");
    golden("tomoyo_asked", record.task_chunks());
}

#[test]
fn bpf_lsm_denied_open_names_the_hook_and_its_programs() {
    let record = |slot| {
        Builder::new(SourceId::BpfLsm, &BpfLsm { error: -1, slot, object: file(ObjectKind::File) })
            .flagged(ChunkKind::ObjectPath, FLAG_ABSOLUTE, b"y\0x\0lib\0var\0")
            .task_chunks()
    };
    golden("bpf_lsm", record(0));
    golden("bpf_lsm_unknown_hook", record(9));
}
