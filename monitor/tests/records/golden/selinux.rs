//! SELinux, its policy and its silent denials.

use super::*;

fn selinux(object: Object) -> Selinux {
    Selinux {
        ssid: 100,
        tsid: 200,
        tclass: 2,
        requested: 0b0110,
        audited: 0b0100,
        denied: 0b0100,
        result: -13,
        extended_plus_one: 0,
        object,
    }
}

fn selinux_contexts(builder: Builder) -> Builder {
    builder
        .chunk(ChunkKind::SubjectContext, &context(100, "system_u:system_r:httpd_t:s0:s0"))
        .chunk(ChunkKind::CategoriesHigh, &categories(0, 0b0101))
        .chunk(ChunkKind::ObjectContext, &context(200, "system_u:object_r:var_lib_t:s0:s0"))
}

#[test]
fn selinux_denied_write_reports_contexts_permissions_and_full_path() {
    let record = Builder::new(SourceId::Selinux, &selinux(file(ObjectKind::Inode)));
    let record = selinux_contexts(record).flagged(
        ChunkKind::ObjectPath,
        FLAG_ABSOLUTE | FLAG_AMBIGUOUS,
        b"y\0x\0lib\0var\0",
    );
    golden("selinux_file", record.task_chunks().head(|head| head.task.audit_serial = 777));
}

#[test]
fn selinux_permissive_ioctl_is_permitted_and_names_the_command() {
    let body = Selinux {
        requested: 1,
        audited: 1,
        denied: 1,
        result: 0,
        object: Object { number: 0x5413, ..file(ObjectKind::Ioctl) },
        ..selinux(object(ObjectKind::None))
    };
    let record = Builder::new(SourceId::Selinux, &body).flag(Flags::PERMITTED);
    let record =
        selinux_contexts(record).flagged(ChunkKind::ObjectPath, FLAG_ABSOLUTE | FLAG_DELETED, b"y\0tmp\0");
    golden("selinux_permissive_ioctl", record.task_chunks());
}

#[test]
fn selinux_denied_connect_reports_addresses_and_interface() {
    let body = Selinux {
        tclass: 3,
        requested: 0b1000,
        audited: 0b1000,
        denied: 0b1000,
        object: Object { socket: Socket { interface: 2, ..tcp_socket() }, ..object(ObjectKind::Net) },
        ..selinux(object(ObjectKind::None))
    };
    let record = Builder::new(SourceId::Selinux, &body);
    golden("selinux_socket", selinux_contexts(record).chunk(ChunkKind::Interface, b"eth0").task_chunks());
}

#[test]
fn selinux_without_names_and_contexts_says_what_is_missing() {
    let body = Selinux { tclass: 99, requested: 0x41, audited: 0x41, ..selinux(file(ObjectKind::Inode)) };
    golden("selinux_unknown", Builder::new(SourceId::Selinux, &body).task_chunks());
}

#[test]
fn selinux_denied_key_names_the_key() {
    let body = Selinux {
        object: Object { number: 12345, ..object(ObjectKind::Key) },
        ..selinux(object(ObjectKind::None))
    };
    let record = Builder::new(SourceId::Selinux, &body).chunk(ChunkKind::ObjectName, b"my-key");
    golden("selinux_key", selinux_contexts(record).task_chunks());
}

#[test]
fn selinux_context_that_the_policy_does_not_know_is_said_beside_what_it_is_taken_for() {
    let record = Builder::new(SourceId::Selinux, &selinux(file(ObjectKind::Inode)))
        .chunk(ChunkKind::SubjectContextText, b"u:r:gone_t:s0")
        .chunk(ChunkKind::SubjectContext, &context(100, "system_u:object_r:unlabeled_t:s0:s0"))
        .chunk(ChunkKind::ObjectContext, &context(200, "system_u:object_r:var_lib_t:s0:s0"));
    golden("selinux_unknown_label", record.task_chunks());
}

fn silent(body: &Selinux) -> Builder {
    selinux_contexts(Builder::new(SourceId::SelinuxSilent, body).flag(Flags::SILENT)).task_chunks()
}

#[test]
fn selinux_silent_denial_says_that_it_has_no_object() {
    let body = Selinux { audited: 0, denied: 0b0010, ..selinux(object(ObjectKind::Unknown)) };
    golden("selinux_silent", silent(&body));
}

#[test]
fn selinux_silent_denial_of_an_inode_reports_the_path() {
    let body = Selinux { audited: 0, denied: 0b0010, ..selinux(file(ObjectKind::Inode)) };
    let path = |record: Builder| record.flagged(ChunkKind::ObjectPath, FLAG_ABSOLUTE, b"y\0x\0lib\0var\0");
    golden("selinux_silent_inode", path(silent(&body)));
}

#[test]
fn selinux_silent_permitted_ioctl_names_the_command() {
    let body = Selinux {
        requested: 1,
        audited: 0,
        denied: 1,
        result: 0,
        extended_plus_one: 0x5413 + 1,
        ..selinux(object(ObjectKind::Unknown))
    };
    golden("selinux_silent_ioctl", silent(&body).flag(Flags::PERMITTED));
}

#[test]
fn selinux_silent_denial_of_a_capability_names_it() {
    let body =
        Selinux { tclass: 4, requested: 2, audited: 0, denied: 2, ..selinux(object(ObjectKind::Unknown)) };
    golden("selinux_silent_capability", silent(&body));
}

fn selinux_policy(change: PolicyChange, before: u32, after: u32) -> SelinuxPolicy {
    SelinuxPolicy { change: change as u32, before, after, booleans: 0, ssid: 100, reserved: 0 }
}

fn changed(body: &SelinuxPolicy) -> Builder {
    let administrator = context(100, "staff_u:sysadm_r:sysadm_t:s0:s0");
    Builder::new(SourceId::SelinuxPolicy, body).chunk(ChunkKind::SubjectContext, &administrator).task_chunks()
}

#[test]
fn selinux_switched_to_permissive_says_who_did_it() {
    golden("selinux_policy_mode", changed(&selinux_policy(PolicyChange::Mode, 1, 0)));
}

#[test]
fn selinux_first_policy_has_nothing_before_it() {
    golden("selinux_policy_first", changed(&selinux_policy(PolicyChange::Load, 0, 1)));
}

#[test]
fn selinux_booleans_are_told_as_far_as_they_fit() {
    let body = SelinuxPolicy { booleans: 5, ..selinux_policy(PolicyChange::Booleans, 7, 8) };
    let record = changed(&body)
        .chunk(ChunkKind::Boolean, b"\x01httpd_can_network_connect\0")
        .chunk(ChunkKind::Boolean, b"\0httpd_enable_cgi\0");
    golden("selinux_policy_booleans", record);
}
