//! Denials as people have them: lines of trackers, forums and other systems' tools, as they were posted.

use monitor_audit::log::{self, Item};
use monitor_event::event::{Event, Module, ObjectKind, Verdict};

/// A log's denials, and the lines that can't be read.
#[track_caller]
fn read(text: &str) -> (Vec<Event<'static>>, Vec<String>) {
    let (mut denials, mut broken) = (Vec::new(), Vec::new());
    log::read(text.as_bytes(), |item| match item {
        Item::Denial(denial) => {
            let json = serde_json::to_string(&denial.event).unwrap();
            denials.push(serde_json::from_str(Box::leak(json.into_boxed_str())).unwrap());
        }
        Item::Broken(line) => broken.push(line.to_string()),
    })
    .unwrap();
    (denials, broken)
}

/// The one denial of a log.
#[track_caller]
fn one(text: &str) -> Event<'static> {
    let (mut denials, broken) = read(text);
    assert_eq!((denials.len(), &broken[..]), (1, &[][..]), "{text}");
    denials.remove(0)
}

#[test]
fn labels_of_apparmor_end_no_record() {
    let event = one(
        "[  446.587986] audit: type=1326 audit(1646152506.741:60): auid=1000 uid=1000 gid=1000 ses=4 \
         subj==snap.firefox.firefox (enforce) pid=2750 comm=\"MainThread\" exe=\"/snap/firefox/1025/usr/lib/firefox/firefox\" \
         sig=0 arch=c000003e syscall=314 compat=0 ip=0x7f365b5d589d code=0x50000",
    );
    assert_eq!(event.action.syscall.as_deref(), Some("sched_setattr"));
    assert_eq!(event.process.label.as_deref(), Some("snap.firefox.firefox (enforce)"));
    let event = one(
        "type=AVC msg=audit(1650000001.100:63): apparmor=\"DENIED\" operation=\"open\" profile=\"/usr/sbin/mysqld\" name=\"/data/x\" \
         pid=9 comm=\"mysqld\" requested_mask=\"r\" denied_mask=\"r\" fsuid=112 ouid=112\n\
         type=SYSCALL msg=audit(1650000001.100:63): arch=c000003e syscall=257 success=no exit=-13 ppid=1 pid=9 uid=112 \
         comm=\"mysqld\" exe=\"/usr/sbin/mysqld\" subj=/usr/sbin/mysqld (enforce) key=(null)",
    );
    assert_eq!(event.process.exe.as_deref(), Some("/usr/sbin/mysqld"));
}

#[test]
fn names_stand_for_numbers_in_what_ausearch_prints_of_seccomp() {
    let event = one(
        "type=SECCOMP msg=audit(03/04/2025 07:39:37.599:201) : auid=unset uid=root gid=root ses=unset \
         subj=system_u:system_r:ipsec_t:s0 pid=6464 comm=addconn exe=/usr/libexec/ipsec/addconn sig=SIGSYS arch=aarch64 \
         syscall=faccessat compat=0 ip=0xffff92e23698 code=kill-thread ",
    );
    let action = &event.action;
    assert_eq!((action.syscall.as_deref(), action.syscall_number), (Some("faccessat"), Some(48)));
    assert_eq!(action.syscall_arch.as_deref(), Some("aarch64"));
    assert_eq!(action.seccomp_action.as_deref(), Some("kill_thread"));
    let event = one(
        "type=AVC msg=audit(06/25/2025 04:34:13.163:12) : avc:  denied  { net_admin } for  pid=1 comm=x capability=net_admin \
         scontext=system_u:system_r:a_t:s0 tcontext=system_u:system_r:a_t:s0 tclass=capability permissive=1 ",
    );
    assert_eq!(event.object.capability.as_deref(), Some("net_admin"));
}

#[test]
fn records_that_were_joined_are_told_apart() {
    // As it was posted in Fedora's policy's tracker.
    let (denials, broken) = read(
        "type=PROCTITLE msg=audit(06/25/2025 04:34:13.163:11278) : proctitle=/usr/sbin/virtqemud --timeout 120 type=AVC \
         msg=audit(06/25/2025 04:34:13.163:11278) : avc:  denied  { read write } for  pid=151041 comm=rpc-virtqemud name=sg4 \
         dev=\"tmpfs\" ino=14 scontext=system_u:system_r:virtqemud_t:s0 tcontext=system_u:object_r:scsi_generic_device_t:s0 \
         tclass=chr_file permissive=1 type=AVC msg=audit(06/25/2025 04:34:13.163:11278) : avc:  denied  { open } for  pid=151041 \
         comm=rpc-virtqemud path=/dev/sg4 dev=\"tmpfs\" ino=14 scontext=system_u:system_r:virtqemud_t:s0 \
         tcontext=system_u:object_r:scsi_generic_device_t:s0 tclass=chr_file permissive=1",
    );
    assert_eq!(broken, [""; 0]);
    let asked: Vec<_> = denials.iter().map(|event| event.action.permissions.join(" ")).collect();
    assert_eq!(asked, ["read write", "open"]);
    assert_eq!(denials[0].process.cmdline, ["/usr/sbin/virtqemud --timeout 120"]);
}

