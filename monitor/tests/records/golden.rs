//! Each source's events, whole: records in, JSON out, compared with the files in `golden/`.
//!
//! `UPDATE_GOLDEN=1 cargo test -p monitor --test records` writes the files anew; look at the difference then.

use std::{fs, path::Path};

use monitor::{
    event::Event,
    source::{DecodeError, decode},
};
use monitor_common::{
    Apparmor, ApparmorPolicy, BpfLsm, Capability, Flags, Landlock, LandlockRequest, Lockdown, Object,
    ObjectKind, ParameterId, PolicyChange, Seccomp, SeccompAction, SeccompCall, SeccompUnlogged, SeccompWay,
    Selinux, SelinuxPolicy, Socket, SourceId, Tomoyo, TomoyoRequest, Userspace, Yama,
    chunk::{ChunkKind, FLAG_ABSOLUTE, FLAG_AMBIGUOUS, FLAG_CUT, FLAG_DELETED, FLAG_FAULT, FLAG_INTERNAL},
};
use serde::Serialize;
use zerocopy::FromZeros as _;

use crate::{
    schema,
    support::{Builder, SECOND, categories, context, file, object, padded, tables, tcp_socket},
};

/// Decodes the record and compares the event with `golden/NAME.json`.
#[track_caller]
pub fn golden(name: &str, record: Builder) {
    let record = record.build();
    let tables = tables();
    let event = decode(&record, &tables).unwrap();
    let line = serde_json::to_string(&event).unwrap();
    assert!(!line.contains('\n'), "an event is one line");
    let back: Event<'_> = serde_json::from_str(&line).unwrap();
    assert_eq!(back, event, "an event can be read back");
    assert_eq!(schema::faults(&serde_json::from_str(&line).unwrap()), [""; 0], "an event follows the schema");

    compare(name, &event);
}

/// Compares what is made of an event with `golden/NAME.json`.
#[track_caller]
pub fn compare(name: &str, made: &impl Serialize) {
    let json = serde_json::to_string_pretty(made).unwrap() + "\n";
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name).with_extension("json");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&path, &json).unwrap();
    }
    let expected = fs::read_to_string(&path)
        .unwrap_or_else(|error| panic!("{}: {error}: set UPDATE_GOLDEN=1 to write it", path.display()));
    assert_eq!(json, expected, "{}", path.display());
}

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

fn capability() -> Capability {
    Capability { capability: 21, options: 0, user_namespace: 4_026_531_837, error: -1 }
}

#[test]
fn a_missing_capability_is_named_with_its_namespace() {
    let record = Builder::new(SourceId::Capability, &capability())
        .chunk(ChunkKind::TaskContext, &context(300, "user_u:user_r:user_t:s0:s0"));
    golden("capability", record.task_chunks().flag(Flags::NOT_SUBJECT));
}

#[test]
fn what_could_not_be_read_or_did_not_fit_is_said() {
    let record = Builder::new(SourceId::Capability, &capability())
        .head(|head| head.missing = 0b1_1111_1111)
        .flag(Flags::FULL)
        .flagged(ChunkKind::Argv, FLAG_CUT, b"cat\0/very/lo")
        .flagged(ChunkKind::Cwd, FLAG_FAULT, b"x\0y\0")
        .flagged(ChunkKind::Exe, FLAG_INTERNAL | FLAG_DELETED, b"memfd:x\0/\0");
    golden("missing", record);
}

#[test]
fn a_kernel_thread_has_no_executable_and_that_is_no_defect() {
    let record = Builder::new(SourceId::Capability, &capability()).head(|head| {
        head.task.comm = padded(b"kworker/0:1");
        head.task.loginuid = u32::MAX;
        head.task.ns_pid = 7;
    });
    golden("kernel_thread", record.flag(Flags::KERNEL_THREAD));
}

fn call(number: i32, result: i64) -> SeccompCall {
    SeccompCall {
        instruction_pointer: 0x7f12_3456_789a,
        result,
        thread_flags: 0,
        thread_status: 0,
        number,
        has_registers: 1,
        reserved: 0,
    }
}

#[test]
fn seccomp_denied_call_names_call_action_and_errno() {
    let body = Seccomp { call: call(83, -1), action: SeccompAction::Errno as u32, signal: 0 };
    let record = Builder::new(SourceId::Seccomp, &body).head(|head| head.task.audit_serial = 777);
    golden("seccomp_errno", record.chunk(ChunkKind::TaskProfile, b"unconfined").task_chunks());
}

#[test]
fn seccomp_killed_process_names_the_signal_and_no_errno() {
    let body = Seccomp { call: call(9999, -38), action: SeccompAction::KillProcess as u32, signal: 31 };
    golden("seccomp_kill", Builder::new(SourceId::Seccomp, &body).task_chunks());
}

#[test]
fn seccomp_without_registers_or_with_an_unknown_action_says_what_is_missing() {
    let call = SeccompCall { has_registers: 0, ..call(83, 0) };
    let body = Seccomp { call, action: SeccompAction::UserNotif as u32, signal: 0 };
    golden("seccomp_no_registers", Builder::new(SourceId::Seccomp, &body).task_chunks());
    let body = Seccomp { call, action: 0x1234_0000, signal: 0 };
    golden("seccomp_unknown_action", Builder::new(SourceId::Seccomp, &body).task_chunks());
}

