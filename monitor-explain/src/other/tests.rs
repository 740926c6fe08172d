//! What is said where it is known what the unit sets.

use serde_json::{Value, json};

use super::*;
use crate::{denials::Denials, explain, finding::Finding, unit::Units};

/// What `systemctl show` says of a unit that sets much.
const SHOWN: &str = "LoadState=loaded\nUser=app\nSystemCallFilter=~acct mount:EPERM ptrace\nSystemCallArchitectures=native\n\
    RestrictNamespaces=yes\nRestrictAddressFamilies=AF_UNIX\nMemoryDenyWriteExecute=yes\nRestrictRealtime=no\n\
    CapabilityBoundingSet=cap_chown cap_net_bind_service\nAmbientCapabilities=\n";

fn place(shown: &str) -> Place {
    Place {
        here: true,
        host: "here".to_owned(),
        units: Units::with("app.service", shown),
        ..Place::default()
    }
}

#[track_caller]
fn finding(module: &str, host: &str, action: Value, object: Value, more: Value, place: &Place) -> Finding {
    let mut event = json!({
        "schema": 2, "time": "2026-01-01T00:00:00Z", "host": host, "kind": "denial", "module": module,
        "verdict": "denied", "silent": false, "subject": {},
        "process": {"pid": 7, "comm": "app", "exe": "/usr/bin/app"}, "unit": {"name": "app.service"},
    });
    event["action"] = action;
    event["action"]["permissions"] = json!([]);
    event["object"] = object;
    if let Value::Object(more) = more {
        more.into_iter().for_each(|(key, value)| event[key] = value);
    }
    let text = event.to_string();
    let mut denials = Denials::default();
    denials.add(&serde_json::from_str(&text).unwrap(), true, None);
    let mut found = explain(&denials, place);
    assert_eq!(found.len(), 1);
    found.remove(0)
}

fn call(name: &str, place: &Place) -> Finding {
    finding(
        "seccomp",
        "here",
        json!({"class": "syscall", "syscall": name}),
        json!({"kind": "none"}),
        json!({}),
        place,
    )
}

#[track_caller]
fn added(finding: &Finding) -> Vec<&str> {
    let edit = finding.remedies[0].edit.as_ref().unwrap_or_else(|| panic!("{finding:#?}"));
    assert_eq!(edit.file, "/etc/systemd/system/app.service.d/denyd.conf");
    assert_eq!(edit.add[0], "[Service]");
    edit.add[1..].iter().map(String::as_str).collect()
}

#[test]
fn the_directive_that_forbids_a_call_is_named() {
    let place = place(SHOWN);
    for (name, directive) in [
        ("ptrace", "SystemCallFilter=ptrace"),
        ("mount", "SystemCallFilter=mount"),
        ("unshare", "RestrictNamespaces=no"),
        ("mprotect", "MemoryDenyWriteExecute=no"),
    ] {
        assert_eq!(added(&call(name, &place)), [directive], "{name}");
    }
    let socket = call("socket", &place);
    assert!(socket.remedies[0].text.contains("RestrictAddressFamilies="), "{socket:#?}");
    for (name, warned) in [("mount", true), ("unshare", false)] {
        assert_eq!(!call(name, &place).remedies[0].warnings.is_empty(), warned, "{name}");
    }
}

#[test]
fn a_filter_that_is_not_the_units_is_not_blamed_on_it() {
    let found = call("sched_setscheduler", &place(SHOWN));
    assert!(found.remedies.iter().all(|remedy| remedy.commands.is_empty()), "{found:#?}");
    assert!(found.evidence.iter().any(|line| line.contains("the program's own")), "{found:#?}");
    let allowing = place("LoadState=loaded\nSystemCallFilter=read write\n");
    assert_eq!(added(&call("openat", &allowing)), ["SystemCallFilter=openat"]);
}

#[test]
fn a_unit_whose_name_systemd_escapes_is_asked_about_by_that_name() {
    let name = r"app@a\x2db.service";
    let place = Place { units: Units::with(name, SHOWN), ..place(SHOWN) };
    let action = json!({"class": "syscall", "syscall": "unshare"});
    let unit = json!({"unit": {"name": name}});
    let found = finding("seccomp", "here", action, json!({"kind": "none"}), unit, &place);
    let edit = found.remedies[0].edit.as_ref().unwrap();
    assert_eq!(edit.file, r"/etc/systemd/system/app@a\x2db.service.d/denyd.conf");
}

