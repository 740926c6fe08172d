//! What is said of denials, from lines of logs on: causes, remedies, and that what is written compiles and allows exactly
//! what was refused.

use std::{collections::BTreeSet, error::Error, fs, path::Path, process::Command};

use monitor_audit::log::{self, Item};
use monitor_explain::{
    denials::Denials,
    explain,
    finding::{Cause, Finding, RemedyKind},
    place::Place,
    selinux::{
        advice::module::{self, Allow},
        file_contexts::FileContexts,
        policy::{Policy, RuleKind},
        query::{Cause as Answered, Found, Wanted},
    },
};
use proptest::prelude::*;

#[path = "explain/containers.rs"]
mod containers;
#[path = "explain/labels.rs"]
mod labels;
#[path = "explain/reported.rs"]
mod reported;

type Failure = Box<dyn Error>;

fn policies() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/policies")
}

fn rich() -> Result<Place, Failure> {
    Ok(Place::with_policy(&policies().join("rich.33"))?)
}

fn findings(lines: impl AsRef<[u8]>, place: &Place) -> Vec<Finding> {
    let mut denials = Denials::default();
    let read = log::read(lines.as_ref(), |item| {
        if let Item::Denial(denial) = item {
            denials.add(&denial.event, denial.timed, denial.syscall.as_deref());
        }
    });
    assert!(read.is_ok());
    explain(&denials, place)
}

fn avc(serial: u32, permissions: &str, fields: &str, source: &str, target: &str, class: &str) -> String {
    format!(
        "type=AVC msg=audit(1795322866.140:{serial}): avc:  denied  {{ {permissions} }} for  pid=7 comm=\"app\" {fields} \
         scontext={source} tcontext={target} tclass={class} permissive=0\n"
    )
}

fn commands(finding: &Finding) -> Vec<&str> {
    finding.remedies.iter().flat_map(|remedy| &remedy.commands).map(String::as_str).collect()
}

#[track_caller]
fn one(line: &str, place: &Place) -> Finding {
    let mut found = findings(line, place);
    assert_eq!(found.len(), 1, "{found:#?}");
    found.remove(0)
}

#[test]
fn a_boolean_comes_before_a_module() -> Result<(), Failure> {
    let line = avc(1, "open", "", "alice:alice_r:b_t:s0", "sys:object_r:file_t:s0", "file");
    let finding = one(&line, &rich()?);
    assert_eq!(finding.cause, Cause::Boolean);
    assert_eq!(commands(&finding), ["setsebool -P one=on"]);
    assert_eq!(finding.remedies.last().map(|last| last.kind), Some(RemedyKind::Module));
    Ok(())
}

#[test]
fn what_a_constraint_forbids_gets_no_rule() -> Result<(), Failure> {
    let line = avc(1, "write", "", "sys:sys_r:init_t:s0-s1", "sys:object_r:file_t:s2:c1", "file");
    let finding = one(&line, &rich()?);
    assert_eq!((finding.cause, &*finding.remedies), (Cause::Constraint, &[][..]));
    assert!(finding.summary.contains("level s0-s1 on s2:c1"), "{}", finding.summary);
    Ok(())
}

#[test]
fn roles_and_bounds_are_told() -> Result<(), Failure> {
    let place = rich()?;
    let line =
        avc(1, "transition", "", "carol:alice_r:a_t:s1:c0.c2", "carol:carol_r:e_t:s1:c0.c2", "process");
    assert_eq!(one(&line, &place).cause, Cause::Role);
    let line = avc(1, "ioctl", "", "carol:carol_r:grandchild_t:s1:c0.c2", "sys:object_r:file_t:s0", "file");
    let finding = one(&line, &place);
    assert_eq!((finding.cause, &*finding.remedies), (Cause::Bounds, &[][..]));
    Ok(())
}

