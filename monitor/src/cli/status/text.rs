//! The status for people.

use std::fmt;

use monitor_api::{
    posture::{Apparmor, Audit, Posture, Selinux},
    snapshot::{LossNow, Snapshot},
};

use super::{Answer, Daemon, Health};
use crate::cli::summary::most_lost;
use crate::text::printable;

pub(super) struct Text<'a>(pub(super) &'a Answer);

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(Answer { health, posture, daemon }) = self;
        writeln!(f, "{}", summary(*health))?;
        writeln!(f, "next: {}", next_step(*health))?;
        writeln!(f)?;
        write_posture(f, posture)?;
        writeln!(f)?;
        match daemon {
            Daemon::Silent { reason } => writeln!(f, "denyd:     does not answer: {}", printable(reason))?,
            Daemon::Answers(snapshot) => write_daemon(f, snapshot)?,
        }
        if !posture.missing.is_empty() {
            writeln!(f)?;
        }
        let missing = posture.missing.iter();
        missing
            .map(|missing| (printable(&missing.fact), printable(&missing.reason)))
            .try_for_each(|(fact, reason)| writeln!(f, "unknown:   {fact}: {reason}"))
    }
}

fn summary(health: Health) -> &'static str {
    match health {
        Health::Healthy => "enforcing, and watched without loss",
        Health::NotEnforcing => "NOT ENFORCING: no security module refuses anything by its policy",
        Health::NoDaemon => "enforcing, but NOT WATCHED: no denyd answers",
        Health::Degraded => "enforcing, and watched WITH LOSS or with a source that could not be attached",
        Health::Unknown => "what is enforced is NOT KNOWN: try as root",
    }
}

fn next_step(health: Health) -> &'static str {
    match health {
        Health::Healthy => "`denyd tail -f` shows denials as they come, `denyd explain` why they were",
        Health::NotEnforcing => {
            "`setenforce 1`, and SELINUX=enforcing in /etc/selinux/config; or `aa-enforce` the profiles that are to refuse"
        }
        Health::NoDaemon => {
            "`systemctl enable --now denyd`; `journalctl -u denyd` says why it ended, if it did"
        }
        Health::Degraded => {
            "see below what was lost; `denyd check` says why a source cannot be attached, `man denyd.toml` how to keep up"
        }
        Health::Unknown => "`sudo denyd status`",
    }
}

fn write_posture(f: &mut fmt::Formatter<'_>, posture: &Posture) -> fmt::Result {
    if let Some(modules) = &posture.modules {
        writeln!(f, "modules:   {}", printable(&modules.join(", ")))?;
    }
    if let Some(selinux) = &posture.selinux {
        write_selinux(f, selinux)?;
    }
    if let Some(apparmor) = &posture.apparmor {
        write_apparmor(f, apparmor)?;
    }
    if let Some(lockdown) = &posture.lockdown {
        writeln!(f, "lockdown:  {}", printable(lockdown))?;
    }
    if let Some(scope) = posture.yama_ptrace_scope {
        writeln!(f, "yama:      ptrace_scope {scope}")?;
    }
    posture.audit.as_ref().map_or(Ok(()), |audit| write_audit(f, audit))
}

/// Facts of one subject, of which some may be unknown, with commas between.
fn list(f: &mut fmt::Formatter<'_>, title: &str, facts: &[Option<String>]) -> fmt::Result {
    let known: Vec<&str> = facts.iter().flatten().map(String::as_str).collect();
    let known = if known.is_empty() { "active".to_owned() } else { known.join(", ") };
    writeln!(f, "{:<10} {known}", format!("{title}:"))
}

fn write_selinux(f: &mut fmt::Formatter<'_>, selinux: &Selinux) -> fmt::Result {
    let mode = |enforcing| if enforcing { "enforcing" } else { "permissive" }.to_owned();
    let unknown = |deny| if deny { "denied" } else { "allowed" };
    list(
        f,
        "selinux",
        &[
            selinux.enforcing.map(mode),
            selinux.permissive_domains.map(|count| format!("{count} permissive domains")),
            selinux.policy_loads.map(|loads| format!("policy generation {loads}")),
            selinux.policy_version.map(|version| format!("policy version up to {version}")),
            selinux.deny_unknown.map(|deny| format!("unknown permissions {}", unknown(deny))),
            selinux.booleans.map(|booleans| format!("booleans {} on, {} off", booleans.on, booleans.off)),
        ],
    )?;
    if let Some(avc) = &selinux.avc {
        let entries = avc.entries.map(|entries| format!("{entries} entries, "));
        writeln!(
            f,
            "           cache: {}{} lookups, {} misses",
            entries.unwrap_or_default(),
            avc.lookups,
            avc.misses
        )?;
    }
    Ok(())
}

