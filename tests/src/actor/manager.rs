//! What an object manager does: it tells audit what it refused.

use std::{io, process::Command};

use anyhow::{Context as _, bail, ensure};

use super::audit_control::AuditControl;
use crate::{
    case::{Module, Outcome},
    operation::process,
    report::{Facts, ProcessFacts, Report},
};

/// The process that asked, in the messages: none that there is.
pub const ASKED: u32 = 4_000_000;
/// Nobody in particular.
const USER: u32 = 65_534;

/// A message of a denial, as dbus-daemon sends it.
#[must_use]
pub fn refusal(module: Module, member: &str) -> String {
    let suffix = "\n exe=\"/usr/bin/dbus-daemon\" sauid=100 hostname=? addr=? terminal=?";
    match module {
        Module::Apparmor => format!(
            "apparmor=\"DENIED\" operation=\"dbus_method_call\"  bus=\"system\" path=\"/a\" interface=\"b.C\" \
             member=\"{member}\" mask=\"send\" name=\"d.e\" pid={ASKED} label=\"caller\" peer_pid=1 \
             peer_label=\"unconfined\"{suffix}"
        ),
        _ => format!(
            "avc:  denied  {{ send_msg }} for msgtype=method_call interface=b.C member={member} dest=d.e spid={ASKED} \
             tpid=1 scontext=u:r:caller_t:s0 tcontext=u:r:called_t:s0 tclass=dbus permissive=0{suffix}"
        ),
    }
}

/// The method whose call was refused.
pub const REFUSED: &str = "Refused";
/// One that a process without the right to write to audit says was refused.
pub const CLAIMED: &str = "Claimed";

/// How many notes follow a refusal, and of how many bytes: the kernel keeps them elsewhere than the refusal, which stays
/// as it was in memory that is free by then.
const NOTES: (usize, usize) = (10, 3000);

/// Tells of a refusal, as this process; then of what is none, notes that are no object manager's, a grant and a notice;
/// then, as a process that may not write to audit, of another refusal. Reports this process.
///
/// # Errors
/// Fails if audit doesn't take the messages, or takes that of the other process.
pub fn tell(module: Module) -> anyhow::Result<Report> {
    let audit = AuditControl::open()?.context("there is no audit")?;
    audit.send_text(&refusal(module, REFUSED))?;
    let (notes, len) = NOTES;
    (0..notes).try_for_each(|_| audit.send_note(&"-".repeat(len)))?;
    audit
        .send_text("avc:  granted  { send_msg } for msgtype=method_call scontext=a tcontext=b tclass=dbus")?;
    audit.send_text("avc:  received policyload notice (seqno=2)")?;
    audit.send_text("apparmor=\"STATUS\" operation=\"profile_load\"")?;
    let output = Command::new(std::env::current_exe()?).args(["claim", module.name()]).output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let process = ProcessFacts::read(std::process::id())?;
    let ancestors = process.ancestors()?;
    let facts = Facts::new();
    Ok(Report { case: "manager".to_owned(), outcome: Outcome::Done, facts, process, ancestors })
}

/// Tells of a refusal as somebody whom audit doesn't believe.
///
/// # Errors
/// Fails if audit takes it.
pub fn claim(module: Module) -> anyhow::Result<()> {
    process::become_user(USER)?;
    let audit = AuditControl::open()?.context("there is no audit")?;
    match audit.send_text(&refusal(module, CLAIMED)) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(()),
        Err(error) => Err(error.into()),
        Ok(()) => bail!("audit took it"),
    }
}
