//! What is said where rules are not what is missing, or not of this machine.

use std::{fs, io};

use monitor_explain::finding::{Cause, Finding, RemedyKind};

use super::{
    Place, findings,
    profiles::{PROFILE, edit, folder, line, one, open},
};

/// The same, as `rsyslog` writes it of a machine.
fn at(host: &str, line: &str) -> String {
    format!("Jan  1 10:00:00 {host} kernel: {line}")
}

#[test]
fn denials_of_two_machines_do_not_meet_in_a_change_of_one() -> io::Result<()> {
    let (_folder, mut place) = folder(PROFILE)?;
    "here".clone_into(&mut place.host);
    let secret = open("app", "/etc/app/secret", "r", 0);
    let own = [at("here", &open("app", "/etc/here", "r", 7)), at("here", &secret), secret.clone()];
    let others = [at("there", &open("app", "/etc/there", "r", 7)), at("there", &secret)];
    for own_first in [true, false] {
        let (own, others) = (own.concat(), others.concat());
        let lines = if own_first { own + &others } else { others + &own };
        let (of_here, of_there): (Vec<Finding>, Vec<Finding>) =
            findings(&lines, &place).into_iter().partition(|finding| finding.hosts == ["here"]);
        assert!(of_there.iter().all(|finding| finding.hosts == ["there"]), "{of_there:#?}");
        assert!(of_there.iter().all(|finding| finding.cause == Cause::Profile), "{of_there:#?}");
        assert!(
            of_there.iter().flat_map(|finding| &finding.remedies).all(|remedy| remedy.edit.is_none()),
            "{of_there:#?}"
        );
        let denied: Vec<&Finding> = of_here.iter().filter(|finding| finding.cause == Cause::Deny).collect();
        assert_eq!(denied.iter().map(|finding| finding.count).sum::<u64>(), 2, "{of_here:#?}");
        let lacking = of_here.iter().find(|finding| finding.cause == Cause::Profile);
        let rules = lacking.map(|finding| edit(finding).add.clone());
        assert_eq!(rules, Some(vec!["/etc/here r,".to_owned()]));
    }
    Ok(())
}

/// What is said of one denial: the cause, and the first remedy.
#[track_caller]
fn told(fields: &str, place: &Place) -> (Cause, RemedyKind, Finding) {
    let finding = one(&line(fields), place);
    let rules = finding.remedies.iter().flat_map(|remedy| &remedy.rules).count();
    assert_eq!(rules, 0, "no rule helps: {finding:#?}");
    (finding.cause, finding.remedies[0].kind, finding)
}

#[test]
fn what_has_no_profile_is_told_how_it_gets_one() {
    let steam = "operation=\"userns_create\" class=\"namespace\" info=\"User namespace creation restricted\" error=-13 \
                 profile=\"unconfined\" pid=21323 comm=\"steamwebhelper\" requested=\"userns_create\" denied=\"userns_create\"";
    let (cause, kind, finding) = told(steam, &Place::default());
    assert_eq!((cause, kind), (Cause::Profile, RemedyKind::Setting));
    assert!(!finding.summary.contains("unconfined"), "{}", finding.summary);
    let bwrap = "operation=\"userns_create\" class=\"namespace\" info=\"Userns create restricted - failed to find \
                 unprivileged_userns profile\" error=-13 profile=\"unconfined\" pid=1 comm=\"bwrap\" requested=\"userns_create\" \
                 denied=\"userns_create\" target=\"unprivileged_userns\" execpath=\"/usr/bin/bwrap\"";
    let (.., finding) = told(bwrap, &Place::default());
    let text = &finding.remedies[0].text;
    assert!(text.contains("`profile bwrap /usr/bin/bwrap flags=(unconfined) { userns, }`"), "{text}");
    assert_eq!(finding.remedies[0].warnings.len(), 1, "others are started by it: {finding:#?}");
    let hat = "operation=\"change_hat\" class=\"file\" info=\"unconfined can not change_hat\" error=-1 profile=\"unconfined\" \
               pid=1 comm=\"apache2\"";
    assert_eq!(told(hat, &Place::default()).1, RemedyKind::Setting);
}

#[test]
fn a_profile_that_is_asked_for_and_not_loaded_is_loaded() -> io::Result<()> {
    let (_folder, place) = folder(PROFILE)?;
    let fields = |operation: &str, name: &str, profile: &str| {
        format!(
            "operation=\"{operation}\" class=\"file\" info=\"label not found\" error=-2 profile=\"{profile}\" name=\"{name}\" \
             pid=583888 comm=\"(python3)\""
        )
    };
    for profile in ["unconfined", "app"] {
        let (cause, kind, finding) = told(&fields("change_onexec", "ubuntu_pro_apt_news", profile), &place);
        assert_eq!((cause, kind), (Cause::Profile, RemedyKind::Setting));
        assert!(finding.remedies[0].text.contains("load the profile ubuntu_pro_apt_news"), "{finding:#?}");
        let (_, kind, finding) = told(&fields("change_profile", "tool", profile), &place);
        assert_eq!(kind, RemedyKind::Reload, "its file is here");
        assert!(finding.remedies[0].commands[0].ends_with("/tool"), "{finding:#?}");
    }
    let hat = "operation=\"change_hat\" class=\"file\" info=\"hat not found\" error=-2 profile=\"app\" pid=1 comm=\"apache2\" \
               target=\"app//nohat\"";
    let (.., finding) = told(hat, &place);
    assert!(finding.remedies[0].text.contains("`^nohat { }`"), "{finding:#?}");
    Ok(())
}

