//! What people reported, and what experts answered: the remedies by Debian's policy, the best first.

use monitor_explain::finding::Remedy;

use super::*;

/// A record of a service that was refused something.
fn avc(permissions: &str, domain: &str, fields: &str, target: &str, class: &str) -> String {
    let role = if class.starts_with("process") || domain == target { "system_r" } else { "object_r" };
    let (source, target) = (format!("system_u:system_r:{domain}:s0"), format!("system_u:{role}:{target}:s0"));
    super::avc(1, permissions, fields, &source, &target, class)
}

/// Each remedy by its command, a module by a word.
fn remedies(finding: &Finding) -> Vec<&str> {
    let named = |remedy: &Remedy| remedy.kind == RemedyKind::Module;
    let word =
        |remedy| if named(remedy) { Some("module") } else { remedy.commands.first().map(String::as_str) };
    finding.remedies.iter().filter_map(word).collect()
}

#[test]
fn a_port_to_listen_on_gets_a_label_before_a_boolean() -> Result<(), Failure> {
    let Some(place) = debian()? else { return Ok(()) };
    let bind = |domain: &str, port: &str| {
        let fields = format!("src={port}");
        one(&avc("name_bind", domain, &fields, "unreserved_port_t", "tcp_socket"), &place)
    };
    let label = "semanage port -a -t ssh_port_t -p tcp 2222";
    assert_eq!(remedies(&bind("sshd_t", "2222")), [label, "setsebool -P sshd_port_forwarding=on", "module"]);
    // These are chosen as they come, so that no label helps.
    for port in ["50123", "21100"] {
        assert_eq!(remedies(&bind("ftpd_t", port))[0], "setsebool -P ftpd_use_passive_mode=on");
    }
    Ok(())
}

#[test]
fn to_connect_a_boolean_of_the_domains_own_comes_before_a_label() -> Result<(), Failure> {
    let Some(place) = debian()? else { return Ok(()) };
    let line = avc("name_connect", "zabbix_t", "dest=8444", "unreserved_port_t", "tcp_socket");
    let zabbix = one(&line, &place);
    let wanted = [
        "setsebool -P zabbix_can_network=on",
        "semanage port -a -t zabbix_agent_port_t -p tcp 8444",
        "module",
        "setsebool -P allow_ypbind=on",
    ];
    assert_eq!(remedies(&zabbix), wanted);
    // Which domains may look names up says nothing of what listens there.
    let httpd = one(&avc("name_connect", "httpd_t", "dest=9200", "unreserved_port_t", "tcp_socket"), &place);
    assert_eq!(httpd.cause, Cause::Boolean, "{httpd:#?}");
    assert!(remedies(&httpd).iter().all(|remedy| !remedy.starts_with("semanage port")), "{httpd:#?}");
    Ok(())
}

#[test]
fn a_boolean_that_opens_a_domain_altogether_comes_last_and_with_a_warning() -> Result<(), Failure> {
    let Some(place) = debian()? else { return Ok(()) };
    let connect = |port: &str, target: &str| {
        one(&avc("name_connect", "syslogd_t", &format!("dest={port}"), target, "tcp_socket"), &place)
    };
    let finding = connect("10514", "unreserved_port_t");
    let label = "semanage port -a -t syslogd_port_t -p tcp 10514";
    assert_eq!(remedies(&finding), [label, "module", "setsebool -P allow_ypbind=on"]);
    let last = finding.remedies.last().map(|last| &*last.warnings);
    assert!(last.is_some_and(|warnings| warnings[0].contains("NIS")), "{finding:#?}");
    // NIS itself starts at the port mapper.
    let nis = connect("111", "portmap_port_t");
    assert_eq!((nis.cause, remedies(&nis)), (Cause::Boolean, vec!["setsebool -P allow_ypbind=on", "module"]));
    assert!(!nis.remedies[0].warnings.is_empty(), "it opens much more all the same: {nis:#?}");

    let share = one(&avc("read", "smbd_t", "name=\"x\"", "mail_spool_t", "file"), &place);
    let wanted = ["module", "setsebool -P samba_export_all_ro=on", "setsebool -P samba_export_all_rw=on"];
    assert_eq!((share.cause, remedies(&share)), (Cause::NoRule, wanted.to_vec()));
    Ok(())
}

