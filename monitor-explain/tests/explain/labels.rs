//! Which label a path gets: one that experts give, no more than is needed, and none that lowers a level unasked.

use super::*;

fn refused(permissions: &str, path: &str, domain: &str, target: &str, class: &str) -> String {
    avc(
        1,
        permissions,
        &format!("path=\"{path}\" dev=\"sdb5\" ino=6947857"),
        &format!("system_u:system_r:{domain}:s0"),
        &format!("system_u:object_r:{target}:s0"),
        class,
    )
}

#[test]
fn a_path_of_nobodys_gets_the_label_that_is_customary() -> Result<(), Failure> {
    let Some(place) = debian()? else { return Ok(()) };
    for (permission, path, domain, wanted) in [
        ("read", "/srv/share/doc.txt", "smbd_t", "samba_share_t"),
        ("write", "/data/share/doc.txt", "smbd_t", "samba_share_t"),
        ("read", "/data/tftp/pxelinux.0", "tftpd_t", "tftpdir_t"),
        ("read", "/data/ftp/pub/a.iso", "ftpd_t", "public_content_t"),
        ("read", "/data/certs/site.key", "httpd_t", "cert_t"),
        ("read", "/data/site/shop.pem", "httpd_t", "httpd_sys_content_t"),
        ("write", "/data/web/up/x", "httpd_sys_script_t", "httpd_sys_rw_content_t"),
        ("write", "/data/mail/bob/cur/1", "dovecot_t", "mail_spool_t"),
        ("write", "/data/named/slaves/x.zone", "named_t", "named_cache_t"),
        ("getattr", "/data/log/app.log", "logrotate_t", "var_log_t"),
        ("read", "/data/tls/ca.pem", "syslogd_t", "syslogd_var_lib_t"),
        ("append", "/data/log/remote.log", "syslogd_t", "var_log_t"),
        ("write", "/data/mysql/ibdata1", "mysqld_t", "mysqld_db_t"),
        ("write", "/tmp/session/sess_1", "httpd_t", "httpd_tmp_t"),
    ] {
        let finding = one(&refused(permission, path, domain, "default_t", "file"), &place);
        let commands = commands(&finding);
        let start = format!("semanage fcontext -a -t {wanted} ");
        assert!(commands.first().is_some_and(|command| command.starts_with(&start)), "{path}: {finding:#?}");
    }
    let disk = avc(
        1,
        "read",
        "path=\"/data/vm/disk.qcow2\" dev=\"sdb5\"",
        "system_u:system_r:svirt_t:s0:c1,c2",
        "system_u:object_r:default_t:s0",
        "file",
    );
    let first = one(&disk, &place);
    assert!(commands(&first)[0].contains("virt_image_t"), "{first:#?}");
    Ok(())
}

#[test]
fn homes_elsewhere_are_said_to_be_as_home_is() -> Result<(), Failure> {
    let Some(place) = debian()? else { return Ok(()) };
    let keys = |path| one(&refused("getattr", path, "sshd_t", "default_t", "file"), &place);
    assert_eq!(
        commands(&keys("/data/home/bob/.ssh/authorized_keys")),
        ["semanage fcontext -a -e /home /data/home", "restorecon -v -R /data/home"]
    );
    // No folder of homes: all else in it would get labels of homes.
    let alone = keys("/srv/git/.ssh/authorized_keys");
    let relabels = |command: &&str| command.ends_with("restorecon -v -R /srv");
    assert_eq!(commands(&alone).into_iter().find(relabels), None, "{alone:#?}");
    assert!(!commands(&alone).iter().any(|command| command.contains("-e /home")), "{alone:#?}");
    Ok(())
}

#[test]
fn what_is_to_be_written_gets_a_label_for_that_and_no_more_than_it() -> Result<(), Failure> {
    let Some(place) = debian()? else { return Ok(()) };
    let content = "httpd_sys_content_t";
    for (path, class, pattern) in [
        ("/var/www/html/app/uploads", "dir", "'/var/www/html/app/uploads(/.*)?'"),
        ("/var/www/html/app/config.php", "file", "'/var/www/html/app/config\\.php'"),
    ] {
        let label = "httpd_sys_rw_content_t";
        // Debian's booleans let httpd_t write neither.
        let domain = "httpd_sys_script_t";
        let finding = one(&refused("write", path, domain, content, class), &place);
        assert_eq!(finding.cause, Cause::CustomPath, "{finding:#?}");
        assert_eq!(commands(&finding)[0], format!("semanage fcontext -a -t {label} {pattern}"));
        assert!(finding.remedies[0].is_dangerous(), "its programs may be there, too: {finding:#?}");
    }
    let read = one(&refused("execute", "/var/www/html/x", "httpd_t", content, "file"), &place);
    assert!(commands(&read).iter().all(|command| !command.contains("_rw_")), "{read:#?}");
    Ok(())
}