#[test]
fn seccomp_unlogged_call_names_the_action_only_if_it_is_sure() {
    let unlogged = |result, way: SeccompWay, supervised| {
        let call = call(83, result);
        let body = SeccompUnlogged { call, way: way as u32, supervised, traced: 0, reserved: 0 };
        Builder::new(SourceId::SeccompUnlogged, &body).flag(Flags::SILENT).task_chunks()
    };
    golden("seccomp_unlogged_errno", unlogged(-13, SeccompWay::Skipped, 0));
    golden("seccomp_unlogged_errno_or_supervisor", unlogged(-38, SeccompWay::Skipped, 1));
    golden("seccomp_unlogged_trap", unlogged(83, SeccompWay::Trapped, 0));
    golden("seccomp_unlogged_kill", unlogged(83, SeccompWay::Killed, 0));
}

fn yama(scope: u32) -> Yama {
    let object = Object { pid: 99, tid: 99, comm: padded(b"sshd"), ..object(ObjectKind::Task) };
    Yama { scope, reserved: 0, object }
}

#[test]
fn yama_denied_trace_describes_the_target() {
    let record = Builder::new(SourceId::Yama, &yama(1)).chunk(ChunkKind::Operation, b"attach");
    golden("yama", record.task_chunks());
    let record = Builder::new(SourceId::Yama, &yama(u32::MAX)).chunk(ChunkKind::Operation, b"traceme");
    golden("yama_unknown_scope", record.flag(Flags::NOT_SUBJECT).task_chunks());
}

#[test]
fn lockdown_names_the_reason_as_the_kernel_does() {
    let record = |reason| Builder::new(SourceId::Lockdown, &Lockdown { reason, error: -1 }).task_chunks();
    golden("lockdown", record(2));
    golden("lockdown_unknown_reason", record(99));
}

/// What an object manager told, in the record of its own system call.
fn userspace(source: SourceId, message: &[u8]) -> Builder {
    let len = u32::try_from(message.len()).unwrap();
    Builder::new(source, &Userspace { len, reserved: 0 })
        .task_chunks()
        .chunk(ChunkKind::Message, message)
        .head(|head| head.task.audit_serial = 777)
}

#[test]
fn selinux_refuses_a_message_of_dbus() {
    let message = b"avc:  denied  { send_msg } for msgtype=method_call interface=org.freedesktop.DBus.Introspectable \
        member=Introspect dest=org.freedesktop.login1 spid=292 tpid=195 scontext=system_u:system_r:avahi_t:s0 \
        tcontext=system_u:system_r:systemd_logind_t:s0 tclass=dbus permissive=0\n exe=\"/usr/bin/dbus-daemon\" sauid=100 \
        hostname=? addr=? terminal=?\0";
    let record = userspace(SourceId::SelinuxUserspace, message);
    golden(
        "selinux_dbus",
        record.chunk(ChunkKind::TaskContext, &context(7, "system_u:system_r:system_dbusd_t:s0:s0")),
    );
}

#[test]
fn selinux_would_refuse_to_reload_a_unit() {
    let message = b"avc:  denied  { reload } for auid=1000 uid=0 gid=0 path=\"/etc/systemd/system/probe.service\" \
        cmdline=\"systemctl reload probe\" function=\"bus_unit_method_start_generic\" \
        scontext=system_u:system_r:initrc_t:s0 tcontext=system_u:object_r:etc_t:s0 tclass=service permissive=1\n \
        exe=\"/usr/lib/systemd/systemd\" sauid=0 hostname=? addr=? terminal=?\0";
    golden("selinux_systemd", userspace(SourceId::SelinuxUserspace, message));
}

#[test]
fn apparmor_refuses_a_message_of_dbus_to_a_process_of_another_pid_namespace() {
    let message = b"apparmor=\"DENIED\" operation=\"dbus_method_call\"  bus=\"system\" path=\"/org/freedesktop/login1\" \
        interface=\"org.freedesktop.DBus.Introspectable\" member=\"Introspect\" mask=\"send\" \
        name=\"org.freedesktop.login1\" pid=251 label=\"caller\" peer_pid=199 peer_label=\"unconfined\" \
        info=\"No such file or directory\"\n exe=\"/usr/bin/dbus-daemon\" sauid=100 hostname=? addr=? terminal=?\0";
    let record = userspace(SourceId::ApparmorUserspace, message).chunk(ChunkKind::TaskProfile, b"unconfined");
    golden("apparmor_dbus", record.clone());
    golden("apparmor_dbus_of_a_namespace", record.head(|head| head.task.ns_pid = 3));
}

#[test]
fn a_message_of_an_object_manager_that_is_no_denial_or_lost_its_end() {
    let tables = tables();
    let granted = userspace(
        SourceId::SelinuxUserspace,
        b"avc:  granted  { x } for spid=1 scontext=a tcontext=b tclass=c\0",
    );
    assert_eq!(decode(&granted.build(), &tables), Err(DecodeError::ChunkForm(ChunkKind::Message)));
    let body = Userspace { len: 2000, reserved: 0 };
    let cut = Builder::new(SourceId::SelinuxUserspace, &body)
        .chunk(ChunkKind::Message, b"avc:  denied  { x } for spid=1");
    let record = cut.build();
    let event = decode(&record, &tables).unwrap();
    let missing: Vec<_> = event.missing.iter().map(|missing| &*missing.field).collect();
    assert_eq!(
        missing,
        ["action.message", "manager.exe", "process", "subject.label", "object.label", "action.class"]
    );
}

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
