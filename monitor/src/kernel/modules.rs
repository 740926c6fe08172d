//! Which security modules are active.

use std::{fs, io};

/// Where the kernel lists them.
const LSM: &str = "/sys/kernel/security/lsm";

/// Which modules are active could not be found out.
#[derive(Debug, thiserror::Error)]
#[error(
    "cannot tell which security modules are active ({LSM}: {0}): mount securityfs: mount -t securityfs securityfs \
     /sys/kernel/security"
)]
pub struct ModulesError(#[from] io::Error);

/// The names of the active modules, in the order in which the kernel asks them: `capability`, `landlock`, `selinux`.
///
/// From securityfs, or, where that isn't mounted, from the system call `lsm_list_modules` (Linux 6.8).
///
/// # Errors
///
/// If the kernel shows neither way.
pub fn active() -> Result<Vec<String>, ModulesError> {
    match fs::read_to_string(LSM) {
        Ok(list) => Ok(list.trim().split(',').map(str::to_owned).collect()),
        Err(error) => list_modules().ok_or(ModulesError(error)),
    }
}

/// `LSM_ID_*` (include/uapi/linux/lsm.h) of the modules that concern denyd.
const IDS: [(u64, &str); 12] = [
    (100, "capability"),
    (101, "selinux"),
    (102, "smack"),
    (103, "tomoyo"),
    (104, "apparmor"),
    (105, "yama"),
    (106, "loadpin"),
    (107, "safesetid"),
    (108, "lockdown"),
    (109, "bpf"),
    (110, "landlock"),
    (113, "ipe"),
];

fn list_modules() -> Option<Vec<String>> {
    /// `lsm_list_modules`, the same number on every architecture.
    const SYS_LSM_LIST_MODULES: libc::c_long = 461;
    let mut ids = [0_u64; 64];
    let mut size = u32::try_from(size_of_val(&ids)).ok()?;
    // SAFETY: the kernel writes at most `size` bytes to `ids`, and `size` itself.
    let count = unsafe { libc::syscall(SYS_LSM_LIST_MODULES, ids.as_mut_ptr(), &raw mut size, 0) };
    let count = usize::try_from(count).ok()?;
    let name = |id: &u64| {
        IDS.iter()
            .find(|(known, _)| known == id)
            .map_or_else(|| format!("lsm_{id}"), |(_, name)| (*name).to_owned())
    };
    Some(ids.get(..count)?.iter().map(name).collect())
}
