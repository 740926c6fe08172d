//! SELinux's class and permission names, from the kernel's own table `secclass_map`
//! (security/selinux/include/classmap.h). Its numbers are the kernel's, not the policy's, and move between versions.

use monitor_common::layout::{ABSENT, Layout};

use super::memory::{KernelMemory, MemoryError};
use crate::source::names::selinux::{Class, ClassMap};

/// Far more than any kernel has.
const CLASSES: u64 = 512;
/// Longer than any name.
const NAME_LIMIT: usize = 64;

/// Reads the table at `address`.
///
/// # Errors
///
/// If it can't be read. `None` if this kernel's BTF doesn't say how it is laid out.
pub(super) fn read(
    memory: &mut KernelMemory,
    layout: &Layout,
    address: u64,
) -> Result<Option<ClassMap>, MemoryError> {
    let fields = [
        layout.security_class_size,
        layout.security_class_name,
        layout.security_class_permissions,
        layout.security_class_permissions_count,
    ];
    if fields.contains(&ABSENT) {
        return Ok(None);
    }
    let [size, name_at, permissions_at, count] = fields.map(u64::from);
    let mut classes = Vec::new();
    for index in 0..CLASSES {
        let entry = address + index * size;
        let Some(name) = name(memory, entry + name_at)? else { break };
        let mut permissions = Vec::new();
        for bit in 0..count {
            let Some(name) = self::name(memory, entry + permissions_at + bit * 8)? else { break };
            permissions.push(name);
        }
        classes.push(Class { name, permissions });
    }
    Ok(Some(ClassMap { classes }))
}

/// The string that the pointer at the address points to; `None` for a null pointer, which ends a list.
fn name(memory: &mut KernelMemory, pointer_at: u64) -> Result<Option<String>, MemoryError> {
    let mut pointer = [0; 8];
    pointer.copy_from_slice(&memory.bytes(pointer_at, 8)?);
    match u64::from_ne_bytes(pointer) {
        0 => Ok(None),
        pointer => memory.string(pointer, NAME_LIMIT).map(Some),
    }
}
