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
fn a_path_gets_the_type_that_the_domain_has_for_such_places() -> Result<(), Failure> {
    let Some(place) = debian()? else { return Ok(()) };
    for (permission, path, domain, target, wanted) in [
        ("write", "/var/cache/nginx2/a", "httpd_t", "var_t", "httpd_cache_t"),
        ("write", "/run/zabbix2/server.pid", "zabbix_t", "var_run_t", "zabbix_runtime_t"),
        ("append", "/var/log/redis2/a", "redis_t", "var_log_t", "redis_log_t"),
        // Of the family, and by what the policy has in /var/log.
        ("append", "/var/log/zabbix-agent2/a", "zabbix_agent_t", "var_log_t", "zabbix_log_t"),
        ("write", "/var/lib/mysql2/ibdata1", "mysqld_t", "var_lib_t", "mysqld_db_t"),
        ("write", "/var/lib/samba2/a.tdb", "smbd_t", "var_lib_t", "samba_var_t"),
        ("write", "/var/lib/bind2/a", "named_t", "var_lib_t", "named_cache_t"),
        ("write", "/var/lib/shop/a", "httpd_t", "var_lib_t", "httpd_var_lib_t"),
        ("read", "/data/conf/redis.conf", "redis_t", "default_t", "redis_conf_t"),
        ("write", "/srv/app/log/a", "redis_t", "default_t", "redis_log_t"),
    ] {
        let finding = one(&refused(permission, path, domain, target, "file"), &place);
        assert_eq!(finding.cause, Cause::CustomPath, "{path}: {finding:#?}");
        let start = format!("semanage fcontext -a -t {wanted} ");
        assert!(commands(&finding)[0].starts_with(&start), "{path}: {finding:#?}");
    }
    // These are another's: what is only read in a folder that services share, and what has a label by its name.
    for (permission, path, domain, target) in [
        ("read", "/var/log/app.log", "httpd_t", "var_log_t"),
        ("append", "/var/log/messages", "httpd_t", "var_log_t"),
        ("write", "/etc/chrony/chrony.keys", "chronyd_t", "etc_t"),
    ] {
        let finding = one(&refused(permission, path, domain, target, "file"), &place);
        assert!(finding.remedies.iter().all(|remedy| remedy.kind != RemedyKind::FileContext), "{finding:#?}");
    }
    let mounted = one(&refused("search", "/mnt/pg", "postgresql_t", "mnt_t", "dir"), &place);
    assert!(commands(&mounted)[0].ends_with("postgresql_db_t '/mnt/pg(/.*)?'"), "{mounted:#?}");
    let socket = one(&refused("write", "/run/app/app.sock", "httpd_t", "var_run_t", "sock_file"), &place);
    assert!(commands(&socket)[0].ends_with("httpd_runtime_t '/run/app(/.*)?'"), "{socket:#?}");
    Ok(())
}

#[test]
fn a_program_gets_the_label_of_programs_alone_and_with_a_warning() -> Result<(), Failure> {
    let Some(place) = debian()? else { return Ok(()) };
    let run = |path| one(&refused("execute", path, "postfix_pipe_t", "usr_t", "file"), &place);
    let wanted = ["semanage fcontext -a -t bin_t '/opt/app/filter\\.sh'", "restorecon -v /opt/app/filter.sh"];
    let program = run("/opt/app/filter.sh");
    assert_eq!(commands(&program), wanted, "{program:#?}");
    assert!(program.remedies[0].is_dangerous(), "{program:#?}");
    assert!(commands(&run("/opt/app/liba.so.1"))[0].contains("-t lib_t "));
    let script =
        one(&refused("execute", "/var/www/x/run.cgi", "httpd_t", "httpd_sys_content_t", "file"), &place);
    assert!(
        commands(&script)[0].contains("-t httpd_sys_script_exec_t '/var/www/x/run\\.cgi'"),
        "{script:#?}"
    );
    let anybodys = run("/tmp/x");
    assert!(anybodys.remedies.iter().all(|remedy| remedy.kind == RemedyKind::Module), "{anybodys:#?}");
    Ok(())
}

