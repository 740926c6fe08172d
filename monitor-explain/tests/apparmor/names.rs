//! Names that are others each time: what is said once holds the next time, too.

use std::{fs, io};

use monitor_explain::finding::{Cause, RemedyKind};
use tempfile::TempDir;

use super::{
    Compiled, Place, findings,
    profiles::{self, edit, line, one, open},
};

type Failure = Box<dyn std::error::Error>;

/// A profile with little in it, and the tunables that are installed.
fn app() -> io::Result<(TempDir, Place)> {
    let folder = super::folder(
        &["abi", "tunables"],
        "include <tunables/global>\nprofile app {\n  /always r,\n  signal,\n  include if exists <local/app>\n}\n",
    )?;
    fs::create_dir(folder.path().join("local"))?;
    let place = Place::with_profiles(folder.path());
    Ok((folder, place))
}

fn link(name: &str, target: &str, owner: u32) -> String {
    line(&format!(
        "operation=\"link\" class=\"file\" profile=\"app\" name=\"{name}\" pid=4711 comm=\"app\" requested_mask=\"l\" \
         denied_mask=\"l\" fsuid=1000 ouid={owner} target=\"{target}\""
    ))
}

/// What is said of these denials: the rules. They compile, and after them nothing is left to be advised of others of the kind.
#[track_caller]
fn holds(first: &str, next: &[String]) -> Result<(Compiled, Vec<String>), Failure> {
    let (folder, place) = app()?;
    let finding = one(first, &place);
    let rules = edit(&finding).add.clone();
    fs::write(folder.path().join("local/app"), rules.join("\n") + "\n")?;
    let again = Place::with_profiles(folder.path());
    for line in next {
        assert_eq!(one(line, &again).cause, Cause::Allowed, "{line}\n{rules:#?}");
    }
    Ok((Compiled::of(&folder.path().join("app"), folder.path())?, rules))
}

#[test]
fn a_link_has_variables_globs_and_its_owner() -> Result<(), Failure> {
    let home = "/home/ann/.local/state";
    // Okular's, as Qt makes a file without a name, and then links it.
    let of_qt = |suffix: &str, inode: u32| {
        link(&format!("{home}/okularstaterc.{suffix}"), &format!("{home}/#{inode}"), 1000)
    };
    let (compiled, rules) = holds(&of_qt("AunDfT", 13_634_172), &[of_qt("tRbflB", 77)])?;
    assert_eq!(
        rules,
        [r"owner link @{HOME}/.local/state/okularstaterc.?????? -> @{HOME}/.local/state/\#[0-9]*,"]
    );
    let (name, file) = (format!("{home}/okularstaterc.QVPUKO"), format!("{home}/#1"));
    assert!(compiled.link(&name, &file, true) && !compiled.link(&name, &file, false));
    assert!(!compiled.link(&name, &format!("{home}/secret"), true));
    Ok(())
}

#[test]
fn links_of_ln_and_of_gnupg_take_one_round() -> Result<(), Failure> {
    let of_ln = |made_up: &str| link(&format!("/srv/Cu{made_up}"), "/srv/a", 0);
    let (_, rules) = holds(&of_ln("Ab12Cd"), &[of_ln("zzTOPx"), of_ln("0a0a0a")])?;
    assert_eq!(rules, ["link /srv/Cu?????? -> /srv/a,"]);
    let of_gpg = |address: &str, pid: u32| {
        let lock = format!("/home/ann/.gnupg/.#lk0x{address}.host.{pid}");
        link("/home/ann/.gnupg/pubring.kbx.lock", &lock, 1000).replace("pid=4711", &format!("pid={pid}"))
    };
    let (_, rules) = holds(&of_gpg("000055d0a1b2c3d0", 4711), &[of_gpg("00007f00a1b2c3d0", 4812)])?;
    assert_eq!(
        rules,
        [r"owner link @{HOME}/.gnupg/pubring.kbx.lock -> @{HOME}/.gnupg/.\#lk0x[0-9a-f]*.host.[0-9]*,"]
    );
    // git's, of an object.
    let of_git = |sum: &str, made_up: &str| {
        let folder = format!("/srv/git/objects/{}", &sum[..2]);
        link(&format!("{folder}/{}", &sum[2..]), &format!("{folder}/tmp_obj_{made_up}"), 1000)
    };
    let (first, next) =
        ("e10cd0438356665164223ad342af69eaca7f3c4b", "02c98e0c3f5f5b7d9e1b0a3a3a5d0f6f1f2f3f4f");
    holds(&of_git(first, "V79Z0K"), &[of_git(next, "a0B1c2").replace("/02/tmp", "/e1/tmp")])?;
    Ok(())
}

