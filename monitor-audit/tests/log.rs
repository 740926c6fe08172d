//! Logs as they are handed around, and that no log makes the reader panic.

use monitor_audit::log::{self, BrokenLine, Denial, Item, Summary};
use monitor_event::event::{Event, Module, ObjectKind, Verdict};
use proptest::prelude::*;

fn owned(denial: &Denial<'_>) -> (Event<'static>, Option<String>) {
    let json = serde_json::to_string(&denial.event).unwrap();
    (serde_json::from_str::<Event<'_>>(Box::leak(json.into_boxed_str())).unwrap(), denial.syscall.clone())
}

#[derive(Default)]
struct Found {
    denials: Vec<(Event<'static>, Option<String>)>,
    broken: Vec<BrokenLine>,
    summary: Summary,
}

fn read(text: impl AsRef<[u8]>) -> Found {
    let mut found = Found::default();
    let summary = log::read(text.as_ref(), |item| match item {
        Item::Denial(denial) => found.denials.push(owned(&denial)),
        Item::Broken(line) => found.broken.push(line),
    });
    found.summary = summary.unwrap();
    found
}

/// As auditd writes it with `log_format = ENRICHED`.
const ENRICHED: &str = "\
type=AVC msg=audit(1795322866.140:418): avc:  denied  { read } for  pid=1234 comm=\"httpd\" name=\"index.html\" dev=\"sda1\" \
ino=77 scontext=system_u:system_r:httpd_t:s0 tcontext=unconfined_u:object_r:user_home_t:s0 tclass=file permissive=0
type=SYSCALL msg=audit(1795322866.140:418): arch=c000003e syscall=257 success=no exit=-13 a0=ffffff9c items=1 ppid=1 \
pid=1234 auid=4294967295 uid=48 gid=48 euid=48 fsuid=48 egid=48 tty=(none) ses=4294967295 comm=\"httpd\" \
exe=\"/usr/sbin/httpd\" subj=system_u:system_r:httpd_t:s0 key=(null)\x1dARCH=x86_64 SYSCALL=openat AUID=\"unset\" UID=\"apache\"
type=CWD msg=audit(1795322866.140:418): cwd=\"/\"
type=PATH msg=audit(1795322866.140:418): item=0 name=\"/var/www/html/index.html\" inode=77 dev=08:01 mode=0100644 ouid=0 \
ogid=0 rdev=00:00 obj=unconfined_u:object_r:user_home_t:s0 nametype=NORMAL\x1dOUID=\"root\" OGID=\"root\"
type=PROCTITLE msg=audit(1795322866.140:418): proctitle=2F7573722F7362696E2F6874747064002D44464F524547524F554E44
";

#[test]
fn records_of_one_serial_number_are_one_denial() {
    let found = read(ENRICHED);
    let [(event, syscall)] = &*found.denials else { panic!("{:?}", found.denials) };
    assert_eq!((event.module, event.verdict), (Module::Selinux, Some(Verdict::Denied)));
    assert_eq!(event.object.path.as_deref(), Some("/var/www/html/index.html"));
    assert_eq!(event.object.mode.as_deref(), Some("0100644"));
    assert_eq!(event.process.exe.as_deref(), Some("/usr/sbin/httpd"));
    assert_eq!(event.process.cmdline, ["/usr/sbin/httpd", "-DFOREGROUND"]);
    assert_eq!((event.process.uid, event.process.loginuid), (Some(48), None));
    assert_eq!(syscall.as_deref(), Some("openat"));
    assert_eq!(event.action.permissions, ["read"]);
}

#[test]
fn without_the_other_records_only_the_name_is_known() {
    let found = read(ENRICHED.lines().next().unwrap());
    let (event, syscall) = &found.denials[0];
    assert_eq!((event.object.path.as_deref(), event.object.name.as_deref()), (None, Some("index.html")));
    assert_eq!(*syscall, None);
}

#[test]
fn every_form_of_a_line_is_the_same_denial() {
    const REST: &str = "avc:  denied  { name_bind } for pid=9 comm=\"nginx\" src=8888 scontext=system_u:system_r:httpd_t:s0 \
                        tcontext=system_u:object_r:unreserved_port_t:s0 tclass=tcp_socket permissive=1";
    let of_journal = format!(
        "{{\"_TRANSPORT\":\"audit\",\"_AUDIT_ID\":\"4\",\"_HOSTNAME\":\"web1\",\"MESSAGE\":{}}}",
        serde_json::to_string(&format!("AVC {REST}")).unwrap()
    );
    for line in [
        format!("type=AVC msg=audit(1795322866.140:4): {REST}"),
        format!("type=1400 audit(1795322866.140:4): {REST}"),
        format!("[  123.456789] audit: type=1400 audit(1795322866.140:4): {REST}"),
        format!("Nov 28 10:00:00 web1 kernel: audit: type=1400 audit(1795322866.140:4): {REST}"),
        format!("Nov 28 10:00:00 web1 audit[9]: AVC {REST}"),
        of_journal,
    ] {
        let found = read(&line);
        let (event, _) = found.denials.first().unwrap_or_else(|| panic!("{line}"));
        assert_eq!(event.verdict, Some(Verdict::Permitted), "{line}");
        assert_eq!(event.object.source.as_ref().and_then(|end| end.port), Some(8888), "{line}");
        assert_eq!(event.object.kind, ObjectKind::Socket, "{line}");
    }
}

#[test]
fn apparmors_lines_are_read() {
    let found = read(
        "audit: type=1400 audit(1.002:3): apparmor=\"DENIED\" operation=\"open\" profile=\"/usr/sbin/cupsd\" \
         name=2F6574632F61206220C3BC pid=7 comm=\"cupsd\" requested_mask=\"r\" denied_mask=\"r\" fsuid=0 ouid=0\n\
         audit: type=1400 audit(1.002:4): apparmor=\"ALLOWED\" operation=\"capable\" class=\"cap\" profile=\":lxd://app\" \
         pid=7 comm=\"x\" capability=12 capname=\"net_admin\"\n\
         audit: type=1400 audit(1.002:5): apparmor=\"STATUS\" operation=\"profile_load\" profile=\"unconfined\" name=\"x\" pid=1\n\
         type=USER_AVC msg=audit(1.002:6): pid=9 uid=100 auid=4294967295 ses=4294967295 subj=? msg='apparmor=\"DENIED\" \
         operation=\"dbus_method_call\"  bus=\"system\" path=\"/org/a\" interface=\"org.a\" member=\"M\" mask=\"send\" \
         name=\"org.a\" pid=251 label=\"caller\" peer_pid=199 peer_label=\"unconfined\" exe=\"/usr/bin/dbus-daemon\" sauid=100 \
         hostname=? addr=? terminal=?'\n",
    );
    assert_eq!(found.broken, []);
    let [(file, _), (capability, _), (dbus, _)] = &*found.denials else { panic!("{:?}", found.denials) };
    assert_eq!(file.object.path.as_deref(), Some("/etc/a b ü"));
    assert_eq!((file.object.owner, file.process.fsuid), (Some(0), Some(0)));
    assert_eq!(capability.subject.namespace.as_deref(), Some("lxd"));
    assert_eq!(capability.subject.label.as_deref(), Some("app"));
    assert_eq!(capability.verdict, Some(Verdict::Permitted));
    assert_eq!(dbus.object.dbus.as_ref().and_then(|bus| bus.member.as_deref()), Some("M"));
    assert_eq!((dbus.process.pid, dbus.manager.as_ref().and_then(|one| one.pid)), (Some(251), Some(9)));
}

#[test]
fn landlocks_and_seccomps_lines_are_read() {
    let found = read(
        "type=UNKNOWN[1423] msg=audit(1.002:3): domain=195ba459b blockers=fs.make_reg,fs.refer path=\"/srv\" dev=\"vda2\" ino=351\n\
         type=LANDLOCK_DOMAIN msg=audit(1.002:3): domain=195ba459b status=allocated mode=enforcing pid=286 uid=0 exe=\"/s\"\n\
         type=SECCOMP msg=audit(1.002:4): auid=1000 uid=1000 gid=1000 ses=3 subj=? pid=8 comm=\"x\" exe=\"/bin/x\" sig=31 \
         arch=c000003e syscall=41 compat=0 ip=0x7f code=0x80000000\n",
    );
    assert_eq!(found.broken, []);
    let [(seccomp, _), (landlock, _)] = &*found.denials else { panic!("{:?}", found.denials) };
    let (landlock, seccomp) =
        if landlock.module == Module::Landlock { (landlock, seccomp) } else { (seccomp, landlock) };
    assert_eq!(landlock.action.permissions, ["fs.make_reg", "fs.refer"]);
    assert_eq!(landlock.action.class.as_deref(), Some("fs"));
    assert_eq!(seccomp.action.syscall.as_deref(), Some("socket"));
    assert_eq!(seccomp.action.seccomp_action.as_deref(), Some("kill_process"));
}

#[test]
fn what_selinux_computes_is_read() {
    let found = read(
        "type=SELINUX_ERR msg=audit(1.002:3): op=security_bounded_transition seresult=denied oldcontext=u:r:a_t:s0 \
         newcontext=u:r:b_t:s0\n",
    );
    let (event, _) = &found.denials[0];
    assert_eq!(event.action.operation.as_deref(), Some("security_bounded_transition"));
    assert_eq!(event.object.label.as_deref(), Some("u:r:b_t:s0"));
    let found = read(
        "type=SELINUX_ERR msg=audit(1.002:4): op=security_validate_transition seresult=denied oldcontext=u:object_r:a_t:s15 \
         newcontext=u:object_r:a_t:s0 taskcontext=u:r:b_t:s0 tclass=file\n",
    );
    assert_eq!(found.denials[0].0.process.label.as_deref(), Some("u:r:b_t:s0"));
}

#[test]
fn a_broken_line_is_named_and_the_rest_is_read() {
    let cut = &ENRICHED[..150];
    let long = format!("type=AVC msg=audit(1.002:9): {}", "x".repeat(2 << 20));
    let found = read(format!("{cut}\n----\n{long}\n{ENRICHED}{{\"schema\":2,\"mod\n"));
    assert_eq!(found.denials.len(), 1);
    let lines: Vec<_> = found.broken.iter().map(ToString::to_string).collect();
    assert!(lines[0].starts_with("line 3: longer"), "{lines:?}");
    assert_eq!(found.broken.iter().map(|one| one.line).collect::<Vec<_>>(), [3, 9, 1], "{lines:?}");
}

#[test]
fn denyds_own_lines_come_back() {
    let found = read(ENRICHED);
    let line = serde_json::to_string(&found.denials[0].0).unwrap();
    assert_eq!(read(line).denials[0].0, found.denials[0].0);
}

/// What logs are made of.
const WORDS: &[&str] = &[
    "type=AVC msg=audit(1.002:3): ",
    "type=USER_AVC msg=audit(1.002:3): ",
    "type=SYSCALL msg=audit(1.002:3): ",
    "type=PATH msg=audit(1.002:3): item=0 ",
    "type=PROCTITLE msg=audit(1.002:3): proctitle=",
    "type=1326 audit(1.002:4): ",
    "type=1423 audit(1.002:4): ",
    "avc:  denied  { read } for  ",
    "msg='avc:  denied  { send_msg } for  ",
    "scontext=a:b:c ",
    "tcontext=a:b:d ",
    "tclass=file ",
    "name=\"x\" ",
    "inode=-7 ",
    "ino=18446744073709551616 ",
    "path=2F ",
    "apparmor=\"DENIED\" operation=\"open\" profile=\"x\" ",
    "arch=c000003e syscall=-1 ",
    "domain=1 blockers=fs.x ",
    "{\"schema\":2,\"module\":\"selinux\"}",
    "\n",
    "\x1d",
    "'",
    "\"",
    "=",
    "é",
    "audit[7]: AVC ",
];

proptest! {
    #[test]
    fn any_log_is_read(parts in prop::collection::vec(prop_oneof![
        4 => prop::sample::select(WORDS).prop_map(|word| word.as_bytes().to_vec()),
        1 => prop::collection::vec(any::<u8>(), 0..6),
    ], 0..60)) {
        let found = read(parts.concat());
        prop_assert_eq!(found.summary.denials, found.denials.len() as u64);
        prop_assert_eq!(found.summary.broken, found.broken.len() as u64);
    }
}
