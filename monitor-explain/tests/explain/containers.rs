//! Containers and guests: what is theirs is not the host's.

use super::*;

const CONTAINER: &str = "system_u:system_r:container_t:s0:c159,c177";

/// A denial of a container's. The fields are of real ones.
fn contained(permissions: &str, fields: &str, target: &str, class: &str) -> String {
    avc(1, permissions, fields, CONTAINER, &format!("unconfined_u:object_r:{target}:s0"), class)
}

fn kinds(finding: &Finding) -> Vec<RemedyKind> {
    finding.remedies.iter().map(|remedy| remedy.kind).collect()
}

#[test]
fn a_file_that_has_no_label_for_containers_is_mounted_otherwise_and_gets_no_rule() -> Result<(), Failure> {
    let places = [Some(Place::default()), debian()?];
    for (permissions, fields, target, class, first) in [
        ("write", "name=\"xxx\" dev=\"sdb5\" ino=6947856", "user_home_t", "dir", "if it is on a mount"),
        (
            "getattr",
            "path=\"/nodeApp/logs/all.log\" dev=\"sda9\"",
            "home_root_t",
            "file",
            "if it is on a mount",
        ),
        (
            "read",
            "path=\"/lib/ld-musl-x86_64.so.1\" dev=\"vda1\"",
            "var_lib_t",
            "file",
            "if it is of the image",
        ),
        ("read", "path=\"/etc/passwd\" dev=\"sda9\"", "default_t", "file", "if it is of the image"),
        ("execute", "path=\"/bin/sh\" dev=\"sda9\"", "shell_exec_t", "file", "if it is of the image"),
    ] {
        for place in places.iter().flatten() {
            let finding = one(&contained(permissions, fields, target, class), place);
            assert_eq!(finding.cause, Cause::Label, "{finding:#?}");
            assert!(kinds(&finding).iter().all(|kind| *kind == RemedyKind::Setting), "{finding:#?}");
            assert!(finding.remedies[0].text.starts_with(first), "{finding:#?}");
            let has_mount = finding.remedies.iter().any(|remedy| remedy.text.contains(":Z"));
            assert_eq!(has_mount, target != "shell_exec_t", "{finding:#?}");
            assert_eq!(commands(&finding), [""; 0], "a path of a container's is none of the host's");
        }
    }
    Ok(())
}

#[test]
fn what_is_no_file_on_a_mount_is_explained_as_ever() {
    for (fields, target, class) in [
        ("name=\"cgroup.procs\" dev=\"cgroup2\" ino=3", "cgroup_t", "file"),
        ("path=\"/proc/1/environ\" dev=\"proc\"", "init_t", "file"),
        ("path=\"/data/x\" dev=\"sda9\"", "container_file_t", "file"),
    ] {
        let finding = one(&contained("read", fields, target, class), &Place::default());
        assert_eq!(finding.cause, Cause::Unchecked, "{finding:#?}");
    }
    let read = contained("read", "name=\"shadow\"", "shadow_t", "file");
    assert_eq!(one(&read, &Place::default()).cause, Cause::Attack);
    let engine = contained("write", "name=\"x\" dev=\"sda9\"", "user_home_t", "dir")
        .replace("container_t", "container_runtime_t");
    assert_eq!(one(&engine, &Place::default()).cause, Cause::Unchecked, "it is the host's");
}

#[test]
fn what_no_mount_option_of_a_containers_relabels_takes_a_boolean_or_an_option_of_the_hosts() {
    let find = |fields, target, class| one(&contained("read", fields, target, class), &Place::default());
    let texts = |finding: &Finding| {
        let texts: Vec<_> = finding.remedies.iter().map(|remedy| remedy.text.clone()).collect();
        texts.join("; ")
    };
    for (target, boolean) in
        [("nfs_t", "virt_use_nfs"), ("cifs_t", "virt_use_samba"), ("fusefs_t", "use_fusefs"), ("dosfs_t", "")]
    {
        let finding = find("path=\"/app/x\" dev=\"0:37\"", target, "file");
        let said = texts(&finding);
        assert_eq!(finding.cause, Cause::Label, "{finding:#?}");
        assert!(said.contains(boolean) && !said.contains("add :Z"), "{said}");
        assert!(said.contains("context=\"system_u:object_r:container_file_t:s0\""), "{said}");
        let last = finding.remedies.last();
        assert!(
            last.is_some_and(|last| last.text.contains("label=disable") && last.is_dangerous()),
            "{said}"
        );
    }
    let device = find("path=\"/dev/nvidia0\" dev=\"devtmpfs\"", "device_t", "chr_file");
    assert!(
        texts(&device).starts_with("turn the boolean for it on, if the policy has it: container_use_devices")
    );
    assert!(!texts(&device).contains("context="), "{device:#?}");
    let disk = find("path=\"/dev/sda\" dev=\"devtmpfs\"", "fixed_disk_device_t", "blk_file");
    assert_eq!(disk.remedies[0].kind, RemedyKind::Refuse, "{disk:#?}");
    assert!(disk.remedies[1].is_dangerous(), "{disk:#?}");
}

