//! What is said where the profile is on disk.

use std::{fs, io, path::Path, process::Command};

use monitor_event::text::printable;
use monitor_explain::finding::{Cause, Edit, Finding, RemedyKind};
use tempfile::TempDir;

use super::{Compiled, Place, findings};

/// A folder of profiles: this one, and what it includes.
pub(super) fn folder(profile: &str) -> io::Result<(TempDir, Place)> {
    let folder = tempfile::tempdir()?;
    let write = |name: &str, text: &str| {
        let file = folder.path().join(name);
        fs::create_dir_all(file.parent().unwrap_or(folder.path()))?;
        fs::write(file, text)
    };
    write(
        "tunables/global",
        "@{HOME}=/home/*/ /root/\n@{PROC}=/proc/\n@{pid}={[1-9],[1-9][0-9]}\n@{run}=/run/ /var/run/\n",
    )?;
    write(
        "abstractions/base",
        "# A comment\n/etc/ld.so.cache mr,\n/usr/lib/** mr,\ndeny @{HOME}/.ssh/** rw,\n/dev/null rw,\n",
    )?;
    write("abstractions/names", "/etc/hosts r,\n/etc/nsswitch.conf r,\n/etc/passwd r,\n/etc/group r,\n")?;
    write("abstractions/much", "/etc/** r,\n/usr/** r,\n")?;
    write("abstractions/more-names", "include <abstractions/names>\n/etc/resolv.conf r,\n")?;
    write("app", profile)?;
    write("tool", "profile tool /usr/bin/to{ol,y} {\n}\n")?;
    let place = Place::with_profiles(folder.path());
    Ok((folder, place))
}

