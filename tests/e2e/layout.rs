//! The layout that denyd reads from a kernel's BTF: that of the real kernels, and that of one which lacks a member.

use std::fs;

use libtest_mimic::{Failed, Trial};
use monitor::kernel::{KernelTypes, State, foreseen};
use monitor_common::layout::{ABSENT, ENTRIES, Layout};
use object::{Object as _, ObjectSection as _};
use xtask::{architecture::Architecture, cache::Cache, kernel::Kernel};
use zerocopy::IntoBytes as _;

/// What has stood at the same place from 5.10 to 7.3.
const FIXED: [(&str, u32); 16] = [
    ("path_mnt", 0),
    ("path_dentry", 8),
    ("dentry_parent", 24),
    ("dentry_name", 40),
    ("dentry_inode", 48),
    ("dentry_sb", 104),
    ("mount_parent", 16),
    ("mount_mountpoint", 24),
    ("mount_vfsmount", 32),
    ("vfsmount_root", 0),
    ("inode_sb", 40),
    ("sock_family", 16),
    ("net_audit_sock", 8),
    ("selinux_denied", 20),
    ("selinux_tclass", 8),
    ("aa_label_hname", 56),
];

/// What each kernel does not have, by the starts of the entries' names.
const ABSENCES: [(&str, &[&str]); 3] = [
    (
        "6.1",
        &[
            "thread_info_preempt_count",
            "apparmor_class",
            "mnt_namespace_is_anonymous",
            "silent_",
            "landlock_request_",
            "landlock_hierarchy_id",
            "landlock_hierarchy_log_",
            "landlock_log_",
            "landlock_subject_domain_exec",
            "landlock_blockers_",
            "landlock_told_",
            "cred_security_struct_size",
            "avdc",
            "ipe_",
        ],
    ),
    (
        "6.12",
        &[
            "thread_info_preempt_count",
            "mnt_namespace_is_anonymous",
            "silent_mount_check",
            "landlock_request_",
            "landlock_hierarchy_id",
            "landlock_hierarchy_log_",
            "landlock_log_",
            "landlock_subject_domain_exec",
            "landlock_blockers_",
            "landlock_told_",
            "cred_security_struct_size",
            "avdc",
        ],
    ),
    ("7", &["thread_info_preempt_count", "landlock_request_layer_masks_size", "mnt_namespace_sequence"]),
];

/// What can't be watched on each kernel.
const UNWATCHED: [(&str, &[&str]); 3] = [("6.1", &["landlock", "ipe"]), ("6.12", &["landlock"]), ("7", &[])];

/// The trials of each kernel.
pub(crate) fn trials() -> Vec<Trial> {
    let mut trials = Vec::new();
    for (kernel, absent) in ABSENCES {
        let of = |name: &str| format!("{kernel}/layout/{name}");
        trials.push(Trial::test(of("what_never_moved_is_where_it_was"), move || fixed(kernel)));
        trials.push(Trial::test(of("only_what_this_version_lacks_is_absent"), move || lacks(kernel, absent)));
        trials
            .push(Trial::test(of("a_mapped_file_says_the_same_as_one_that_is_read"), move || mapped(kernel)));
        trials
            .push(Trial::test(of("a_member_that_is_missing_disables_only_itself"), move || without(kernel)));
    }
    for (kernel, unwatched) in UNWATCHED {
        let name = format!("{kernel}/layout/only_what_this_version_lacks_is_foreseen_unwatched");
        trials.push(Trial::test(name, move || is_foreseen(kernel, unwatched)));
    }
    trials
}

fn is_foreseen(kernel: &str, unwatched: &[&str]) -> Result<(), Failed> {
    let sources = foreseen(KernelTypes::from_bytes(&btf(kernel)?)?);
    let failed = sources.iter().filter(|source| matches!(source.state, State::Failed { .. }));
    let failed: Vec<_> = failed.map(|source| source.name).collect();
    if failed == unwatched { Ok(()) } else { Err(format!("not foreseen: {failed:?}").into()) }
}

fn fixed(kernel: &str) -> Result<(), Failed> {
    let layout = KernelTypes::from_bytes(&btf(kernel)?)?.layout();
    for (name, offset) in FIXED {
        let found = value(&layout, name);
        if found != offset {
            return Err(format!("{name} is at {found}, not at {offset}").into());
        }
    }
    Ok(())
}

fn lacks(kernel: &str, absent: &[&str]) -> Result<(), Failed> {
    let layout = KernelTypes::from_bytes(&btf(kernel)?)?.layout();
    for entry in ENTRIES {
        let expected = absent.iter().any(|start| entry.name.starts_with(start));
        if (value(&layout, entry.name) == ABSENT) != expected {
            return Err(format!("{} is {}", entry.name, if expected { "there" } else { "absent" }).into());
        }
    }
    Ok(())
}

/// Where the BTF is looked at in its file, all is at the same place as where it is read.
fn mapped(kernel: &str) -> Result<(), Failed> {
    let bytes = btf(kernel)?;
    let file = tempfile::NamedTempFile::new()?;
    fs::write(&file, &bytes)?;
    let (mapped, read) = (KernelTypes::mapped(&file)?, KernelTypes::from_bytes(&bytes)?);
    if mapped.layout() != read.layout() {
        return Err("the layouts differ".into());
    }
    let hooks =
        |types| foreseen(types).into_iter().map(|source| (source.name, source.state)).collect::<Vec<_>>();
    if hooks(mapped) != hooks(read) {
        return Err("the hooks differ".into());
    }
    Ok(())
}

/// Renames a member in the BTF, as if the kernel had another in its place.
fn without(kernel: &str) -> Result<(), Failed> {
    let mut bytes = btf(kernel)?;
    let whole = KernelTypes::from_bytes(&bytes)?.layout();
    let name = b"\0dfl_cgrp\0";
    let at = bytes.windows(name.len()).position(|window| window == name).ok_or("css_set has no dfl_cgrp")?;
    bytes[at + 1] = b'X';
    let layout = KernelTypes::from_bytes(&bytes)?.layout();
    for entry in ENTRIES {
        let expected = if entry.name == "css_set_dfl_cgrp" { ABSENT } else { value(&whole, entry.name) };
        let found = value(&layout, entry.name);
        if found != expected {
            return Err(format!("{} is {found:#x}, not {expected:#x}", entry.name).into());
        }
    }
    Ok(())
}

/// The BTF in the kernel's image.
fn btf(kernel: &str) -> Result<Vec<u8>, Failed> {
    let kernel = Kernel::resolve(kernel, Architecture::Amd64, &Cache::open()?)?;
    let image = fs::read(kernel.image())?;
    let image = object::File::parse(&*image)?;
    let section = image.section_by_name(".BTF").ok_or("the kernel has no section .BTF")?;
    Ok(section.data()?.to_vec())
}

fn value(layout: &Layout, name: &str) -> u32 {
    let index = ENTRIES.iter().position(|entry| entry.name == name).expect("the table has the entry");
    let values = layout.as_bytes().chunks_exact(size_of::<u32>());
    let bytes = values.skip(index).map(|bytes| bytes.try_into().expect("four bytes")).next();
    u32::from_ne_bytes(bytes.expect("the layout has a value for each entry"))
}
