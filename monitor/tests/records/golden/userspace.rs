//! What object managers refuse.

use super::*;

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