pub(super) const PROFILE: &str = "\
include <tunables/global>
profile app /usr/bin/app flags=(enforce) {
  include <abstractions/base>
  /etc/app.conf r,
  owner @{HOME}/.app/** rw,
  deny /etc/app/secret
    rw,
  set rlimit nofile <= 64,
  profile child /usr/bin/child {
    /etc/child r,
  }
  ^hat {
    /etc/hat r,
  }
  include if exists <local/app>
}
";

pub(super) fn line(fields: &str) -> String {
    format!("audit: type=1400 audit(1795322866.002:1): apparmor=\"DENIED\" {fields}\n")
}

pub(super) fn open(profile: &str, path: &str, mask: &str, owner: u32) -> String {
    line(&format!(
        "operation=\"open\" class=\"file\" profile=\"{profile}\" name=\"{path}\" pid=12 comm=\"app\" requested_mask=\"{mask}\" \
         denied_mask=\"{mask}\" fsuid=0 ouid={owner}"
    ))
}

#[track_caller]
pub(super) fn one(lines: &str, place: &Place) -> Finding {
    let mut found = findings(lines, place);
    assert_eq!(found.len(), 1, "{found:#?}");
    found.remove(0)
}

#[track_caller]
pub(super) fn edit(finding: &Finding) -> &Edit {
    finding.remedies[0].edit.as_ref().unwrap_or_else(|| panic!("{finding:#?}"))
}

#[test]
fn the_profile_and_the_lines_that_are_nearly_it_are_shown() -> io::Result<()> {
    let (folder, place) = folder(PROFILE)?;
    let finding =
        one(&(open("app", "/etc/app.conf", "w", 0) + &open("app", "/home/ann/.app/x", "r", 7)), &place);
    assert_eq!(finding.cause, Cause::Profile);
    let evidence = finding.evidence.join("\n");
    let file = folder.path().join("app");
    for wanted in [
        format!("the profile is in {}:2; no rule of it allows it (rules: 8, included: 4)", file.display()),
        format!("{}:4: `/etc/app.conf r,` is about it, and allows less", file.display()),
        format!(
            "{}:5: `owner @{{HOME}}/.app/** rw,` is for files of its own, and this is another's",
            file.display()
        ),
    ] {
        assert!(evidence.contains(&wanted), "{wanted}\n{evidence}");
    }
    let edit = edit(&finding);
    assert_eq!(edit.file, folder.path().join("local/app").to_string_lossy());
    assert_eq!(
        (edit.line, &*edit.add),
        (None, &["@{HOME}/.app/x r,".to_owned(), "owner /etc/app.conf w,".to_owned()][..])
    );
    assert_eq!(edit.reload, format!("apparmor_parser -r {}", file.display()));
    Ok(())
}

#[test]
fn a_deny_rule_is_the_cause_in_an_abstraction_too() -> io::Result<()> {
    let (folder, place) = folder(PROFILE)?;
    let finding = one(&open("app", "/home/ann/.ssh/id", "r", 0), &place);
    assert_eq!(finding.cause, Cause::Deny);
    let base = folder.path().join("abstractions/base").display().to_string();
    assert!(
        finding.summary.contains(&format!("`deny @{{HOME}}/.ssh/** rw,` in {base}:4")),
        "{}",
        finding.summary
    );
    assert!(finding.remedies[0].text.contains("app:3 includes"), "{finding:#?}");
    assert!(finding.remedies.iter().all(|remedy| remedy.edit.is_none()), "an abstraction is not changed");
    let finding = one(&open("app", "/etc/app/secret", "r", 0), &place);
    assert_eq!(finding.cause, Cause::Deny);
    let edit = edit(&finding);
    assert_eq!(
        (edit.line, edit.remove.len(), &*edit.add),
        (Some(6), 2, &["  owner /etc/app/secret r,".to_owned()][..])
    );
    Ok(())
}

#[test]
fn what_is_on_disk_already_is_not_advised_again() -> io::Result<()> {
    let (_folder, place) = folder(PROFILE)?;
    let finding = one(&open("app", "/etc/app.conf", "r", 0), &place);
    assert_eq!(finding.cause, Cause::Allowed);
    assert_eq!(finding.remedies[0].kind, RemedyKind::Reload);
    assert!(finding.evidence[0].ends_with("app:4: `/etc/app.conf r,`"), "{finding:#?}");
    Ok(())
}

#[test]
fn hats_and_children_have_rules_of_their_own() -> io::Result<()> {
    let (folder, place) = folder(PROFILE)?;
    for (label, path, end) in [("app//child", "/etc/child", 11), ("app//hat", "/etc/hat", 14)] {
        assert_eq!(one(&open(label, path, "r", 0), &place).cause, Cause::Allowed);
        let finding = one(&open(label, "/etc/app.conf", "r", 0), &place);
        let edit = edit(&finding);
        assert_eq!(edit.file, folder.path().join("app").to_string_lossy());
        assert_eq!(edit.line, Some(end));
    }
    Ok(())
}

#[test]
fn the_smallest_abstraction_that_fits_comes_first() -> io::Result<()> {
    let (_folder, place) = folder(PROFILE)?;
    let lines = open("app", "/etc/hosts", "r", 7)
        + &open("app", "/etc/passwd", "r", 7)
        + &open("app", "/srv/x", "r", 7);
    let finding = one(&lines, &place);
    assert_eq!(edit(&finding).add, ["include <abstractions/names>", "/srv/x r,"]);
    assert_eq!(
        finding.remedies[0].notes,
        ["abstractions/names allows 2 of the 3 that were refused, and 2 rules more"]
    );
    assert_eq!(finding.remedies[1].rules.len(), 3);
    let finding = one(&open("app", "/etc/hosts", "r", 7), &place);
    assert_eq!(finding.remedies[0].rules, ["/etc/hosts r,"], "one file is no purpose");
    Ok(())
}

#[test]
fn a_program_runs_under_what_there_is_for_it() -> io::Result<()> {
    let (_folder, place) = folder(PROFILE)?;
    for (program, rule) in [
        ("/usr/bin/tool", "/usr/bin/tool Px,"),
        ("/usr/bin/child", "/usr/bin/child Cx,"),
        ("/usr/bin/other", "/usr/bin/other ix,"),
    ] {
        let finding = one(&open("app", program, "x", 0), &place);
        assert_eq!(finding.remedies[0].rules, [rule]);
    }
    let both = format!("{PROFILE}\nprofile wide /usr/bin/wide flags=(unconfined) {{\n  userns,\n}}\n");
    let (_folder, place) = folder(&both)?;
    let finding = one(&open("app", "/usr/bin/wide", "x", 0), &place);
    assert_eq!(finding.remedies[0].rules, ["/usr/bin/wide ix,"], "no way out");
    Ok(())
}

#[test]
fn a_profile_that_is_not_loaded_is_no_reason_for_a_rule() -> io::Result<()> {
    let (_folder, place) = folder("profile app {\n  /srv/tool px -> nowhere,\n}\n")?;
    let line = open("app", "/srv/tool", "x", 0)
        .replace("class=", "info=\"profile transition not found\" error=-13 class=");
    let finding = one(&line, &place);
    assert_eq!(finding.remedies[0].kind, RemedyKind::Setting, "{finding:#?}");
    assert!(finding.evidence[0].ends_with("app:2: `/srv/tool px -> nowhere,`"), "{finding:#?}");
    Ok(())
}

#[test]
fn a_session_in_complain_mode_is_one_finding() -> io::Result<()> {
    let (_folder, place) = folder(PROFILE)?;
    let lines = open("app", "/usr/bin/other", "x", 0)
        + &open("app//null-/usr/bin/other", "/etc/other.conf", "r", 7)
        + &open("app//null-/usr/bin/other//null-/usr/bin/third", "/etc/third.conf", "r", 7)
        + &open("app", "/srv/x", "r", 7);
    let lines = lines.replace("DENIED", "ALLOWED");
    let finding = one(&lines, &place);
    assert_eq!(
        finding.remedies[0].rules,
        ["/etc/other.conf r,", "/etc/third.conf r,", "/srv/x r,", "/usr/bin/other ix,"]
    );
    let own = one(&open("app//null-/usr/bin/tool", "/etc/x", "r", 0), &place);
    assert_eq!(own.remedies[0].kind, RemedyKind::Nothing, "it has a profile of its own");
    Ok(())
}

#[test]
fn profiles_of_another_machine_are_not_taken_for_its_own() -> io::Result<()> {
    let (_folder, mut place) = folder(PROFILE)?;
    "here".clone_into(&mut place.host);
    let lines = format!(
        "node=elsewhere type=AVC msg=audit(1.002:1): {}",
        &open("app", "/etc/app.conf", "r", 0)[42..]
    );
    let finding = one(&lines, &place);
    assert_eq!(finding.hosts, ["elsewhere"], "{lines}");
    assert!(finding.remedies.iter().all(|remedy| remedy.edit.is_none()), "{finding:#?}");
    Ok(())
}

#[test]
fn a_profile_without_a_tunable_gets_none() -> io::Result<()> {
    let (_folder, place) = folder("profile app {\n  /etc/app.conf r,\n}\n")?;
    let finding = one(&open("app", "/proc/12/status", "r", 0), &place);
    assert_eq!(edit(&finding).add, ["  owner /proc/[0-9]*/status r,"]);
    assert_eq!(edit(&finding).line, Some(3));
    Ok(())
}