#[test]
fn another_machines_units_are_not_looked_at() {
    let place = place(SHOWN);
    let action = json!({"class": "syscall", "syscall": "ptrace"});
    let found = finding("seccomp", "elsewhere", action, json!({"kind": "none"}), json!({}), &place);
    assert!(found.remedies.iter().all(|remedy| remedy.edit.is_none()), "{found:#?}");
}

#[test]
fn a_containers_runtime_is_named_for_what_is_in_one() {
    let action = json!({"class": "syscall", "syscall": "ptrace"});
    let container = json!({"container": {"id": "c", "found_by": "cgroup"}});
    let found = finding("seccomp", "here", action, json!({"kind": "none"}), container, &place(SHOWN));
    assert_eq!(found.remedies.len(), 1);
    assert!(found.remedies[0].text.contains("--security-opt seccomp=FILE"), "{found:#?}");
}

#[test]
fn capabilities_are_given_as_the_unit_needs_it() {
    let capability = |name: &str, shown: &str| {
        let object = json!({"kind": "capability", "capability": name});
        finding("capability", "here", json!({"class": "capability"}), object, json!({}), &place(shown))
    };
    let shown = |user: &str| SHOWN.replace("User=app", user);
    assert_eq!(added(&capability("net_bind_service", SHOWN)), ["AmbientCapabilities=CAP_NET_BIND_SERVICE"]);
    assert_eq!(
        added(&capability("sys_time", SHOWN)),
        ["AmbientCapabilities=CAP_SYS_TIME", "CapabilityBoundingSet=CAP_SYS_TIME"]
    );
    assert_eq!(added(&capability("sys_time", &shown("User="))), ["CapabilityBoundingSet=CAP_SYS_TIME"]);
    assert_eq!(capability("chown", &shown("User=")).remedies, [], "root has it");
    let danger = capability("sys_admin", SHOWN);
    assert!(!danger.remedies[0].warnings.is_empty(), "{danger:#?}");
    assert!(!capability("sys_time", SHOWN).remedies[0].warnings.is_empty(), "it runs without it");
    let failed = format!("{SHOWN}ActiveState=failed\n");
    assert_eq!(capability("sys_time", &failed).remedies[0].warnings, [""; 0]);
}

#[test]
fn what_takes_a_capability_away_besides_is_named() {
    let capability = |name: &str, shown: &str| {
        let object = json!({"kind": "capability", "capability": name});
        finding("capability", "here", json!({"class": "capability"}), object, json!({}), &place(shown))
    };
    let shown = "LoadState=loaded\nActiveState=failed\nProtectClock=yes\nPrivateUsers=yes\nCapabilityBoundingSet=cap_sys_time cap_chown\n";
    assert_eq!(added(&capability("sys_time", shown)), ["ProtectClock=no"]);
    let all: Vec<String> = (0..)
        .map_while(monitor_event::names::capability::known)
        .filter(|name| !matches!(*name, "mknod" | "sys_rawio"))
        .map(|name| format!("cap_{name}"))
        .collect();
    let only = format!("LoadState=loaded\nPrivateDevices=yes\nCapabilityBoundingSet={}\n", all.join(" "));
    assert_eq!(added(&capability("mknod", &only)), ["PrivateDevices=no"], "the unit has no set of its own");
    let bounded = only.replace(" cap_kill ", " ");
    assert_eq!(
        added(&capability("mknod", &bounded)),
        ["CapabilityBoundingSet=CAP_MKNOD", "PrivateDevices=no"]
    );
    let private = capability("chown", shown);
    assert_eq!(added(&private), ["PrivateUsers=no"]);
    assert!(!private.remedies[0].warnings.is_empty(), "{private:#?}");
    let dynamic = "LoadState=loaded\nDynamicUser=yes\nCapabilityBoundingSet=cap_chown\n";
    assert_eq!(added(&capability("chown", dynamic)), ["AmbientCapabilities=CAP_CHOWN"]);
}