#[test]
fn what_the_bus_of_a_session_refuses_stands_in_syslog_alone() {
    let event = one(
        "Jan  1 10:00:00 h dbus-daemon[4258]: apparmor=\"DENIED\" operation=\"dbus_method_call\"  bus=\"session\" \
         path=\"/org/gnome/SessionManager\" interface=\"org.gnome.SessionManager\" member=\"Inhibit\" mask=\"send\" \
         name=\"org.gnome.SessionManager\" pid=32479 label=\"snap.mattermost-desktop.mattermost-desktop\" peer_pid=4538 \
         peer_label=\"unconfined\"",
    );
    assert_eq!((event.module, event.process.pid, &*event.host), (Module::Apparmor, Some(32479), "h"));
    assert_eq!(event.object.dbus.as_ref().and_then(|bus| bus.bus.as_deref()), Some("session"));
}

#[test]
fn androids_lines_are_read() {
    let event = one(
        "04-03 22:07:47.958  2026  2026 E SELinux : avc:  denied  { find } for service=netd pid=9904 uid=1000 \
         scontext=u:r:system_app:s0 tcontext=u:object_r:netd_service:s0 tclass=service_manager permissive=1",
    );
    assert_eq!((event.action.class.as_deref(), event.process.pid), (Some("service_manager"), Some(9904)));
    let event = one(
        "04-03 22:07:47.961  9965  9965 I com.android.settings: type=1400 audit(0.0:279): avc: denied { call } for \
         comm=4173796E635461736B202332 scontext=u:r:system_app:s0 tcontext=u:r:netd:s0 tclass=binder permissive=1",
    );
    assert_eq!(event.process.comm.as_deref(), Some("AsyncTask #2"));
}

#[test]
fn a_denial_that_the_journal_has_twice_is_one() {
    let pair = "Jul 05 01:53:16 LSW audit[1671]: AVC apparmor=\"DENIED\" operation=\"open\" profile=\"/usr/sbin/tor\" name=\"/etc/x\" \
                pid=1671 comm=\"tor\" requested_mask=\"r\" denied_mask=\"r\" fsuid=0 ouid=0\n\
                Jul 05 01:53:16 LSW kernel: audit: type=1400 audit(1499219596.072:5): apparmor=\"DENIED\" operation=\"open\" \
                profile=\"/usr/sbin/tor\" name=\"/etc/x\" pid=1671 comm=\"tor\" requested_mask=\"r\" denied_mask=\"r\" fsuid=0 ouid=0\n";
    assert_eq!(read(pair).0.len(), 1);
    assert_eq!(read(&pair.repeat(3)).0.len(), 3);
    let (journal, kernel) = pair.split_once('\n').unwrap();
    assert_eq!(read(&format!("{journal}\n").repeat(3)).0.len(), 3);
    assert_eq!(read(&kernel.repeat(3)).0.len(), 3);
}

#[test]
fn lines_that_syslog_left_out_are_counted() {
    let event = one(
        "Dec 06 10:09:15 h kernel: message repeated 4 times: [ [  99.12] audit: type=1400 audit(1780000001.003:3): \
         apparmor=\"DENIED\" operation=\"open\" profile=\"/usr/sbin/f6\" name=\"/etc/f6\" pid=1 comm=\"aa\" requested_mask=\"r\" \
         denied_mask=\"r\" fsuid=0 ouid=0]",
    );
    assert_eq!((event.denials(), event.object.owner), (4, Some(0)));
}

#[test]
fn sockets_have_the_names_of_both_ends() {
    // As AppArmor's own tests have it, and snapd's tracker.
    let own = one(
        "type=AVC msg=audit(1711214183.107:298): apparmor=\"DENIED\" operation=\"connect\" class=\"net\" profile=\"/home/user/client.py\" \
         pid=65262 comm=\"server.py\" family=\"unix\" sock_type=\"stream\" protocol=0 requested=\"send receive accept\" \
         denied=\"send accept\" addr=\"@test_abstract_socket\" peer_addr=none peer=\"unconfined\"",
    );
    let address = |end: &Option<monitor_event::event::Endpoint<'static>>| {
        end.as_ref().and_then(|end| end.address.clone())
    };
    assert_eq!(address(&own.object.local).as_deref(), Some("@test_abstract_socket"));
    assert_eq!(
        (own.object.abstract_name.as_deref(), &own.object.remote),
        (Some("@test_abstract_socket"), &None)
    );
    let peer = one(
        "type=AVC msg=audit(1780000000.007:46): apparmor=\"DENIED\" operation=\"sendmsg\" profile=\"snap.signal-desktop.signal-desktop\" \
         pid=5700 comm=\"signal-desktop\" family=\"unix\" sock_type=\"dgram\" protocol=0 requested_mask=\"send\" denied_mask=\"send\" \
         addr=none peer_addr=\"@7661722F72756E2F6E76696469612D786472697665722D65333235616366340000000000\" peer=\"unconfined\"",
    );
    let name = Some("@var/run/nvidia-xdriver-e325acf4");
    assert_eq!((address(&peer.object.remote).as_deref(), peer.object.abstract_name.as_deref()), (name, name));
    let inherited = one(
        "Sep  2 14:07:02 pop-os kernel: [16630.420153] audit: type=1400 audit(1567390022.342:323): apparmor=\"DENIED\" \
         operation=\"file_inherit\" profile=\"/snap/core/7396/usr/lib/snapd/snap-confine\" pid=15086 comm=\"snap-confine\" \
         family=\"unix\" sock_type=\"stream\" protocol=0 requested_mask=\"send receive\" denied_mask=\"send receive\" addr=none \
         peer_addr=none",
    );
    assert_eq!((inherited.action.class.as_deref(), inherited.object.kind), (Some("net"), ObjectKind::Socket));
    assert_eq!(inherited.action.permissions, ["send", "receive"]);
}