/// The commands do what the edit says, whatever it is, and the result compiles.
#[test]
fn the_commands_make_the_edit() -> Result<(), Box<dyn std::error::Error>> {
    let with_local =
        "include <tunables/global>\nprofile app {\n  /a r,\n  signal,\n  include <local/app>\n}\n";
    let without =
        "include <tunables/global>\nprofile app {\n  /a r,\n  signal,\n  deny /srv/it's\n    w,\n}\n";
    // A record has a name with such characters in hexadecimal digits.
    let (odd, hex) = ("/é \u{202e}\u{2028}x", "2FC3A920E280AEE280A878");
    for (profile, path, mask) in [
        (with_local, "/srv/a$b'c\\d", "r"),
        (without, "/srv/a$b'c\\d", "r"),
        (without, "/srv/it's", "w"),
        (with_local, odd, "r"),
        (without, odd, "r"),
    ] {
        let line = || open("app", path, mask, 7).replace(&format!("\"{odd}\""), hex);
        let (folder, place) = folder(profile)?;
        fs::create_dir(folder.path().join("local"))?;
        fs::write(folder.path().join("local/app"), "")?;
        let finding = one(&line(), &place);
        let (changes, edit) = (&finding.remedies[0].commands, edit(&finding));
        let Some((reload, changes)) = changes.split_last() else { panic!("{finding:#?}") };
        assert_eq!(*reload, edit.reload);
        let mut wanted: Vec<String> = fs::read_to_string(&edit.file)?.lines().map(str::to_owned).collect();
        let at = edit.line.map_or(wanted.len(), |line| line - 1);
        let gone: Vec<String> = wanted.splice(at..at + edit.remove.len(), edit.add.iter().cloned()).collect();
        assert_eq!(gone, edit.remove);
        for command in changes {
            assert_eq!(printable(command).to_string(), *command);
            assert!(Command::new("sh").args(["-c", command]).status()?.success(), "{command}");
        }
        let lines: Vec<String> = fs::read_to_string(&edit.file)?.lines().map(str::to_owned).collect();
        assert_eq!(lines, wanted, "{changes:?}");
        let compiled = Compiled::of(&folder.path().join("app"), folder.path())?;
        assert!(compiled.file(path, false).contains(mask));
        // By now nothing is left to be advised.
        let again = Place::with_profiles(folder.path());
        assert_eq!(one(&line(), &again).cause, Cause::Allowed);
    }
    Ok(())
}