#[test]
fn several_links_are_one_rule() -> Result<(), Failure> {
    let of = |number: u32| link(&format!("/srv/snapshot/{number}/data"), "/srv/data", 0);
    let lines: String = [1, 2, 13].into_iter().map(of).collect();
    let (_, rules) = holds(&lines, &[of(14)])?;
    assert_eq!(rules, ["link /srv/snapshot/[0-9]*/data -> /srv/data,"]);
    let (folder, place) = app()?;
    let both = link("/srv/x", "/srv/y", 0) + &link("/srv/x", "/srv/y", 1000);
    assert_eq!(edit(&one(&both, &place)).add, ["link /srv/x -> /srv/y,"], "{}", folder.path().display());
    Ok(())
}

#[test]
fn a_rule_of_files_may_say_where_a_link_leads() -> io::Result<()> {
    let folder = super::folder(&[], "profile app {\n  /srv/* rwl -> /srv/old/*,\n}\n")?;
    let place = Place::with_profiles(folder.path());
    assert_eq!(one(&link("/srv/a", "/srv/old/b", 0), &place).cause, Cause::Allowed);
    assert_eq!(one(&link("/srv/a", "/etc/b", 0), &place).cause, Cause::Profile);
    assert_eq!(one(&open("app", "/srv/a", "w", 0), &place).cause, Cause::Allowed, "no link");
    Ok(())
}

#[test]
fn the_number_of_the_process_is_no_part_of_a_rule() -> Result<(), Failure> {
    for (path, other, rule) in [
        ("/run/user/1000/foo.4711", "/run/user/1000/foo.4812", "owner @{run}/user/@{uid}/foo.[0-9]* w,"),
        ("/tmp/app-4711/x", "/tmp/app-4812/x", "owner /tmp/app-[0-9]*/x w,"),
        (
            "/proc/4711/task/4713/comm",
            "/proc/4812/task/4813/comm",
            "owner @{PROC}/@{pid}/task/@{tid}/comm w,",
        ),
    ] {
        let of = |path: &str, pid: &str| open("app", path, "w", 0).replace("pid=12", &format!("pid={pid}"));
        let (_, rules) = holds(&of(path, "4711"), &[of(other, "4812")])?;
        assert_eq!(rules, [rule]);
        // Of another process, the number is any.
        if !path.starts_with("/proc/") {
            let finding = one(&of(path, "4712"), &app()?.1);
            assert!(finding.remedies[0].rules[0].contains("4711"), "{finding:#?}");
        }
    }
    Ok(())
}

#[test]
fn of_a_profile_that_a_program_writes_no_flag_is_told() {
    let path = |profile: &str, flag: &str| {
        line(&format!(
            "operation=\"open\" class=\"file\" info=\"{flag}\" error=-13 profile=\"{profile}\" name=\"run/x\" pid=1 comm=\"x\" \
             requested_mask=\"r\" denied_mask=\"r\" fsuid=0 ouid=0"
        ))
    };
    for (profile, offer) in [
        ("docker-default", "--security-opt apparmor=NAME"),
        ("snap.firefox.firefox", "nothing that is set on this machine lasts"),
        ("lxd-web_</var/snap/lxd/common/lxd>", "raw.lxc"),
        ("libvirt-7cf29f14-a170-4e33-bece-1f1e4c7e10b7", "TEMPLATE.qemu"),
    ] {
        for info in ["Failed name lookup - disconnected path", "Failed name lookup - deleted entry"] {
            let found = findings(path(profile, info), &Place::default());
            let text = &found[0].remedies[0].text;
            assert!(text.contains(offer), "{profile}: {text}");
            assert!(!text.starts_with("give the profile"), "{profile}: {text}");
            assert!(found[0].evidence.iter().any(|line| line.contains(" writes the profile ")), "{found:#?}");
        }
    }
    let kept = line(
        "operation=\"exec\" class=\"file\" info=\"no new privs\" error=-1 profile=\"snap.docker.dockerd\" name=\"/usr/bin/sleep\" \
         pid=9 comm=\"runc\" requested_mask=\"x\" denied_mask=\"x\" fsuid=0 ouid=0 target=\"docker-default\"",
    );
    let remedies = &findings(kept, &Place::default())[0].remedies;
    assert!(remedies[1].text.contains("nothing that is set on this machine lasts"), "{remedies:#?}");
    let missing = line(
        "operation=\"change_onexec\" class=\"file\" info=\"label not found\" error=-2 profile=\"unconfined\" \
         name=\"docker-default\" pid=1 comm=\"runc\"",
    );
    let found = findings(missing, &Place::default());
    let remedy = &found[0].remedies[0];
    assert_eq!(remedy.kind, RemedyKind::Setting);
    assert!(remedy.text.starts_with("start the container again"), "{}", remedy.text);
}