#[test]
fn a_unit_that_was_changed_since_is_not_to_be_changed_again() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("denyd.conf");
    std::fs::write(&file, "[Service]\nSystemCallFilter=acct\n").unwrap();
    // It was just now, and the denial before.
    let shown = format!(
        "LoadState=loaded\nSystemCallFilter=acct\nCapabilityBoundingSet=cap_chown\nDropInPaths={}\n",
        file.display()
    );
    let object = json!({"kind": "capability", "capability": "chown"});
    let capable =
        finding("capability", "here", json!({"class": "capability"}), object, json!({}), &place(&shown));
    for found in [call("acct", &place(&shown)), capable] {
        assert_eq!(found.cause, Cause::Allowed, "{found:#?}");
        assert_eq!(found.remedies[0].kind, RemedyKind::Nothing);
    }
    // The process is the one that was refused.
    let running = format!("{shown}MainPID=7\nExecMainStartTimestampMonotonic=1\n");
    let found = call("acct", &place(&running));
    assert_eq!(found.remedies[0].kind, RemedyKind::Restart, "{found:#?}");
    assert_eq!(found.remedies[0].commands, ["systemctl restart app.service"]);
}

#[test]
fn every_capability_that_the_kernel_has_is_told_about() {
    for number in 0.. {
        let Some(name) = monitor_event::names::capability::known(number) else { break };
        let object = json!({"kind": "capability", "capability": name});
        let found =
            finding("capability", "here", json!({"class": "capability"}), object, json!({}), &place(SHOWN));
        assert!(found.evidence.iter().any(|line| line.contains(" is for: ")), "{name}");
    }
}

#[test]
fn a_filter_that_logs_or_asks_forbids_nothing_by_itself() {
    let found = |decided: &str, more: Value| {
        let action = json!({"class": "syscall", "syscall": "pkey_alloc", "seccomp_action": decided});
        finding("seccomp", "here", action, json!({"kind": "none"}), more, &Place::default())
    };
    let logged = found("log", json!({}));
    assert!(logged.summary.contains("logs it") && logged.remedies.is_empty(), "{logged:#?}");
    let asked = found("user_notif", json!({}));
    assert!(asked.evidence.iter().any(|line| line.contains("supervisor")), "{asked:#?}");
    for process in [
        json!({"pid": 7, "label": "snap.discord.discord (enforce)"}),
        json!({"pid": 7, "exe": "/snap/discord/1/usr/share/discord/Discord"}),
    ] {
        let of_snap = found("errno", json!({"process": process}));
        assert_eq!(of_snap.remedies.len(), 1, "{of_snap:#?}");
        assert_eq!(of_snap.remedies[0].commands[0], "snap connections discord");
    }
}

#[test]
fn who_made_a_landlock_domain_is_told() {
    let landlock = |same: bool| {
        let more = json!({
            "subject": {"domain": "1a", "same_exec": same},
            "process": {"pid": 7, "comm": "app", "ancestors": [{"pid": 1, "comm": "boxer", "uid": 0}]},
        });
        finding("landlock", "here", json!({"class": "fs"}), json!({"kind": "file"}), more, &Place::default())
    };
    assert!(landlock(true).evidence[1].contains("app made the domain itself"));
    assert!(landlock(false).evidence[1].contains("(boxer)"));
}

#[test]
fn kernel_settings_have_what_does_instead_first() {
    let object = json!({"kind": "kernel", "lockdown_reason": "kexec"});
    let found =
        finding("lockdown", "here", json!({"class": "lockdown"}), object, json!({}), &Place::default());
    assert!(found.remedies[0].text.contains("kexec -s"), "{found:#?}");
    assert!(!found.remedies[1].warnings.is_empty());
    for (scope, remedies) in [(1, 2), (2, 1), (3, 0)] {
        let action = json!({"class": "ptrace", "operation": "attach", "ptrace_scope": scope});
        let found = finding("yama", "here", action, json!({"kind": "process"}), json!({}), &Place::default());
        assert_eq!(found.remedies.len(), remedies, "{found:#?}");
    }
    let action = json!({
        "class": "bpf_lsm", "operation": "file_open",
        "bpf_programs": [{"id": 4, "name": "restrict_filesy", "tag": "00"}],
    });
    let shown = "LoadState=loaded\nRestrictFileSystems=ext4\n";
    let found = finding("bpf", "here", action, json!({"kind": "file"}), json!({}), &place(shown));
    assert!(found.remedies[0].text.contains("RestrictFileSystems= of app.service"), "{found:#?}");
}