#[test]
fn a_label_that_takes_a_boolean_comes_with_it() -> Result<(), Failure> {
    let Some(place) = debian()? else { return Ok(()) };
    let path = "/var/www/html/wp-content/uploads/a.jpg";
    let finding = one(&refused("write", path, "httpd_t", "httpd_sys_content_t", "file"), &place);
    assert_eq!(finding.cause, Cause::Label, "{finding:#?}");
    assert_eq!(
        commands(&finding),
        [&format!("restorecon -v {path}"), "setsebool -P httpd_builtin_scripting=on"]
    );
    Ok(())
}

#[test]
fn a_library_whose_code_is_changed_gets_the_label_for_that_with_a_warning() -> Result<(), Failure> {
    let Some(place) = debian()? else { return Ok(()) };
    let finding = one(&refused("execmod", "/opt/app/libfoo.so", "httpd_t", "lib_t", "file"), &place);
    let wanted = [
        "semanage fcontext -a -t textrel_shlib_t '/opt/app/libfoo\\.so'",
        "restorecon -v /opt/app/libfoo.so",
    ];
    assert_eq!(commands(&finding)[..2], wanted, "{finding:#?}");
    assert!(finding.remedies[0].is_dangerous());
    Ok(())
}

#[test]
fn a_level_is_not_lowered_unasked() -> Result<(), Failure> {
    let mut place = rich()?;
    place.contexts = Some(contexts("/x(/.*)? sys:object_r:file_t:s0\n", "")?);
    let line =
        avc(1, "write", "path=\"/x/y\"", "sys:sys_r:init_t:s0-s1", "sys:object_r:file_t:s2:c1", "file");
    let finding = one(&line, &place);
    let kinds: Vec<_> = finding.remedies.iter().map(|remedy| remedy.kind).collect();
    assert_eq!(kinds, [RemedyKind::Refuse, RemedyKind::Relabel]);
    assert!(finding.remedies[1].is_dangerous(), "{finding:#?}");
    Ok(())
}

#[test]
fn a_path_that_leads_to_another_file_here_is_warned_of() -> Result<(), Failure> {
    use std::os::unix::fs::MetadataExt as _;
    let Some(mut place) = debian()? else { return Ok(()) };
    let folder = tempfile::tempdir()?;
    let site = folder.path().join("site");
    fs::create_dir(&site)?;
    let (site, path) = (site.to_str().ok_or("no text")?, site.join("index.html"));
    fs::write(&path, "")?;
    let path = path.to_str().ok_or("no text")?;
    (place.here, place.unnamed_here) = (true, true);
    let metadata = fs::metadata(path)?;
    // Elsewhere than on a block device, an inode's number tells nothing.
    let is_told = rustix::fs::major(metadata.dev()) != 0;
    for (inode, is_other) in [(metadata.ino(), false), (metadata.ino() + 1, is_told)] {
        let told =
            |lines: &[String]| lines.iter().any(|line| line.starts_with(&format!("{path} is another file")));
        let refused = |type_: &str| {
            refused("read", path, "httpd_t", type_, "file").replace("ino=6947857", &format!("ino={inode}"))
        };
        let wanted = format!("{} system_u:object_r:httpd_sys_content_t:s0\n", path.replace('.', "\\."));
        place.contexts = Some(contexts(&wanted, "")?);
        let finding = one(&refused("user_home_t"), &place);
        assert_eq!(commands(&finding), [format!("restorecon -v {path}")]);
        let remedy = &finding.remedies[0];
        assert_eq!((told(&remedy.notes), remedy.is_dangerous()), (is_other, false), "no harm: {finding:#?}");
        // The folder gets the label, and the file in it is what was refused.
        place.contexts = Some(contexts("/.* system_u:object_r:default_t:s0\n", "")?);
        let finding = one(&refused("default_t"), &place);
        assert_eq!(commands(&finding)[1], format!("restorecon -v -R {site}"));
        let remedy = &finding.remedies[0];
        assert_eq!((told(&remedy.warnings), remedy.is_dangerous()), (is_other, is_other), "{finding:#?}");
    }
    Ok(())
}