#[test]
fn an_ioctl_that_extended_permissions_leave_out_is_told() -> Result<(), Failure> {
    let line = avc(
        1,
        "ioctl",
        "path=\"/dev/x\" ioctlcmd=0x5409",
        "alice:alice_r:a_t:s0",
        "sys:object_r:dev_t:s0",
        "chr_file",
    );
    let finding = one(&line, &rich()?);
    assert_eq!(finding.cause, Cause::Extended);
    let rules: Vec<String> =
        finding.remedies.iter().flat_map(|remedy| &remedy.allows).flat_map(Allow::te).collect();
    assert_eq!(
        rules,
        ["allow a_t dev_t:chr_file { ioctl };", "allowxperm a_t dev_t:chr_file ioctl { 0x5409 };"]
    );
    Ok(())
}

#[test]
fn what_is_allowed_by_now_needs_nothing() -> Result<(), Failure> {
    let line = avc(1, "read", "", "sys:sys_r:init_t:s0", "sys:object_r:file_t:s0", "file");
    let finding = one(&line, &rich()?);
    assert_eq!((finding.cause, finding.remedies[0].kind), (Cause::Allowed, RemedyKind::Nothing));
    Ok(())
}

#[test]
fn names_of_another_policy_are_said_to_be_unknown() -> Result<(), Failure> {
    let line = avc(1, "read", "", "sys:sys_r:foreign_t:s0", "sys:object_r:file_t:s0", "file");
    let finding = one(&line, &rich()?);
    assert_eq!((finding.cause, &*finding.remedies), (Cause::Unknown, &[][..]));
    Ok(())
}

#[test]
fn without_a_policy_it_is_said_that_nothing_was_checked() {
    let line = avc(1, "read", "", "a:b:c_t:s0", "a:b:d_t:s0", "file");
    let finding = one(&line, &Place::default());
    assert_eq!(finding.cause, Cause::Unchecked);
    assert!(finding.evidence[0].contains("--policy"), "{finding:?}");
}

#[test]
fn repeats_are_counted_and_permissions_joined() {
    let target = "a:b:d_t:s0";
    let lines: String = (0..30)
        .map(|serial| {
            let permission = if serial % 2 == 0 { "read" } else { "open" };
            avc(serial, permission, "", "a:b:c_t:s0", target, "file")
        })
        .collect();
    let finding = one(&lines, &Place::default());
    assert_eq!(finding.count, 30);
    assert!(finding.summary.contains("{ open read }"), "{}", finding.summary);
}

#[test]
fn a_leaked_descriptor_is_no_reason_for_a_rule() {
    let lines = avc(5, "read write", "path=\"/var/lib/x\"", "a:b:hostname_t:s0", "a:b:d_t:s0", "file")
        + "type=SYSCALL msg=audit(1795322866.140:5): arch=c000003e syscall=59 success=yes exit=0 pid=7 comm=\"hostname\"\n";
    let finding = one(&lines, &Place::default());
    assert_eq!(finding.cause, Cause::Leak);
    assert_eq!(finding.remedies.iter().map(|remedy| remedy.kind).collect::<Vec<_>>(), [RemedyKind::Refuse]);
}

#[test]
fn signs_of_an_attack_get_no_rule() {
    for (permissions, target, class) in [
        ("execute", "shell_exec_t", "file"),
        ("read", "shadow_t", "file"),
        ("getattr", "shadow_t", "file"),
        ("sys_module", "named_t", "capability"),
    ] {
        let line = avc(1, permissions, "", "u:r:named_t:s0", &format!("u:object_r:{target}:s0"), class);
        let finding = one(&line, &Place::default());
        assert_eq!(finding.cause, Cause::Attack, "{line}");
        assert!(finding.remedies.iter().all(|remedy| remedy.kind == RemedyKind::Refuse), "{line}");
    }
}

/// The `allow` rules of a policy.
fn rules(policy: &Policy) -> BTreeSet<String> {
    let kinds = &[RuleKind::Allow];
    policy.search(Wanted { kinds, ..Wanted::default() }).iter().map(Found::text).collect()
}