/// Rules that are much used, as they are installed.
const INCLUDED: [&str; 10] = [
    "base",
    "nameservice",
    "fonts",
    "X",
    "ssl_certs",
    "private-files-strict",
    "user-tmp",
    "python",
    "freedesktop.org",
    "openssl",
];

/// The paths of rules, with something in place of what stands for anything.
fn paths() -> Vec<String> {
    let mut paths = Vec::new();
    for name in INCLUDED {
        let text =
            fs::read_to_string(Path::new("/etc/apparmor.d/abstractions").join(name)).unwrap_or_default();
        for word in text.split_whitespace().filter(|word| word.starts_with(['/', '@'])) {
            for (home, deep) in [("/home/ann/", "b"), ("/root/", "b/c.so")] {
                let path =
                    word.replace("@{HOME}", home).replace("@{PROC}", "/proc/").replace("@{run}", "/run");
                let path = path.replace("@{multiarch}", "x86_64-linux-gnu").replace("@{sys}", "/sys/");
                let path = path.replace("@{pid}", "77").replace("@{etc_ro}", "/etc/").replace("**", deep);
                let path = path.replace('*', "a").replace(['{', '}', '[', ']', '@'], "").replace("//", "/");
                paths.extend(path.split(',').next().map(str::to_owned));
            }
        }
    }
    paths
}

/// Of every path that is like one of an abstraction, denyd says what the parser makes of the rules.
#[test]
fn what_abstractions_allow_is_what_the_parser_says() -> Result<(), Box<dyn std::error::Error>> {
    let includes: String =
        INCLUDED.iter().flat_map(|name| ["  include <abstractions/", name, ">\n"]).collect();
    let profile = format!("include <tunables/global>\nprofile app {{\n{includes}}}\n");
    let folder = super::folder(&["abi", "abstractions", "tunables"], &profile)?;
    let compiled = Compiled::of(&folder.path().join("app"), folder.path())?;
    let place = Place::with_profiles(folder.path());
    let (mut asked, mut allowed) = (0, 0);
    for path in paths().into_iter().step_by(5) {
        for letter in ["r", "w"] {
            for owned in [true, false] {
                let finding = one(&open("app", &path, letter, if owned { 0 } else { 7 }), &place);
                let is_allowed = compiled.file(&path, owned).contains(letter);
                assert_eq!(
                    finding.cause == Cause::Allowed,
                    is_allowed,
                    "{path} {letter} {owned} {finding:#?}"
                );
                asked += 1;
                allowed += usize::from(is_allowed);
            }
        }
    }
    assert!(asked > 300 && allowed > 100, "{allowed} of {asked}");
    let evidence = one(&open("app", "/nowhere", "r", 0), &place).evidence.join("\n");
    assert!(!evidence.contains("does not understand"), "{evidence}");
    Ok(())
}
