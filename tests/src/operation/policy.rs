//! SELinux's policy: switching its mode, setting its booleans, loading it.
//!
//! Of the binary form in which the kernel takes a policy see `policydb_read` (security/selinux/ss/policydb.c).

use std::{fs, io};

/// The policy that the guest was booted with.
const POLICY: &str = "/etc/policy";
/// Where the kernel takes a policy.
const LOAD: &str = "/sys/fs/selinux/load";

/// The first version that knows types whose refusals are never logged; what it adds over version 33 beside that is
/// optional.
const NEVERAUDIT_VERSION: u32 = 35;

/// Switches between enforcing and permissive.
///
/// # Errors
/// As `write`.
pub fn set_enforcing(enforcing: bool) -> io::Result<()> {
    fs::write("/sys/fs/selinux/enforce", if enforcing { "1" } else { "0" })
}

/// Sets booleans, all together.
///
/// # Errors
/// As `write`.
pub fn set_booleans(booleans: &[(&str, bool)]) -> io::Result<()> {
    for (name, value) in booleans {
        fs::write(format!("/sys/fs/selinux/booleans/{name}"), if *value { "1" } else { "0" })?;
    }
    fs::write("/sys/fs/selinux/commit_pending_bools", "1")
}

/// The sequence number of the policy in force: `policyload` of `struct selinux_kernel_status`
/// (security/selinux/include/security.h).
///
/// # Errors
/// As `read`.
pub fn sequence() -> io::Result<u32> {
    let status = fs::read("/sys/fs/selinux/status")?;
    number(&status, 12).ok_or_else(|| malformed("sequence number"))
}

/// Loads the guest's policy again.
///
/// # Errors
/// As `write`.
pub fn load() -> io::Result<()> {
    fs::write(LOAD, fs::read(POLICY)?)
}

/// Loads the guest's policy again, in which a type has another name of the same length.
///
/// # Errors
/// As `write`, and if there is no such type.
pub fn load_with_type_renamed(from: &str, to: &str) -> io::Result<()> {
    let mut policy = fs::read(POLICY)?;
    let at = type_data(&policy, from).filter(|_| from.len() == to.len()).ok_or_else(|| malformed(from))? + 16;
    policy[at..at + to.len()].copy_from_slice(to.as_bytes());
    fs::write(LOAD, policy)
}

/// Loads the guest's policy again, changed so that nothing is logged that `domain` is refused. (The policy's compiler in
/// Debian is older than that rule, `typeneveraudit`.)
///
/// # Errors
/// Fails as `write` does: if the kernel doesn't take the policy.
pub fn load_with_neveraudit(domain: &str) -> io::Result<()> {
    let mut policy = fs::read(POLICY)?;
    let value = type_value(&policy, domain).ok_or_else(|| malformed(domain))?;
    let version_at = version_at(&policy).ok_or_else(|| malformed("version"))?;
    // After the version stand three more numbers, and two sets: the policy's capabilities and the permissive types.
    let mut end = version_at + 16;
    for _ in 0..2 {
        let nodes = number(&policy, end + 8).ok_or_else(|| malformed("set"))?;
        end += 12 + 12 * nodes as usize;
    }
    let start = value / 64 * 64;
    let set = [
        [64, start + 64, 1, start].map(u32::to_le_bytes).concat(),
        (1_u64 << (value % 64)).to_le_bytes().to_vec(),
    ];
    policy.splice(end..end, set.concat());
    policy[version_at..version_at + 4].copy_from_slice(&NEVERAUDIT_VERSION.to_le_bytes());
    fs::write(LOAD, policy)
}

/// Where the version stands: after the magic number and a string with its length.
fn version_at(policy: &[u8]) -> Option<usize> {
    Some(8 + number(policy, 4)? as usize)
}

/// The number of a type.
fn type_value(policy: &[u8], name: &str) -> Option<u32> {
    number(policy, type_data(policy, name)? + 4)
}

/// Where a type stands: its name's length, its number, two more numbers, and the name.
fn type_data(policy: &[u8], name: &str) -> Option<usize> {
    let places = policy.windows(name.len()).enumerate().filter(|(_, window)| *window == name.as_bytes());
    let mut data = places.filter_map(|(place, _)| place.checked_sub(16));
    data.find(|&data| number(policy, data).is_some_and(|len| len as usize == name.len()))
}

fn number(policy: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(policy.get(at..)?.first_chunk().copied()?))
}

fn malformed(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("the policy has no {what}"))
}