#[test]
fn a_module_allows_exactly_what_was_refused() -> Result<(), Failure> {
    let asked = [
        ("bob:bob_r:d_t:s0", "sys:object_r:secret_t:s0", "file", "getattr"),
        ("sys:sys_r:init_t:s0", "sys:object_r:dev_t:s0", "chr_file", "write"),
    ];
    let place = rich()?;
    let lines: String = asked
        .iter()
        .zip(1..)
        .map(|((source, target, class, permission), serial)| {
            avc(serial, permission, "", source, target, class)
        })
        .collect();
    let found = findings(lines, &place);
    let allows: Vec<Allow> =
        found.iter().flat_map(|finding| &finding.remedies).flat_map(|remedy| remedy.allows.clone()).collect();
    assert_eq!(allows.len(), asked.len(), "{found:#?}");
    let folder = tempfile::tempdir()?;
    let cil = folder.path().join("local.cil");
    fs::write(&cil, allows.iter().flat_map(Allow::cil).collect::<Vec<_>>().join("\n"))?;
    let built = folder.path().join("policy.33");
    let output = Command::new("secilc")
        .args(["-N", "-c", "33", "-f", "/dev/null", "-o"])
        .args([&built, &policies().join("rich.cil"), &cil])
        .output();
    let Ok(output) = output else {
        eprintln!("skipped: secilc is not installed");
        return Ok(());
    };
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let (before, after) =
        (Policy::read(&fs::read(policies().join("rich.33"))?)?, Policy::read(&fs::read(&built)?)?);
    for (source, target, class, permission) in asked {
        assert!(!matches!(before.ask(source, target, class, permission)?.cause, Answered::Allowed));
        assert!(matches!(after.ask(source, target, class, permission)?.cause, Answered::Allowed));
    }
    let new: Vec<String> = rules(&after).difference(&rules(&before)).cloned().collect();
    assert_eq!(new, ["allow d_t secret_t:file getattr;", "allow init_t dev_t:chr_file write;"]);
    Ok(())
}

#[test]
fn a_module_in_selinuxs_own_language_compiles() -> Result<(), Failure> {
    let lines = avc(1, "read open", "", "a:b:c_t:s0", "a:b:d_t:s0", "file")
        + &avc(2, "execmem", "", "a:b:c_t:s0", "a:b:c_t:s0", "process")
        + &avc(3, "ioctl", "ioctlcmd=0x5401", "a:b:c_t:s0", "a:b:e_t:s0", "chr_file");
    let found = findings(lines, &Place::default());
    let mut allows: Vec<Allow> =
        found.iter().flat_map(|finding| &finding.remedies).flat_map(|remedy| remedy.allows.clone()).collect();
    for allow in &mut allows {
        if allow.class == "chr_file" {
            allow.ioctls.insert(0x5401);
        }
    }
    let folder = tempfile::tempdir()?;
    let (te, built) = (folder.path().join("denyd_local.te"), folder.path().join("denyd_local.mod"));
    fs::write(&te, module::te("denyd_local", &allows))?;
    let output = Command::new("checkmodule").args(["-M", "-m", "-o"]).args([&built, &te]).output();
    let Ok(output) = output else {
        eprintln!("skipped: checkmodule is not installed");
        return Ok(());
    };
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}