#[test]
fn the_boolean_of_the_policy_comes_first() -> Result<(), Failure> {
    let folder = tempfile::tempdir()?;
    let (source, policy) = (folder.path().join("volumes.cil"), folder.path().join("volumes.33"));
    fs::write(&source, VOLUMES)?;
    let mut secilc = Command::new("secilc");
    secilc.args(["-N", "-c", "33", "-f", "/dev/null", "-o"]).arg(&policy).arg(&source);
    let Ok(output) = secilc.output() else {
        eprintln!("skipped: secilc is not installed");
        return Ok(());
    };
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let place = Place::with_policy(&policy)?;
    let find = |target, class| {
        let line = contained("read", "name=\"x\" dev=\"0:37\"", target, class);
        one(&line.replace("s0:c159,c177", "s0"), &place)
    };
    for (target, class, boolean) in
        [("nfs_t", "file", "virt_use_nfs"), ("gpu_device_t", "chr_file", "container_use_devices")]
    {
        let finding = find(target, class);
        assert_eq!(finding.cause, Cause::Boolean, "{finding:#?}");
        assert_eq!(commands(&finding), [format!("setsebool -P {boolean}=on")]);
        assert!(finding.remedies.iter().all(|remedy| remedy.allows.is_empty()), "{finding:#?}");
    }
    let other = find("cifs_t", "file");
    assert_eq!((other.cause, commands(&other).len()), (Cause::Label, 0), "{other:#?}");
    Ok(())
}

/// A policy for containers, with two booleans.
const VOLUMES: &str = "(mls true) (class file (read)) (class chr_file (read)) (classorder (file chr_file))
    (sid kernel) (sidorder (kernel)) (sidcontext kernel (system_u system_r container_t ((s0) (s0))))
    (sensitivity s0) (sensitivityorder (s0)) (category c0) (categoryorder (c0)) (sensitivitycategory s0 (c0))
    (user system_u) (user unconfined_u) (role system_r) (role object_r)
    (userrole system_u system_r) (userrole system_u object_r) (userrole unconfined_u object_r)
    (userlevel system_u (s0)) (userrange system_u ((s0) (s0))) (userlevel unconfined_u (s0)) (userrange unconfined_u ((s0) (s0)))
    (type container_t) (type nfs_t) (type cifs_t) (type gpu_device_t)
    (roletype system_r container_t) (roletype object_r nfs_t) (roletype object_r cifs_t) (roletype object_r gpu_device_t)
    (boolean virt_use_nfs false) (boolean container_use_devices false)
    (allow container_t container_t (file (read)))
    (booleanif virt_use_nfs (true (allow container_t nfs_t (file (read)))))
    (booleanif container_use_devices (true (allow container_t gpu_device_t (chr_file (read)))))
";

#[test]
fn an_engines_socket_is_root_on_the_host() {
    for line in [
        contained("write", "name=\"docker.sock\" dev=\"tmpfs\"", "var_run_t", "sock_file"),
        contained("connectto", "path=\"/run/docker.sock\"", "unconfined_service_t", "unix_stream_socket"),
    ] {
        let finding = one(&line, &Place::default());
        assert_eq!(finding.cause, Cause::Attack, "{finding:#?}");
        assert_eq!(kinds(&finding), [RemedyKind::Refuse, RemedyKind::Setting]);
    }
}

/// The event of a process that a daemon saw in a container.
const SEEN: &str = r#"{"schema": 2, "host": "web1", "time": "2026-01-01T00:00:00Z", "kind": "denial", "module": "selinux",
    "verdict": "denied", "silent": false, "process": {"pid": 7, "comm": "nginx"},
    "container": {"id": "0123456789ab", "found_by": "cgroup"},
    "subject": {"label": "system_u:system_r:httpd_t:s0"},
    "object": {"kind": "file", "path": "/var/www/html/x", "path_root": "mount_namespace",
        "label": "system_u:object_r:user_home_t:s0"},
    "action": {"class": "file", "permissions": ["read"]}}"#;

#[test]
fn the_path_of_a_process_in_a_container_is_none_of_the_hosts() -> Result<(), Failure> {
    let Some(mut place) = debian()? else { return Ok(()) };
    place.contexts = Some(contexts(WEB, "")?);
    let seen = SEEN.replace('\n', "");
    let at_home = seen.replace(r#""container": {"id": "0123456789ab", "found_by": "cgroup"},"#, "");
    assert_eq!(commands(&one(&at_home, &place)), ["restorecon -v /var/www/html/x"]);
    let finding = one(&seen, &place);
    let touches = |command: &&str| command.contains("/var/www");
    assert_eq!(commands(&finding).into_iter().find(touches), None, "{finding:#?}");
    Ok(())
}

#[test]
fn a_guests_disk_that_has_the_level_of_another_is_no_volume() -> Result<(), Failure> {
    let Some(place) = debian()? else { return Ok(()) };
    let disk = "system_u:object_r:svirt_image_t:s0:c1,c2";
    let fields = "path=\"/var/lib/libvirt/images/a.qcow2\" dev=\"sda9\" ino=3651475";
    let finding =
        one(&avc(1, "write", fields, "system_u:system_r:svirt_t:s0:c316,c573", disk, "file"), &place);
    assert_eq!((finding.cause, kinds(&finding)), (Cause::Constraint, vec![RemedyKind::Setting]));
    let text = &finding.remedies[0].text;
    assert!(text.contains("another guest") && text.contains("shareable"), "{text}");
    Ok(())
}