#[test]
fn what_the_policy_has_a_boolean_for_is_not_hidden_by_an_attack() -> Result<(), Failure> {
    let Some(place) = debian()? else { return Ok(()) };
    let shadow = |domain| one(&avc("read", domain, "name=\"shadow\"", "shadow_t", "file"), &place);
    for (domain, boolean) in [
        ("saslauthd_t", "setsebool -P allow_saslauthd_read_shadow=on"),
        ("smbd_t", "setsebool -P samba_read_shadow=on"),
    ] {
        let finding = shadow(domain);
        assert_eq!((finding.cause, remedies(&finding)[0]), (Cause::Boolean, boolean), "{finding:#?}");
        assert!(!finding.remedies[0].warnings.is_empty(), "it is not to be set unasked: {finding:#?}");
        assert!(finding.remedies.iter().all(|remedy| remedy.kind == RemedyKind::Boolean), "{finding:#?}");
    }
    // What is on to keep the passwords shut comes behind, with what that opens.
    let saslauthd = shadow("saslauthd_t");
    let off = &saslauthd.remedies[1];
    assert_eq!(remedies(&saslauthd)[1], "setsebool -P authlogin_pam=off", "{saslauthd:#?}");
    assert!(off.warnings.iter().any(|warning| warning.contains("other domains may do the same on shadow_t")));
    let httpd = shadow("httpd_t");
    assert_eq!((httpd.cause, httpd.remedies[0].kind), (Cause::Attack, RemedyKind::Refuse));
    // What an intruder does stays refused, and the boolean is told.
    let shell = one(&avc("execute", "certbot_t", "path=\"/usr/bin/dash\"", "shell_exec_t", "file"), &place);
    assert_eq!((shell.cause, shell.remedies[0].kind), (Cause::Attack, RemedyKind::Refuse));
    assert_eq!(remedies(&shell), ["setsebool -P certbot_acmesh=on"]);
    assert!(!shell.remedies[1].warnings.is_empty(), "{shell:#?}");
    Ok(())
}

#[test]
fn a_module_that_was_asked_for_an_interface_that_is_not_there_is_no_attempt_to_load_code() {
    let asked = avc("sys_module", "ntpd_t", "capability=16", "ntpd_t", "capability");
    let during = |call| {
        let call = format!(
            "type=SYSCALL msg=audit(1795322866.140:1): arch=c000003e syscall={call} success=no exit=-19 pid=2244\n"
        );
        let finding = one(&format!("{asked}{call}"), &Place::default());
        assert!(finding.remedies.iter().all(|remedy| remedy.kind == RemedyKind::Refuse), "{finding:#?}");
        finding.summary
    };
    assert!(during(16).contains("network interface"), "ioctl");
    assert!(during(175).contains("takes the whole machine"), "init_module");
}

#[test]
fn denials_with_other_remedies_are_other_findings() -> Result<(), Failure> {
    let Some(place) = debian()? else { return Ok(()) };
    let lines = avc("name_bind", "syslogd_t", "src=10514", "unreserved_port_t", "tcp_socket")
        + &avc("name_connect", "syslogd_t", "dest=10514", "unreserved_port_t", "tcp_socket")
            .replace(":1188", ":1189");
    let found = findings(&lines, &place);
    assert_eq!(found.len(), 2, "{found:#?}");
    for finding in found {
        let is_bind = finding.summary.contains("{ name_bind }");
        let has_boolean = finding.remedies.iter().any(|remedy| remedy.kind == RemedyKind::Boolean);
        assert_eq!(is_bind, !has_boolean, "no boolean is about the port to listen on: {finding:#?}");
        let choices = finding.remedies[0].warnings.len();
        assert!(choices <= 1, "one choice is told: {finding:#?}");
    }
    Ok(())
}