const APPARMOR: &str = "\
audit: type=1400 audit(1.002:1): apparmor=\"DENIED\" operation=\"open\" profile=\"app\" name=\"/proc/12/status\" pid=12 \
comm=\"app\" requested_mask=\"r\" denied_mask=\"r\" fsuid=0 ouid=0
audit: type=1400 audit(1.002:2): apparmor=\"DENIED\" operation=\"open\" profile=\"app\" name=2F686F6D652F616E6E2F612062 pid=12 \
comm=\"app\" requested_mask=\"wc\" denied_mask=\"wc\" fsuid=7 ouid=7
audit: type=1400 audit(1.002:3): apparmor=\"DENIED\" operation=\"open\" profile=\"app\" name=2F686F6D652F616E6E2F612062 pid=12 \
comm=\"app\" requested_mask=\"r\" denied_mask=\"r\" fsuid=7 ouid=7
audit: type=1400 audit(1.002:4): apparmor=\"DENIED\" operation=\"capable\" profile=\"app\" pid=12 comm=\"app\" capability=12 \
capname=\"net_admin\"
audit: type=1400 audit(1.002:5): apparmor=\"DENIED\" operation=\"create\" profile=\"app\" pid=12 comm=\"app\" family=\"inet\" \
sock_type=\"stream\" protocol=6 requested_mask=\"create\" denied_mask=\"create\"
audit: type=1400 audit(1.002:6): apparmor=\"DENIED\" operation=\"signal\" profile=\"app\" pid=12 comm=\"app\" \
requested_mask=\"send\" denied_mask=\"send\" signal=term peer=\"victim\"
audit: type=1400 audit(1.002:7): apparmor=\"ALLOWED\" operation=\"exec\" profile=\"app\" name=\"/usr/bin/gzip\" pid=12 \
comm=\"app\" requested_mask=\"x\" denied_mask=\"x\" fsuid=0 ouid=0
audit: type=1400 audit(1.002:8): apparmor=\"DENIED\" operation=\"mount\" profile=\"app\" name=\"/mnt/\" pid=12 comm=\"app\" \
fstype=\"tmpfs\" srcname=\"tmpfs\" flags=\"rw, nosuid\"
type=USER_AVC msg=audit(1.002:9): pid=9 uid=100 auid=4294967295 ses=4294967295 subj=? msg='apparmor=\"DENIED\" \
operation=\"dbus_method_call\"  bus=\"system\" path=\"/org/a\" interface=\"org.a\" member=\"M\" mask=\"send\" name=\"org.a\" \
pid=251 label=\"app\" peer_pid=199 peer_label=\"unconfined\" exe=\"/usr/bin/dbus-daemon\" sauid=100 hostname=? addr=? terminal=?'
audit: type=1400 audit(1.002:10): apparmor=\"DENIED\" operation=\"ptrace\" profile=\"app\" pid=12 comm=\"app\" \
requested_mask=\"read\" denied_mask=\"read\" peer=\"victim\"
";

#[test]
fn rules_for_a_profile_are_minimal_and_compile() -> Result<(), Failure> {
    let found = findings(APPARMOR, &Place::default());
    let rules: BTreeSet<String> =
        found.iter().flat_map(|finding| &finding.remedies).flat_map(|remedy| remedy.rules.clone()).collect();
    let wanted = [
        "\"@{HOME}/a b\" wr,",
        "/usr/bin/gzip ix,",
        "capability net_admin,",
        "dbus (send) bus=system path=/org/a interface=org.a member=M peer=(name=org.a label=unconfined),",
        "mount fstype=tmpfs options=(rw, nosuid) tmpfs -> /mnt/,",
        "network inet stream,",
        "owner @{PROC}/@{pid}/status r,",
        "ptrace (read) peer=victim,",
        "signal (send) set=(term) peer=victim,",
    ];
    let without_owner: BTreeSet<&str> =
        rules.iter().map(|rule| rule.strip_prefix("owner \"").map_or(rule.as_str(), |_| wanted[0])).collect();
    assert_eq!(without_owner, wanted.into());
    let folder = tempfile::tempdir()?;
    let profile = folder.path().join("app");
    let rules: Vec<String> = rules.into_iter().collect();
    fs::write(&profile, format!("include <tunables/global>\nprofile app {{\n{}\n}}\n", rules.join("\n")))?;
    if !Path::new("/etc/apparmor.d/tunables/global").exists() {
        eprintln!("skipped: AppArmor's tunables are not installed");
        return Ok(());
    }
    let Ok(output) = Command::new("apparmor_parser").arg("-QK").arg(&profile).output() else {
        eprintln!("skipped: apparmor_parser is not installed");
        return Ok(());
    };
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}