#[test]
fn what_is_of_a_home_stays_so_where_a_boolean_is_for_homes() -> Result<(), Failure> {
    let Some(place) = debian()? else { return Ok(()) };
    let read = |path| one(&refused("read", path, "smbd_t", "user_home_t", "file"), &place);
    let kinds = |finding: &Finding| finding.remedies.iter().map(|remedy| remedy.kind).collect::<Vec<_>>();
    let home = read("/home/bob/x");
    assert_eq!(commands(&home)[0], "setsebool -P samba_enable_home_dirs=on");
    assert_eq!(kinds(&home)[..2], [RemedyKind::Boolean, RemedyKind::FileContext], "{home:#?}");
    // It was moved from there.
    assert!(commands(&read("/data/share/x"))[0].contains("-t samba_share_t "));
    Ok(())
}

#[test]
fn a_file_of_which_only_the_name_is_known_is_to_be_found_first() -> Result<(), Failure> {
    let Some(place) = debian()? else { return Ok(()) };
    let line = |target: &str| {
        refused("write", "x", "mysqld_t", target, "dir").replace("path=\"x\"", "name=\"mysql data\"")
    };
    let finding = one(&line("home_root_t"), &place);
    let first = &finding.remedies[0];
    assert_eq!((first.kind, &*first.changes), (RemedyKind::FileContext, &[][..]), "{finding:#?}");
    assert!(first.text.contains("such as mysqld_db_t: home_root_t is no service's own"), "{finding:#?}");
    assert!(
        first.notes.iter().any(|note| note == "`find / -inum 6947857 -name 'mysql data'`"),
        "{finding:#?}"
    );
    // These are what they are to be, as far as is known.
    for target in ["sshd_key_t", "etc_t"] {
        assert_eq!(one(&line(target), &place).remedies[0].kind, RemedyKind::Module, "{target}");
    }
    Ok(())
}

#[test]
fn a_tree_that_was_moved_gets_the_labels_of_its_old_place() -> Result<(), Failure> {
    let Some(place) = debian()? else { return Ok(()) };
    for (permission, path, domain, wanted) in [
        ("read", "/data/var/log/nginx/a.log", "logrotate_t", "httpd_log_t '/data/var/log/nginx(/.*)?'"),
        ("read", "/old/etc/postfix/main.cf", "postfix_master_t", "postfix_etc_t '/old/etc/postfix(/.*)?'"),
        // The folder has others' files, too.
        ("read", "/old/etc/redis.conf", "redis_t", "redis_conf_t '/old/etc/redis\\.conf'"),
    ] {
        let finding = one(&refused(permission, path, domain, "default_t", "file"), &place);
        assert_eq!(commands(&finding)[0], format!("semanage fcontext -a -t {wanted}"), "{finding:#?}");
        let is_told = |line: &String| line.ends_with("as which it looks");
        assert!(finding.evidence.iter().any(is_told), "{finding:#?}");
    }
    Ok(())
}

#[test]
fn one_type_of_many_is_not_chosen_by_chance() -> Result<(), Failure> {
    let Some(place) = debian()? else { return Ok(()) };
    let finding = one(&refused("read", "/data/vpn/client.key", "openvpn_t", "default_t", "file"), &place);
    assert_eq!((finding.cause, commands(&finding).len()), (Cause::CustomPath, 0), "{finding:#?}");
    assert!(finding.remedies[0].text.contains("openvpn_etc_t"), "{finding:#?}");
    assert!(finding.remedies[0].notes[0].contains("'/data/vpn(/.*)?'"), "{finding:#?}");
    Ok(())
}

#[test]
fn what_is_only_read_gets_the_type_beside_it_that_may_be_written() -> Result<(), Failure> {
    let Some(place) = debian()? else { return Ok(()) };
    // By default, the server of FTP writes nothing for others; `restorecon` leaves such files unless it is forced.
    let upload = one(&refused("write", "/srv/in", "ftpd_t", "public_content_t", "dir"), &place);
    let wanted = [
        "semanage fcontext -a -t public_content_rw_t '/srv/in(/.*)?'",
        "restorecon -v -R -F /srv/in",
        "setsebool -P allow_ftpd_anon_write=on",
    ];
    assert_eq!(commands(&upload)[..3], wanted, "{upload:#?}");
    for (path, domain, target, wanted) in [
        ("/data/zones/example.zone", "named_t", "named_zone_t", "named_cache_t"),
        ("/etc/openvpn/status.txt", "openvpn_t", "openvpn_etc_t", "openvpn_etc_rw_t"),
    ] {
        let finding = one(&refused("write", path, domain, target, "file"), &place);
        let start = format!("semanage fcontext -a -t {wanted} ");
        assert!(commands(&finding)[0].starts_with(&start), "{finding:#?}");
        assert!(finding.remedies[0].is_dangerous(), "{finding:#?}");
    }
    Ok(())
}