#[test]
fn a_module_that_gives_the_machine_away_has_a_warning() -> Result<(), Failure> {
    let Some(place) = debian()? else { return Ok(()) };
    let warnings = |permissions: &str, target: &str, class: &str| {
        let finding = one(&avc(permissions, "httpd_t", "", target, class), &place);
        let module = finding.remedies.into_iter().find(|remedy| remedy.kind == RemedyKind::Module);
        module.map(|module| module.warnings.join("|")).unwrap_or_default()
    };
    for (permissions, target, class, why) in [
        ("transition", "unconfined_t", "process", "nothing confines"),
        ("setbool", "security_t", "security", "setbool"),
        ("execute", "sudo_exec_t", "file", "sudoers"),
        ("execute", "httpd_sys_rw_content_t", "file", "intruder"),
        ("create", "systemd_unit_t", "file", "units"),
        ("append", "etc_t", "file", "configuration"),
        ("relabelfrom relabelto", "etc_t", "file", "configuration"),
        ("add_name", "etc_t", "dir", "configuration"),
        ("prog_load prog_run", "httpd_t", "bpf", "bpf"),
        ("connectto", "initrc_t", "unix_stream_socket", "nothing confines"),
        ("recv", "unlabeled_t", "packet", "traffic"),
        ("write", "unlabeled_t", "file", "lost its label"),
    ] {
        let said = warnings(permissions, target, class);
        assert!(said.contains(why), "{target}:{class} {{ {permissions} }}: {said:?}");
        assert!(!said.contains('|'), "one is enough: {said:?}");
    }
    assert_eq!(warnings("execute", "etc_t", "file"), "", "nothing is changed by it");
    Ok(())
}

#[test]
fn passwords_are_not_changed_by_a_module() {
    for permissions in ["write", "append", "map", "rename", "relabelto"] {
        let line = avc(permissions, "httpd_t", "name=\"shadow\"", "shadow_t", "file");
        let finding = one(&line, &Place::default());
        let kinds: Vec<_> = finding.remedies.iter().map(|remedy| remedy.kind).collect();
        assert_eq!((finding.cause, &*kinds), (Cause::Attack, &[RemedyKind::Refuse][..]), "{permissions}");
    }
}

#[test]
fn a_descriptor_that_may_be_inherited_is_told_with_the_module() {
    // Of Puppet, which keeps its log open for what it starts (Katello #390).
    let line = |permissions: &str, fields: &str| {
        let line = avc(permissions, "postgresql_t", fields, "tmp_t", "file");
        one(&line, &Place::default())
            .remedies
            .iter()
            .any(|remedy| remedy.warnings.iter().any(|warning| warning.contains("inherited")))
    };
    let path = "path=\"/tmp/puppet20120901-3452-1b2\" dev=\"sda1\" ino=7";
    assert!(line("read write", path));
    assert!(!line("read write open", path), "it was opened");
    assert!(!line("read", path), "what is executed is read");
    assert!(
        !line("read write", "name=\"puppet20120901-3452-1b2\" dev=\"sda1\" ino=7"),
        "no descriptor is open"
    );
}

/// A record of the kernel's about a context.
fn error(fields: &str) -> String {
    format!("type=SELINUX_ERR msg=audit(1719221013.068:95): {fields}\n")
}

#[test]
fn a_context_that_is_none_is_told_by_its_part() -> Result<(), Failure> {
    let Some(place) = debian()? else { return Ok(()) };
    let refused = |context: &str| {
        one(
            &error(&format!(
                "op=security_compute_sid invalid_context=\"{context}\" scontext=root:sysadm_r:sysadm_t:s0 \
                 tcontext=system_u:object_r:httpd_exec_t:s0 tclass=process"
            )),
            &place,
        )
    };
    // The reference policy's #784.
    let role = refused("root:sysadm_r:httpd_t:s0");
    assert_eq!(role.cause, Cause::Role, "{role:#?}");
    assert!(role.remedies[0].text.contains("`role sysadm_r types httpd_t;`"), "{role:#?}");
    assert!(role.remedies[0].text.contains("run_init"), "{role:#?}");
    let gone = refused("system_u:system_r:gone_t:s0");
    assert_eq!((gone.cause, &*gone.remedies), (Cause::Unknown, &[][..]));
    assert!(gone.summary.ends_with("the policy has no type gone_t"), "{gone:#?}");
    let fine = refused("system_u:system_r:httpd_t:s0");
    assert_eq!((fine.cause, fine.remedies[0].kind), (Cause::Allowed, RemedyKind::Nothing));
    let checked = |finding: &Finding| finding.evidence.iter().any(|line| line.starts_with("checked against"));
    assert!(checked(&role) && checked(&gone) && checked(&fine));

    let line = error("op=setxattr invalid_context=\"system_u:object_r:nosuch_t:s0\"");
    let unchecked = one(&line, &Place::default());
    assert!(unchecked.evidence.iter().any(|line| line.contains("--policy")), "{unchecked:#?}");
    Ok(())
}