fn write_apparmor(f: &mut fmt::Formatter<'_>, apparmor: &Apparmor) -> fmt::Result {
    let profiles = apparmor.profiles.as_ref().map(|profiles| {
        let modes = ["enforce", "complain", "kill", "unconfined", "prompt", "other"];
        let modes =
            modes.into_iter().map(|mode| (mode, profiles.in_mode(mode))).filter(|(_, count)| *count > 0);
        let modes: Vec<_> = modes.map(|(mode, count)| format!("{count} {mode}")).collect();
        match modes.as_slice() {
            [] => "no profile is loaded".to_owned(),
            modes => format!("{} profiles ({})", profiles.total(), modes.join(", ")),
        }
    });
    list(
        f,
        "apparmor",
        &[profiles, apparmor.policy_revision.map(|revision| format!("policy generation {revision}"))],
    )
}

fn write_audit(f: &mut fmt::Formatter<'_>, audit: &Audit) -> fmt::Result {
    let state = |enabled| match enabled {
        0 => "off".to_owned(),
        1 => "on".to_owned(),
        _ => "on and locked".to_owned(),
    };
    let daemon = |pid| match pid {
        0 => "no auditd".to_owned(),
        pid => format!("auditd has pid {pid}"),
    };
    list(
        f,
        "audit",
        &[
            audit.enabled.map(state),
            audit.auditd_pid.map(daemon),
            audit.backlog.zip(audit.backlog_limit).map(|(now, limit)| format!("backlog {now} of {limit}")),
            audit
                .rate_limit
                .filter(|limit| *limit > 0)
                .map(|limit| format!("at most {limit} records a second")),
            audit.lost.map(|lost| format!("{lost} records lost since boot")),
        ],
    )
}

fn write_daemon(f: &mut fmt::Formatter<'_>, now: &Snapshot) -> fmt::Result {
    writeln!(f, "denyd:     {}, since {}", printable(&now.version), now.started)?;
    if !now.names.is_empty() {
        let ways: Vec<_> = now.names.iter().map(|way| way.name()).collect();
        writeln!(f, "  names of users and groups: {}", ways.join(", then "))?;
    }
    for source in &now.sources {
        write!(f, "  {}: ", printable(&source.name))?;
        match &source.account {
            None => writeln!(f, "{}", printable(&source.state.name().replace('_', " ")))?,
            Some(account) => {
                write!(f, "{} seen, {} emitted, ", account.seen, account.emitted)?;
                if account.folded > 0 {
                    write!(f, "{} folded, ", account.folded)?;
                }
                write_lost(f, &account.lost)?;
                writeln!(f)?;
            }
        }
    }
    if now.unattributed > 0 {
        writeln!(f, "  {} records were too damaged to tell their source", now.unattributed)?;
    }
    for line in most_lost(now.lost_by_subject.clone()) {
        writeln!(f, "  {}", printable(&line))?;
    }
    for output in &now.outputs {
        write!(
            f,
            "  to {}: {} received, {} written, ",
            printable(&output.name),
            output.received,
            output.written
        )?;
        write_lost(f, &output.lost)?;
        writeln!(f, ", {} of {} queued", output.queued, output.capacity)?;
    }
    if let Some(clients) = &now.clients {
        writeln!(
            f,
            "  to clients: {} connected, {} accepted, {} refused, lost {}",
            clients.connected, clients.accepted, clients.refused, clients.lost
        )?;
    }
    Ok(())
}

fn write_lost(f: &mut fmt::Formatter<'_>, lost: &[LossNow]) -> fmt::Result {
    crate::accounting::write_lost(f, lost.iter().map(|loss| (loss.reason.as_str(), loss.count)))
}

#[cfg(test)]
mod tests {
    use monitor_api::posture::{Missing, Profiles};

    use super::*;

    #[test]
    fn it_reads_like_the_tools_that_it_stands_for() {
        let posture = Posture {
            modules: Some(vec!["capability".to_owned(), "apparmor".to_owned()]),
            apparmor: Some(Apparmor {
                profiles: Some(Profiles { enforce: 12, complain: 3, ..Profiles::default() }),
                policy_revision: Some(40),
            }),
            audit: Some(Audit { lost: Some(7), ..Audit::default() }),
            missing: vec![Missing { fact: "audit".to_owned(), reason: "not\nallowed".to_owned() }],
            ..Posture::default()
        };
        let daemon = Daemon::Answers(Box::new(Snapshot::example()));
        let answer = Answer { health: Health::Degraded, posture, daemon };
        assert_eq!(
            Text(&answer).to_string(),
            "enforcing, and watched WITH LOSS or with a source that could not be attached\n\
             next: see below what was lost; `denyd check` says why a source cannot be attached, `man denyd.toml` how to \
             keep up\n\
             \n\
             modules:   capability, apparmor\n\
             apparmor:  15 profiles (12 enforce, 3 complain), policy generation 40\n\
             audit:     7 records lost since boot\n\
             \n\
             denyd:     1.2.3, since 2026-01-02T03:04:05Z\n  \
               names of users and groups: /etc/passwd and /etc/group, then systemd-userdbd\n  \
               selinux: 10 seen, 7 emitted, lost 3 (ring_full 3)\n  \
               landlock: not selected\n  \
               lost, of uid 1000 in /user.slice: 3\n  \
               to stdout: 7 received, 6 written, lost 0, 1 of 8192 queued\n  \
               to clients: 1 connected, 3 accepted, 0 refused, lost 2\n\
             \n\
             unknown:   audit: not\\nallowed\n"
        );
    }
}