#[test]
fn a_script_is_read_by_its_interpreter() -> Result<(), Failure> {
    let (_, rules) = holds(
        &open("app", "/srv/bin/resize.sh", "x", 0),
        &[open("app", "/srv/bin/resize.sh", "r", 0), open("app", "/srv/bin/resize.sh", "x", 0)],
    )?;
    assert_eq!(rules, ["/srv/bin/resize.sh rix,"]);
    Ok(())
}

#[test]
fn what_is_written_anew_is_named_so_that_the_next_one_fits() -> Result<(), Failure> {
    let signal = |id: &str| {
        line(&format!(
            "operation=\"signal\" class=\"signal\" profile=\"app\" pid=981 comm=\"libvirtd\" requested_mask=\"send\" \
             denied_mask=\"send\" signal=term peer=\"libvirt-{id}\""
        ))
    };
    let (first, next) = ("7cf29f14-a170-4e33-bece-1f1e4c7e10b7", "00000000-a170-4e33-bece-1f1e4c7e10b7");
    // The profile has `signal,`, which allows it.
    let (folder, place) = profiles::folder("profile app {\n}\n")?;
    let rules = one(&signal(first), &place).remedies[0].rules.clone();
    assert_eq!(rules, ["signal (send) set=(term) peer=libvirt-*,"]);
    fs::write(folder.path().join("app"), format!("profile app {{\n{}\n}}\n", rules[0]))?;
    assert_eq!(one(&signal(next), &Place::with_profiles(folder.path())).cause, Cause::Allowed);
    // What complain mode makes up is gone once there is a rule for the program.
    let made_up = signal(first).replace(&format!("libvirt-{first}"), "app//null-/usr/bin/tool");
    assert_eq!(one(&made_up, &place).remedies[0].rules, ["signal (send) set=(term) peer=app,"]);
    Ok(())
}

#[test]
fn names_of_sockets_and_of_d_bus_hold_the_next_time() -> Result<(), Failure> {
    let bind = |address: &str, pid: u32| {
        line(&format!(
            "operation=\"bind\" class=\"net\" profile=\"app\" pid={pid} comm=\"app\" family=\"unix\" sock_type=\"stream\" protocol=0 \
             requested=\"bind\" denied=\"bind\" addr=\"@{address}\""
        ))
    };
    let owns = |name: &str, pid: u32| {
        format!(
            "type=USER_AVC msg=audit(1.002:900): pid=9 uid=100 auid=4294967295 ses=4294967295 subj=? msg='apparmor=\"DENIED\" \
             operation=\"dbus_bind\"  bus=\"session\" name=\"{name}\" mask=\"bind\" pid={pid} label=\"app\" \
             exe=\"/usr/bin/dbus-daemon\" sauid=100 hostname=? addr=? terminal=?'\n"
        )
    };
    let asks = |path: &str| {
        owns("org.freedesktop.login1", 4711).replace("dbus_bind", "dbus_method_call").replace(
            "mask=\"bind\"",
            &format!("path=\"{path}\" interface=\"org.i\" member=\"M\" mask=\"send\""),
        )
    };
    for (first, next, rule) in [
        (
            bind("5f1b2a3c4d5e6f70/bus/systemctl/system", 4711),
            bind("0a1b2a3c4d5e6f7f/bus/systemctl/system", 4812),
            "unix (bind) type=stream addr=@[0-9a-f]*/bus/systemctl/system,",
        ),
        (
            bind("/tmp/.ICE-unix/4711", 4711),
            bind("/tmp/.ICE-unix/4812", 4812),
            "unix (bind) type=stream addr=@/tmp/.ICE-unix/[0-9]*,",
        ),
        (
            owns("org.kde.dolphin-4711", 4711),
            owns("org.kde.dolphin-4812", 4812),
            "dbus (bind) bus=session name=org.kde.dolphin-[0-9]*,",
        ),
        (
            asks("/org/freedesktop/login1/session/_31"),
            asks("/org/freedesktop/login1/session/_37"),
            "dbus (send) bus=session path=/org/freedesktop/login1/session/_[0-9]* interface=org.i member=M \
             peer=(name=org.freedesktop.login1),",
        ),
    ] {
        assert_eq!(holds(&first, &[next])?.1, [rule]);
    }
    Ok(())
}