#[test]
fn what_ipe_lockdown_and_yama_refused_is_read() {
    let ipe = one(
        "type=IPE_ACCESS msg=audit(1653364370.067:61): ipe_op=EXECUTE ipe_hook=MMAP enforcing=0 pid=2241 comm=\"ld-linux.so\" \
         path=\"/deny/lib/libc.so.6\" dev=\"sda2\" ino=14549020 rule=\"DEFAULT action=DENY\"",
    );
    assert_eq!(
        (ipe.module, ipe.verdict, ipe.object.inode),
        (Module::Ipe, Some(Verdict::Permitted), Some(14_549_020))
    );
    let lockdown =
        one("[29644.022735] Lockdown: fwupd: /dev/mem,kmem,port is restricted; see man kernel_lockdown.7");
    assert_eq!(lockdown.object.lockdown_reason.as_deref(), Some("dev_mem"));
    assert_eq!(lockdown.process.comm.as_deref(), Some("fwupd"));
    let yama = one(
        "Jan 10 11:11:11 box kernel: [  10.1] ptrace attach of \"/usr/bin/sleep\"[1234] was attempted by \"gdb -p 1234\"[5678]",
    );
    assert_eq!((yama.module, yama.process.pid, &*yama.host), (Module::Yama, Some(5678), "box"));
    assert_eq!(yama.object.process.as_ref().map(|process| process.pid), Some(1234));
}

#[test]
fn who_made_a_domain_of_landlocks_is_taken_from_its_record() {
    let event = one(
        "type=LANDLOCK_ACCESS msg=audit(1729738800.268:30): domain=1a6fdc66f blockers=fs.read_dir path=\"/\" dev=\"9p\" ino=2\n\
         audit: type=1424 audit(1729738800.268:30): domain=1a6fdc66f status=allocated mode=enforcing pid=286 uid=0 \
         exe=\"/root/sandboxer\" comm=\"sandboxer\"\n\
         audit: type=1300 audit(1729738800.268:30): arch=c000003e syscall=257 success=no exit=-13 ppid=286 pid=287 uid=0 \
         comm=\"ls\" exe=\"/usr/bin/ls\" subj=unconfined key=(null)\n",
    );
    assert_eq!(event.subject.same_exec, Some(false));
    assert_eq!(event.process.ancestors[0].exe.as_deref(), Some("/root/sandboxer"));
}

#[test]
fn a_denial_that_is_not_read_is_named() {
    for line in [
        "type=AVC msg=audit(...): avc:  denied  { read } for  pid=1 comm=\"x\" scontext=a:b:c tcontext=d:e:f tclass=file",
        "Nov 28 10:00:00 h app[1]: it said avc: denied { read } for pid=1 scontext=a:b:c tcontext=d:e:f tclass=file",
        "Dec 06 10:09:15 h kernel: audit: type=1400 audit(1512551355.977:4): apparmor=&quot;DENIED&quot; operation=&quot;open&quot; \
         profile=&quot;/usr/sbin/f5&quot; name=&quot;/etc/f5&quot; pid=1",
    ] {
        let (denials, broken) = read(line);
        assert_eq!((denials.len(), broken.len()), (0, 1), "{line}");
        assert!(broken[0].contains("each record needs a line of its own"), "{broken:?}");
    }
    for line in [
        "type=AVC msg=audit(1431021114.333:8): avc: granted { load_policy } for pid=455 scontext=a:b:c tcontext=d:e:f tclass=security",
        "type=AVC msg=audit(1.002:5): apparmor=\"STATUS\" operation=\"profile_load\" profile=\"unconfined\" name=\"x\" pid=1",
    ] {
        let (denials, broken) = read(line);
        assert_eq!((denials.len(), broken.len()), (0, 0), "{line}: {broken:?}");
    }
}
