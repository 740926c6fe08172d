//! TOMOYO's policy, as cases set it, and its log.

use std::{
    fs, io,
    path::Path,
    process::{Command, Stdio},
};

use crate::operation::file;

const INTERFACE: &str = "/sys/kernel/security/tomoyo";
/// What TOMOYO takes for the start of the system (`TOMOYO_trigger=` of the stage): executed, it puts the policy in force.
const TRIGGER: &str = "/bin/true";

/// A number of a profile of a case's own, so that nothing of another case's is left.
pub type Profile = u8;

/// What a profile does with an operation.
#[derive(Clone, Copy, Debug)]
pub struct Rule {
    /// The operation: `file::mkdir`.
    pub operation: &'static str,
    /// `enforcing`, `permissive` or `learning`.
    pub mode: &'static str,
    /// Whether refusals are logged.
    pub logged: bool,
}

/// Refuses an operation.
#[must_use]
pub const fn enforce(operation: &'static str) -> Rule {
    Rule { operation, mode: "enforcing", logged: true }
}

/// Puts TOMOYO in force, makes the profile, and frees the processes that come to be cases.
///
/// # Errors
/// Fails if TOMOYO is not there, or does not take the policy.
pub fn profile(number: Profile, rule: Rule) -> io::Result<()> {
    let own = std::env::current_exe()?;
    write("profile", "PROFILE_VERSION=20150505\n0-CONFIG={ mode=disabled grant_log=no reject_log=no }\n")?;
    write("manager", &format!("{}\n", own.display()))?;
    Command::new(TRIGGER).stdout(Stdio::null()).status()?;
    let Rule { operation, mode, logged } = rule;
    let logged = if logged { "yes" } else { "no" };
    write(
        "profile",
        &format!(
            "{number}-CONFIG={{ mode=disabled grant_log=no reject_log=no }}\n\
             {number}-CONFIG::{operation}={{ mode={mode} grant_log=no reject_log={logged} }}\n"
        ),
    )?;
    let domain = fs::read_to_string(format!("{INTERFACE}/self_domain"))?;
    write("domain_policy", &format!("select domain={domain} {}\nuse_profile 0\n", own.display()))
}

/// Gives the calling process's domain a profile.
///
/// # Errors
/// As `write`.
pub fn enter(number: Profile) -> io::Result<()> {
    write("domain_policy", &format!("select pid={}\nuse_profile {number}\n", std::process::id()))
}

/// Takes all records out of TOMOYO's log; none where TOMOYO isn't.
///
/// # Errors
/// As `read`.
pub fn take_log() -> io::Result<Vec<String>> {
    let log = Path::new(INTERFACE).join("audit");
    if !log.exists() {
        return Ok(Vec::new());
    }
    // Each record ends with a NUL.
    let records = fs::read_to_string(log)?;
    Ok(records.split('\0').map(str::trim).filter(|record| !record.is_empty()).map(str::to_owned).collect())
}

fn write(to: &str, text: &str) -> io::Result<()> {
    file::overwrite(format!("{INTERFACE}/{to}"), text)
}