#[test]
fn what_no_rule_mends_gets_none() {
    let line = |fields: &str| format!("audit: type=1400 audit(1.002:1): apparmor=\"DENIED\" {fields}\n");
    let open = "operation=\"open\" name=\"run/x\" pid=1 comm=\"x\" requested_mask=\"r\" denied_mask=\"r\" fsuid=0 ouid=0";
    let disconnected =
        line(&format!("{open} profile=\"app\" info=\"Failed name lookup - disconnected path\" error=-13"));
    assert_eq!(one(&disconnected, &Place::default()).cause, Cause::Disconnected);
    for profile in ["app//null-/usr/bin/x", "unprivileged_userns"] {
        let finding = one(&line(&format!("{open} profile=\"{profile}\"")), &Place::default());
        assert!(finding.remedies.iter().all(|remedy| remedy.rules.is_empty()), "{finding:?}");
    }
}

/// Debian's policy with its file contexts, where it is installed.
fn debian() -> Result<Option<Place>, Failure> {
    let files = ["33", "34", "35"].map(|version| format!("/etc/selinux/default/policy/policy.{version}"));
    let Some(file) = files.into_iter().find(|file| Path::new(file).exists()) else {
        eprintln!("skipped: Debian's policy is not installed");
        return Ok(None);
    };
    Ok(Some(Place::with_policy(Path::new(&file))?))
}

/// File contexts of a policy's, and an administrator's.
fn contexts(policy: &str, local: &str) -> Result<FileContexts, Failure> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("file_contexts");
    fs::write(&file, policy)?;
    fs::write(folder.path().join("file_contexts.local"), local)?;
    Ok(FileContexts::read(&file)?)
}

const WEB: &str = "/srv/.* system_u:object_r:var_t:s0\n/srv -d system_u:object_r:var_t:s0\n\
    /var/www(/.*)? system_u:object_r:httpd_sys_content_t:s0\n/usr/sbin/nginx -- system_u:object_r:httpd_exec_t:s0\n";

/// What is said of a web server that was refused a file with this label.
fn web(place: &Place, permissions: &str, path: &str, type_: &str, class: &str) -> Finding {
    let label = format!("system_u:object_r:{type_}:s0");
    one(
        &avc(1, permissions, &format!("path=\"{path}\""), "system_u:system_r:httpd_t:s0", &label, class),
        place,
    )
}

#[test]
fn a_local_rule_that_is_wrong_is_removed_or_changed() -> Result<(), Failure> {
    let Some(mut place) = debian()? else { return Ok(()) };
    let local = "/var/www/html(/.*)? system_u:object_r:samba_share_t:s0\n/srv/wrong(/.*)? system_u:object_r:samba_share_t:s0";
    place.contexts = Some(contexts(WEB, local)?);
    let gone = web(&place, "read", "/var/www/html/index.html", "samba_share_t", "file");
    assert_eq!(gone.cause, Cause::Label);
    let wanted = ["semanage fcontext -d '/var/www/html(/.*)?'", "restorecon -v -R /var/www/html"];
    assert_eq!(commands(&gone), wanted);
    let changed = web(&place, "search", "/srv/wrong", "samba_share_t", "dir");
    assert_eq!(changed.cause, Cause::CustomPath);
    let wanted =
        ["semanage fcontext -m -t httpd_sys_content_t '/srv/wrong(/.*)?'", "restorecon -v -R /srv/wrong"];
    assert_eq!(commands(&changed), wanted);
    Ok(())
}

#[test]
fn a_folder_gets_a_label_with_all_in_it_and_one_of_the_systems_own_gets_none() -> Result<(), Failure> {
    let Some(mut place) = debian()? else { return Ok(()) };
    place.contexts = Some(contexts(WEB, "")?);
    let site = web(&place, "read", "/srv/site/index.html", "var_t", "file");
    let wanted =
        ["semanage fcontext -a -t httpd_sys_content_t '/srv/site(/.*)?'", "restorecon -v -R /srv/site"];
    assert_eq!(commands(&site), wanted);
    let file = web(&place, "read", "/srv/index.html", "var_t", "file");
    let wanted =
        ["semanage fcontext -a -t httpd_sys_content_t '/srv/index\\.html'", "restorecon -v /srv/index.html"];
    assert_eq!(commands(&file), wanted);
    let shared = web(&place, "add_name write", "/srv", "var_t", "dir");
    assert!(commands(&shared).iter().all(|command| !command.contains("/srv")), "{shared:#?}");
    Ok(())
}