#[test]
fn what_no_new_privs_forbids_is_no_matter_of_rules() -> io::Result<()> {
    let (folder, place) = folder("profile app {\n  /usr/bin/mail Px -> mailer,\n}\n")?;
    let exec = "operation=\"exec\" class=\"file\" info=\"no new privs\" error=-1 profile=\"app\" name=\"/usr/bin/mail\" pid=9 \
                comm=\"foo\" requested_mask=\"x\" denied_mask=\"x\" fsuid=1000 ouid=0 target=\"mailer\"";
    let (cause, kind, finding) = told(exec, &place);
    assert_eq!((cause, kind), (Cause::Transition, RemedyKind::Setting));
    assert!(finding.summary.ends_with("forbids the change to the profile mailer"), "{}", finding.summary);
    let rule = format!("{}:2: `/usr/bin/mail Px -> mailer,`", folder.path().join("app").display());
    assert!(finding.evidence.contains(&rule), "{finding:#?}");
    let change = "operation=\"change_profile\" class=\"file\" info=\"no new privs\" error=-1 profile=\"app\" pid=1 comm=\"foo\" \
                  target=\"bar\"";
    let (cause, _, finding) = told(change, &place);
    assert_eq!((cause, finding.remedies.len()), (Cause::Transition, 1), "ix is no matter of change_profile");
    Ok(())
}

#[test]
fn files_without_a_path_get_the_flag_that_is_for_them() -> io::Result<()> {
    let (_folder, place) = folder("profile w {\n}\n")?;
    let ipc = "operation=\"open\" class=\"posix_mqueue\" info=\"Failed name lookup - disconnected IPC path\" error=-13 \
               profile=\"w\" pid=1 comm=\"claude\" requested=\"read\" denied=\"read\"";
    let path = "operation=\"sendmsg\" info=\"Failed name lookup - disconnected path\" error=-13 profile=\"w\" \
                name=\"run/systemd/journal/dev-log\" pid=1214 comm=\"w\" requested_mask=\"w\" denied_mask=\"w\" fsuid=110 ouid=0";
    let deleted = "operation=\"open\" class=\"file\" info=\"Failed name lookup - deleted entry\" error=-2 profile=\"w\" \
                   name=\"/tmp/gone\" pid=1 comm=\"w\" requested_mask=\"r\" denied_mask=\"r\" fsuid=0 ouid=0";
    for (fields, flag) in
        [(ipc, "attach_disconnected.ipc"), (path, "attach_disconnected"), (deleted, "mediate_deleted")]
    {
        let (cause, _, finding) = told(fields, &place);
        assert_eq!(cause, Cause::Disconnected);
        assert_eq!(edit(&finding).add, [format!("profile w flags=({flag}) {{")]);
        assert_eq!(finding.remedies[0].warnings.len(), 1, "{finding:#?}");
    }
    assert!(told(deleted, &place).2.evidence.iter().any(|line| line.ends_with("owner /tmp/gone r,")));
    let null = "operation=\"getattr\" info=\"Failed name lookup - disconnected path\" error=-13 profile=\"w\" \
                name=\"apparmor/.null\" pid=1079 comm=\"w\" requested_mask=\"r\" denied_mask=\"r\" fsuid=0 ouid=0";
    let (cause, kind, finding) = told(null, &place);
    assert_eq!((cause, kind), (Cause::Leak, RemedyKind::Nothing));
    assert!(finding.remedies.iter().all(|remedy| remedy.edit.is_none()), "{finding:#?}");
    Ok(())
}

#[test]
fn a_profile_that_a_program_writes_is_not_for_people_to_change() {
    let place = Place::default();
    for host in ["", "web1"] {
        let denial = open("snap.openra.ra", "/dev/shm/x", "r", 7);
        let finding = one(&if host.is_empty() { denial } else { at(host, &denial) }, &place);
        let kinds: Vec<RemedyKind> = finding.remedies.iter().map(|remedy| remedy.kind).collect();
        assert_eq!(kinds, [RemedyKind::Setting, RemedyKind::Rules], "{finding:#?}");
        assert!(finding.remedies[0].text.contains("`snap connect openra:INTERFACE`"), "{finding:#?}");
        assert!(!finding.remedies[1].text.contains("apparmor_parser"), "{finding:#?}");
        assert_eq!(finding.remedies[1].rules, ["/dev/shm/x r,"]);
        assert!(
            finding.evidence.iter().any(|line| line.starts_with("snapd writes the profile")),
            "{finding:#?}"
        );
    }
}

#[test]
fn a_profile_of_a_folder_that_a_file_includes_is_found_and_that_file_loaded() -> io::Result<()> {
    let (folder, place) = folder("include <tunables/global>\ninclude <lxc>\n")?;
    fs::create_dir(folder.path().join("lxc"))?;
    let own = folder.path().join("lxc/lxc-default-cgns");
    fs::write(
        &own,
        "profile lxc-container-default-cgns {\n  mount fstype=cgroup -> /sys/fs/cgroup/**,\n}\n",
    )?;
    let mount = "operation=\"mount\" info=\"failed type match\" error=-13 profile=\"lxc-container-default-cgns\" name=\"/mnt/\" \
                 pid=4306 comm=\"mount.nfs\" fstype=\"nfs\" srcname=\"172.18.10.16:/x\" flags=\"rw\"";
    let finding = one(&line(mount), &place);
    let edit = edit(&finding);
    assert_eq!((&*edit.file, edit.line), (&*own.to_string_lossy(), Some(3)));
    assert_eq!(edit.reload, format!("apparmor_parser -r {}", folder.path().join("app").display()));
    Ok(())
}