#[test]
fn a_decision_that_a_bounding_type_cut_is_read_as_one() -> Result<(), Failure> {
    // The form of the kernel's `security_dump_masked_av()`.
    let rich = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/policies/rich.33");
    let line = error(
        "op=security_compute_av reason=bounds scontext=carol:carol_r:grandchild_t:s1:c0.c2 \
         tcontext=sys:object_r:file_t:s0 tclass=file perms=ioctl",
    );
    let finding = one(&line, &Place::with_policy(&rich)?);
    assert_eq!((finding.cause, &*finding.remedies), (Cause::Bounds, &[][..]), "{finding:#?}");
    Ok(())
}

#[test]
fn a_change_of_a_context_is_held_against_the_constraints() -> Result<(), Failure> {
    // The reference policy's #460.
    let line = error(
        "op=security_validate_transition seresult=denied \
         oldcontext=system_u:object_r:systemd_journal_t:s15:c0.c1023 newcontext=system_u:object_r:systemd_journal_t:s0 \
         taskcontext=system_u:system_r:systemd_tmpfiles_t:s0-s15:c0.c1023 tclass=file",
    );
    let said = one(&line, &Place::default());
    let who = "system_u:system_r:systemd_tmpfiles_t:s0-s15:c0.c1023 was refused to change a file from ";
    assert!(said.cause == Cause::Constraint && said.summary.starts_with(who), "{said:#?}");
    assert!(said.summary.contains("to system_u:object_r:systemd_journal_t:s0: a constraint"), "{said:#?}");
    assert_eq!(said.remedies, []);
    if let Some(place) = debian()? {
        // That policy has no such level.
        let evidence = one(&line, &place).evidence.join("; ");
        assert!(evidence.contains("not checked: the policy has no level s15:c0.c1023"), "{evidence}");
    }

    let rich = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/policies/rich.33");
    let rich = Place::with_policy(&rich)?;
    let change = |task: &str, old: &str, new: &str| {
        let task = format!("taskcontext={task}");
        let fields =
            format!("op=security_validate_transition oldcontext={old} newcontext={new} {task} tclass=file");
        one(&error(&fields), &rich)
    };
    let process = "bob:bob_r:d_t:s0";
    let (file, secret) = ("sys:object_r:file_t:s0", "sys:object_r:secret_t:s0");
    let forbidden = change(process, file, secret);
    assert_eq!(forbidden.cause, Cause::Constraint, "{forbidden:#?}");
    assert!(forbidden.evidence[0].starts_with("constraint: ("), "{forbidden:#?}");
    let allowed = change(process, file, file);
    assert_eq!((allowed.cause, allowed.remedies[0].kind), (Cause::Allowed, RemedyKind::Nothing));
    Ok(())
}

#[test]
fn whether_the_policy_allows_a_bounded_transition_is_asked() -> Result<(), Failure> {
    let Some(place) = debian()? else { return Ok(()) };
    let line = |to: &str| {
        error(&format!(
            "op=security_bounded_transition seresult=denied oldcontext=system_u:system_r:init_t:s0 \
             newcontext=system_u:system_r:{to}:s0"
        ))
    };
    let evidence = |to: &str, place: &Place| one(&line(to), place).evidence.join("; ");
    // `sesearch -A -s init_t -t locate_t -c process2`: both; of passwd_t, neither.
    assert!(evidence("locate_t", &place).contains("allows nnp_transition and nosuid_transition"));
    assert!(evidence("passwd_t", &place).contains("allows neither"), "{}", evidence("passwd_t", &place));
    assert!(evidence("gone_t", &place).contains("not checked: target"), "{}", evidence("gone_t", &place));
    assert!(evidence("locate_t", &Place::default()).contains("not checked"));
    Ok(())
}