#[test]
fn files_of_file_systems_without_labels_are_not_relabelled_and_get_a_pair_of_booleans() -> Result<(), Failure>
{
    let Some(mut place) = debian()? else { return Ok(()) };
    place.contexts = Some(contexts(WEB, "")?);
    let finding = web(&place, "search", "/srv/nfs", "nfs_t", "dir");
    assert_eq!(finding.cause, Cause::Boolean);
    assert_eq!(commands(&finding)[0], "setsebool -P httpd_enable_homedirs=on use_nfs_home_dirs=on");
    Ok(())
}

#[test]
fn a_level_that_file_contexts_do_not_have_is_put_right() -> Result<(), Failure> {
    let mut place = rich()?;
    place.contexts = Some(contexts("/x(/.*)? sys:object_r:file_t:s0\n", "")?);
    let line =
        avc(1, "write", "path=\"/x/y\"", "sys:sys_r:init_t:s0-s1", "sys:object_r:file_t:s2:c1", "file");
    let finding = one(&line, &place);
    assert_eq!((finding.cause, commands(&finding)), (Cause::Constraint, vec!["restorecon -v -F /x/y"]));
    Ok(())
}

#[test]
fn a_transition_that_did_not_happen_is_told() -> Result<(), Failure> {
    let Some(mut place) = debian()? else { return Ok(()) };
    place.contexts = Some(contexts(WEB, "")?);
    let (initrc, ip) = ("system_u:system_r:initrc_t:s0", "system_u:system_r:ifconfig_t:s0");
    let bound = one(&avc(1, "nnp_transition", "", initrc, ip, "process2"), &place);
    let kinds: Vec<_> = bound.remedies.iter().map(|remedy| remedy.kind).collect();
    assert_eq!((bound.cause, kinds), (Cause::Transition, vec![RemedyKind::Setting, RemedyKind::Module]));

    let call = "type=SYSCALL msg=audit(1795322866.140:1): arch=c000003e syscall=9 success=no exit=-13 pid=7 \
                comm=\"nginx\" exe=\"/usr/sbin/nginx\"\n";
    let line = avc(1, "execheap", "", initrc, initrc, "process");
    let missed = one(&format!("{line}{call}"), &place);
    assert_eq!((missed.cause, commands(&missed)), (Cause::Transition, vec!["restorecon -v /usr/sbin/nginx"]));
    assert!(missed.summary.ends_with("/usr/sbin/nginx should run as httpd_t, and does not"), "{missed:#?}");
    Ok(())
}

#[test]
fn what_a_permissive_domain_did_would_have_been_refused() -> Result<(), Failure> {
    let line = avc(1, "open", "", "alice:alice_r:b_t:s0", "sys:object_r:file_t:s0", "file");
    let finding = one(&line.replace("permissive=0", "permissive=1"), &rich()?);
    assert!(finding.summary.contains("would be refused"), "{}", finding.summary);
    Ok(())
}

/// What denyd reported in a guest with Debian's policy, when services were broken that way.
const SERVICES: &str = include_str!("../../tests/captured/services-selinux.jsonl");

#[test]
fn denyds_own_events_of_broken_services_have_their_causes() -> Result<(), Failure> {
    let Some(mut place) = debian()? else { return Ok(()) };
    place.contexts = Some(contexts(WEB, "")?);
    let causes: Vec<_> = SERVICES.lines().map(|line| one(line, &place).cause).collect();
    let wanted = [Cause::Port, Cause::CustomPath, Cause::Boolean, Cause::CustomPath, Cause::Boolean];
    assert_eq!(causes, [&wanted[..], &[Cause::Transition, Cause::Leak]].concat());
    Ok(())
}

