//! AppArmor, its policy and its silent denials.

use super::*;

fn apparmor(class: u16, operation: &[u8], body: impl FnOnce(&mut Apparmor)) -> Builder {
    let mut record = Apparmor::new_zeroed();
    record.audit_type = 2;
    record.error = -13;
    record.class = class;
    record.object.kind = ObjectKind::None as u8;
    body(&mut record);
    Builder::new(SourceId::Apparmor, &record)
        .chunk(ChunkKind::Operation, operation)
        .chunk(ChunkKind::Profile, b"/usr/bin/nginx")
}

fn word(details: &mut [u8; 64], n: usize, word: u32) {
    details[n * 4..][..4].copy_from_slice(&word.to_le_bytes());
}

#[test]
fn apparmor_denied_open_reports_masks_in_letters_and_names() {
    let record = apparmor(2, b"open", |body| {
        body.requested = 0x12;
        body.denied = 0x12;
        // As the kernel leaves it for files, with no task.
        body.object.kind = ObjectKind::Task as u8;
        word(&mut body.details, 2, 1000);
    });
    golden("apparmor_file", record.chunk(ChunkKind::Name, b"/etc/shadow \\ \xff").task_chunks());
}

#[test]
fn apparmor_silent_capability_of_a_stack_says_that_the_profile_is_not_known() {
    let mut body = Apparmor::new_zeroed();
    body.audit_type = 2;
    body.error = -1;
    body.class = 3;
    body.object = Object { number: 21, ..object(ObjectKind::Capability) };
    let record = Builder::new(SourceId::ApparmorSilent, &body)
        .flag(Flags::SILENT)
        .chunk(ChunkKind::Profile, b"nginx//&lxd")
        .chunk(ChunkKind::Operation, b"capable");
    golden("apparmor_silent_capability", record.task_chunks());
}

#[test]
fn apparmor_silent_mount_has_the_slash_of_apparmors_names() {
    let mut body = Apparmor::new_zeroed();
    body.audit_type = 2;
    body.error = -13;
    body.class = 7;
    body.object = Object { mode: 0o040_755, ..file(ObjectKind::None) };
    word(&mut body.details, 6, 6);
    let record = Builder::new(SourceId::ApparmorSilent, &body)
        .flag(Flags::SILENT)
        .chunk(ChunkKind::Profile, b"nginx")
        .chunk(ChunkKind::Operation, b"mount")
        .chunk(ChunkKind::MountSource, b"tmpfs")
        .chunk(ChunkKind::MountType, b"tmpfs")
        .flagged(ChunkKind::ObjectPath, FLAG_ABSOLUTE, b"mnt\0");
    golden("apparmor_silent_mount", record.task_chunks());
}

fn profile_change(before: u8, after: u8, names: &[u8]) -> Vec<u8> {
    [&[before, after], names].concat()
}

#[test]
fn apparmor_policy_reports_each_profiles_modes_and_how_many_found_no_room() {
    let mut body = ApparmorPolicy::new_zeroed();
    body.changes = 5;
    let record = Builder::new(SourceId::ApparmorPolicy, &body)
        .chunk(ChunkKind::Profile, b"unconfined")
        .chunk(ChunkKind::ProfileChange, &profile_change(0, 1, b"nginx\0\0"))
        .chunk(
            ChunkKind::ProfileChange,
            &profile_change(ApparmorPolicy::NONE, 2, b"nginx//hat\0root//lxd\0"),
        );
    golden("apparmor_policy_profiles", record.task_chunks());
}

#[test]
fn apparmor_policy_reports_what_all_profiles_log() {
    let mut body = ApparmorPolicy::new_zeroed();
    body.parameter = ParameterId::Audit as u32;
    (body.before, body.after, body.audit_all) = (0, 3, 5);
    let record =
        Builder::new(SourceId::ApparmorPolicy, &body).chunk(ChunkKind::Profile, b"unconfined").task_chunks();
    golden("apparmor_policy_audit_mode", record);
}

#[test]
fn apparmor_complaint_of_an_old_kernel_is_permitted_and_classified_by_its_operation() {
    let record = apparmor(0, b"exec", |body| {
        body.audit_type = 1;
        body.requested = 1;
        body.denied = 1;
    });
    let record = record
        .chunk(ChunkKind::Namespace, b"lxd")
        .chunk(ChunkKind::Name, b"/usr/bin/id")
        .chunk(ChunkKind::Target, b"/usr/bin/nginx//null-/usr/bin/id")
        .flag(Flags::PERMITTED);
    golden("apparmor_complain_exec", record.task_chunks());
}

#[test]
fn apparmor_denied_socket_reports_family_type_and_protocol() {
    let record = apparmor(14, b"create", |body| {
        body.requested = 0x10;
        body.denied = 0x10;
        body.object.kind = ObjectKind::Net as u8;
        body.object.socket.family = 10;
        word(&mut body.details, 0, 2);
        word(&mut body.details, 1, 17);
    });
    golden("apparmor_net", record.task_chunks());
}

#[test]
fn apparmor_denied_unix_connect_reports_the_peers_name() {
    let record = apparmor(14, b"connect", |body| {
        body.requested = 0x46;
        body.denied = 0x40;
        body.object.kind = ObjectKind::Net as u8;
        body.object.socket.socket_family = 1;
        body.object.socket.socket_type = 1;
        word(&mut body.details, 0, 1);
    });
    let record = record.chunk(ChunkKind::Peer, b"a").chunk(ChunkKind::Peer, b"b");
    golden("apparmor_unix", record.chunk(ChunkKind::UnixName, b"\0name").task_chunks());
}

#[test]
fn apparmor_denied_signal_names_the_signal_and_the_peer() {
    let record = apparmor(10, b"signal", |body| {
        body.requested = 2;
        body.denied = 2;
        word(&mut body.details, 0, 15);
        word(&mut body.details, 1, 15);
    });
    golden("apparmor_signal", record.chunk(ChunkKind::Peer, b"unconfined").task_chunks());
}

#[test]
fn apparmor_denied_mount_reports_source_type_and_flags() {
    let record = apparmor(7, b"mount", |body| {
        // mnt.flags: nosuid, bind, rec.
        word(&mut body.details, 6, 1 << 1 | 1 << 12 | 1 << 14);
    });
    let record = record
        .chunk(ChunkKind::Name, b"/mnt/")
        .chunk(ChunkKind::Info, b"failed flags match")
        .chunk(ChunkKind::MountSource, b"/srv/")
        .chunk(ChunkKind::MountType, b"ext4")
        .chunk(ChunkKind::MountData, b"errors=remount-ro");
    golden("apparmor_mount", record.task_chunks());
}

#[test]
fn apparmor_denied_capability_and_limit_name_them() {
    let record = apparmor(3, b"capable", |body| {
        body.error = -1;
        body.object.kind = ObjectKind::Capability as u8;
        body.object.number = 12;
    });
    golden("apparmor_capability", record.task_chunks());
    let record = apparmor(5, b"setrlimit", |body| {
        word(&mut body.details, 0, 7);
        word(&mut body.details, 2, 65536);
    });
    golden("apparmor_rlimit", record.task_chunks());
}

#[test]
fn apparmor_killed_ptrace_names_the_permission() {
    let record = apparmor(9, b"ptrace", |body| {
        body.audit_type = 6;
        body.requested = 2;
        body.denied = 2;
    });
    golden("apparmor_ptrace", record.chunk(ChunkKind::Peer, b"unconfined").task_chunks());
}
