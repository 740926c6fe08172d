//! What is said where rules are not what is missing, or not of this machine.

use std::io;

use monitor_explain::finding::{Cause, Finding};

use super::{
    findings,
    profiles::{PROFILE, edit, folder, open},
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
