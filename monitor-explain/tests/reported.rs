//! What people reported, and what experts answered: the remedies by Debian's policy, the best first.

use std::{error::Error, path::Path};

use monitor_audit::log::{self, Item};
use monitor_explain::{
    denials::Denials,
    explain,
    finding::{Cause, Finding, Remedy, RemedyKind},
    place::Place,
};

type Failure = Box<dyn Error>;

/// What is said of lines of a log.
fn findings(lines: &str, place: &Place) -> Vec<Finding> {
    let mut denials = Denials::default();
    let read = log::read(lines.as_bytes(), |item| {
        if let Item::Denial(denial) = item {
            denials.add(&denial.event, denial.timed, denial.syscall.as_deref());
        }
    });
    assert!(read.is_ok());
    explain(&denials, place)
}

#[track_caller]
fn one(line: &str, place: &Place) -> Finding {
    let mut found = findings(line, place);
    assert_eq!(found.len(), 1, "{found:#?}");
    found.remove(0)
}

/// A record of a service that was refused something.
fn avc(permissions: &str, domain: &str, fields: &str, target: &str, class: &str) -> String {
    let role = if class.starts_with("process") || domain == target { "system_r" } else { "object_r" };
    format!(
        "type=AVC msg=audit(1750684932.412:1188): avc:  denied  {{ {permissions} }} for  pid=2244 comm=\"x\" {fields} \
         scontext=system_u:system_r:{domain}:s0 tcontext=system_u:{role}:{target}:s0 tclass={class} permissive=0\n"
    )
}

/// Debian's policy, where it is installed.
fn debian() -> Result<Option<Place>, Failure> {
    let files = ["33", "34", "35"].map(|version| format!("/etc/selinux/default/policy/policy.{version}"));
    let Some(file) = files.into_iter().find(|file| Path::new(file).exists()) else {
        eprintln!("skipped: Debian's policy is not installed");
        return Ok(None);
    };
    Ok(Some(Place::with_policy(Path::new(&file))?))
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