#[test]
fn a_port_that_has_its_label_by_now_needs_nothing() -> Result<(), Failure> {
    let Some(place) = debian()? else { return Ok(()) };
    let (httpd, port) = ("system_u:system_r:httpd_t:s0", "system_u:object_r:unreserved_port_t:s0");
    let finding = one(&avc(1, "name_bind", "src=8080", httpd, port, "tcp_socket"), &place);
    assert_eq!((finding.cause, finding.remedies[0].kind), (Cause::Allowed, RemedyKind::Nothing));
    Ok(())
}

#[test]
fn debians_policy_gives_the_remedies_of_experts() -> Result<(), Failure> {
    let Some(place) = debian()? else { return Ok(()) };
    let httpd = "system_u:system_r:httpd_t:s0";
    for (line, cause, wanted) in [
        (
            avc(
                1,
                "read",
                "path=\"/var/www/html/index.html\"",
                httpd,
                "unconfined_u:object_r:user_home_t:s0",
                "file",
            ),
            Cause::Label,
            vec!["restorecon -v /var/www/html/index.html"],
        ),
        (
            avc(
                1,
                "read open",
                "path=\"/srv/my app/x\"",
                httpd,
                "unconfined_u:object_r:default_t:s0",
                "file",
            ),
            Cause::CustomPath,
            vec![
                "semanage fcontext -a -t httpd_sys_content_t '/srv/my app(/.*)?'",
                "restorecon -v -R '/srv/my app'",
            ],
        ),
        (
            avc(1, "name_bind", "src=8888", httpd, "system_u:object_r:unreserved_port_t:s0", "tcp_socket"),
            Cause::Port,
            vec!["semanage port -a -t http_port_t -p tcp 8888"],
        ),
        (
            avc(1, "execmem", "", "system_u:system_r:ntpd_t:s0", "system_u:system_r:ntpd_t:s0", "process"),
            Cause::NoRule,
            vec![],
        ),
    ] {
        let finding = one(&line, &place);
        assert_eq!(finding.cause, cause, "{finding:#?}");
        assert_eq!(commands(&finding), wanted, "{finding:#?}");
    }
    let line =
        avc(1, "name_connect", "dest=5432", httpd, "system_u:object_r:postgresql_port_t:s0", "tcp_socket");
    let finding = one(&line, &place);
    assert_eq!(finding.cause, Cause::Boolean);
    assert!(commands(&finding)[0].starts_with("setsebool -P httpd_can_network_connect"), "{finding:#?}");
    Ok(())
}

/// What logs are made of.
const WORDS: &[&str] = &[
    "type=AVC msg=audit(1.002:3): avc:  denied  { read ioctl } for  ",
    "type=SYSCALL msg=audit(1.002:3): arch=c000003e syscall=59 ",
    "scontext=alice:alice_r:b_t:s0 ",
    "scontext=:::::: ",
    "tcontext=sys:object_r:file_t:s0 ",
    "tcontext=a:b:default_t ",
    "tclass=file ",
    "tclass=tcp_socket ",
    "path=\"/srv/x\" ",
    "path=2F ",
    "src=1 ",
    "ioctlcmd=ffffffff ",
    "type=1400 audit(1.002:4): apparmor=\"DENIED\" operation=\"open\" profile=\"x//null-y\" ",
    "type=1400 audit(1.002:4): apparmor=\"ALLOWED\" operation=\"exec\" profile=\":n://x\" name=\"/ix\" denied_mask=\"xr\" ",
    "type=1326 audit(1.002:4): syscall=1 ",
    "type=1423 audit(1.002:4): domain=1 blockers=scope.signal ",
    "\n",
    "\"",
];

proptest! {
    #[test]
    fn any_log_is_explained(parts in prop::collection::vec(prop::sample::select(WORDS), 0..60)) {
        let place = rich().unwrap();
        for finding in findings(parts.concat(), &place) {
            prop_assert!(finding.count > 0 && !finding.summary.is_empty());
            prop_assert!(!finding.summary.contains('\0'), "{}", finding.summary);
        }
    }
}