#[test]
fn a_path_in_a_chroot_is_not_taken_for_one_of_the_hosts() -> Result<(), Failure> {
    let Some(place) = debian()? else { return Ok(()) };
    let named = refused("execute", "/etc/localtime", "named_t", "named_conf_t", "file");
    let finding = one(&named, &place);
    assert!(commands(&finding).is_empty(), "{finding:#?}");
    let is_told =
        |line: &String| line.contains("/var/named/chroot/etc/localtime: the process is in that chroot");
    assert!(finding.evidence.iter().any(is_told), "{finding:#?}");
    let finding = one(&refused("read", "/etc/named.conf", "named_t", "user_home_t", "file"), &place);
    assert_eq!(commands(&finding), ["restorecon -v /etc/named.conf"]);
    assert!(finding.remedies[0].notes.iter().any(|note| note.contains("/var/named/chroot/etc/named.conf")));
    let finding = one(&refused("read", "/var/www/html/x", "httpd_t", "user_home_t", "file"), &place);
    assert!(finding.evidence.iter().any(|line| line.contains("as the process sees it")), "{finding:#?}");
    Ok(())
}

#[test]
fn a_folder_with_a_slash_at_its_end_is_the_same_and_one_with_dots_is_none() -> Result<(), Failure> {
    let Some(place) = debian()? else { return Ok(()) };
    let folder = one(&refused("read", "/srv/site/", "httpd_t", "default_t", "dir"), &place);
    let wanted =
        ["semanage fcontext -a -t httpd_sys_content_t '/srv/site(/.*)?'", "restorecon -v -R /srv/site"];
    assert_eq!(commands(&folder), wanted);
    for path in ["/srv/site/../x", "/srv//site", "/srv/./site"] {
        let finding = one(&refused("read", path, "httpd_t", "default_t", "dir"), &place);
        assert!(commands(&finding).is_empty(), "{finding:#?}");
    }
    Ok(())
}

#[test]
fn what_a_permissive_domain_did_in_one_go_has_one_remedy() -> Result<(), Failure> {
    let Some(place) = debian()? else { return Ok(()) };
    let logged = |permissions: &str, fields: &str, class: &str| {
        let line = avc(
            9001,
            permissions,
            fields,
            "system_u:system_r:redis_t:s0",
            "system_u:object_r:var_lib_t:s0",
            class,
        );
        line.replace("permissive=0", "permissive=1")
    };
    let path = |item: u8, name: &str, inode: u8, mode: &str| {
        format!(
            "type=PATH msg=audit(1795322866.140:9001): item={item} name=\"{name}\" inode={inode} dev=08:01 mode={mode} \
             ouid=0 ogid=0 rdev=00:00\n"
        )
    };
    let lines = logged("write", "name=\"shop\" dev=\"sda1\" ino=77", "dir")
        + &logged("add_name", "name=\"new\"", "dir")
        + &logged("create", "name=\"new\"", "file")
        + &logged("write open", "path=\"/var/lib/shop/new\" dev=\"sda1\" ino=78", "file")
        + &path(0, "/var/lib/shop/", 77, "040755")
        + &path(1, "/var/lib/shop/new", 78, "0100644");
    let finding = one(&lines, &place);
    assert_eq!((finding.cause, finding.count), (Cause::CustomPath, 4), "{finding:#?}");
    let wanted =
        ["semanage fcontext -a -t redis_var_lib_t '/var/lib/shop(/.*)?'", "restorecon -v -R /var/lib/shop"];
    assert_eq!(commands(&finding)[..2], wanted, "{finding:#?}");
    assert!(
        finding.summary.contains("dir { add_name write } and file { create open write } on"),
        "{finding:#?}"
    );
    let modules = finding.remedies.iter().filter(|remedy| remedy.kind == RemedyKind::Module);
    let rules: Vec<_> = modules.flat_map(|module| &module.allows).collect();
    assert_eq!(rules.len(), 2, "{rules:#?}");
    // At another time, it may have been in another folder.
    let create = avc(
        9002,
        "create",
        "name=\"new\"",
        "system_u:system_r:redis_t:s0",
        "system_u:object_r:var_lib_t:s0",
        "file",
    );
    let later = create.replace("permissive=0", "permissive=1").replace("1795322866", "1795322966");
    assert_eq!(findings(lines.replace("create", "getattr") + &later, &place).len(), 2);
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
