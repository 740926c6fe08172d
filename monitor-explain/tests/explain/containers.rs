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
        ("path=\"/dev/nvidia0\" dev=\"devtmpfs\"", "device_t", "chr_file"),
        ("path=\"/app/x\" dev=\"0:37\"", "nfs_t", "file"),
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
