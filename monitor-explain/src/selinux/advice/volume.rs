//! What a container is refused on a file system without labels, or on a device: `:z` and `:Z` change neither.

use super::{boolean, danger, draft, question::Question};
use crate::{
    finding::{Cause, Draft, Remedy, RemedyKind},
    selinux::policy::Policy,
};

/// Labels of whole file systems, and the booleans by which policies let containers use them.
const FILE_SYSTEMS: [(&str, Option<&str>); 8] = [
    ("cephfs_t", Some("container_use_cephfs")),
    ("cifs_t", Some("virt_use_samba")),
    ("dosfs_t", None),
    ("ecryptfs_t", Some("container_use_ecryptfs")),
    ("fusefs_t", Some("virt_sandbox_use_fusefs")),
    ("iso9660_t", None),
    ("nfs_t", Some("virt_use_nfs")),
    ("vxfs_t", None),
];

/// What a container was refused whose label no mount option of its own changes.
pub(super) fn judge(question: &Question<'_>, policy: Option<&Policy>) -> Option<Draft> {
    let is_device = matches!(question.class, "chr_file" | "blk_file");
    if is_device && question.target_type.ends_with("device_t") {
        return Some(device(question, policy));
    }
    let is_file = matches!(question.class, "file" | "dir" | "lnk_file" | "sock_file" | "fifo_file");
    let (_, name) = FILE_SYSTEMS.iter().find(|(type_, _)| *type_ == question.target_type)?;
    is_file.then(|| file_system(question, policy, *name))
}

fn file_system(question: &Question<'_>, policy: Option<&Policy>, name: Option<&str>) -> Draft {
    let label = super::container::label_of_volumes(question.source_type);
    let mount = Remedy::new(
        RemedyKind::Setting,
        format!(
            "have the host mount the file system with the option context=\"system_u:object_r:{label}:s0\""
        ),
    )
    .warn("all in the mount gets the label, and services of the host that use it may be refused it then")
    .note("a mount of NFS or CIFS that is of the same export takes the same option, or nosharecache");
    let why = "it is on a file system that keeps no labels, so that :z and :Z cannot change its label";
    booleans(question, policy, name, why)
        .because(format!("{} is the label of the whole file system", question.target_type))
        .remedy(mount)
        .remedy(unconfined())
}

fn device(question: &Question<'_>, policy: Option<&Policy>) -> Draft {
    let why = "containers use the host's devices only where a boolean says so";
    let own = Remedy::new(
        RemedyKind::Setting,
        "give it the device with --device and not as a mount: as root, the engine makes one of the container's own, with \
         its label; without root, it is the host's all the same",
    );
    let mut found = booleans(question, policy, Some("container_use_devices"), why);
    if question.target_type == "device_t" {
        found =
            found.because("device_t is a device that got no label: `restorecon` on the host may give it one");
    }
    if !danger::warnings(question).is_empty() {
        let text = "leave it refused, unless the container is meant to manage the machine";
        found = found.remedy(Remedy::new(RemedyKind::Refuse, text));
    }
    found.remedy(own).remedy(unconfined())
}

/// The booleans that allow it; without a policy, the one that policies usually have.
fn booleans(question: &Question<'_>, policy: Option<&Policy>, name: Option<&str>, why: &str) -> Draft {
    let numbers = policy.and_then(|policy| Some((policy, question.numbers(policy).ok()?)));
    let Some((policy, (source, target, class, mask))) = numbers else {
        let found = draft(question, Cause::Label, why);
        let Some(name) = name else { return found };
        let text = format!("turn the boolean for it on, if the policy has it: {name}");
        return found.remedy(with_warnings(question, Remedy::new(RemedyKind::Setting, text)));
    };
    let (remedies, _) = boolean::find(policy, (&source, &target, class, mask));
    let mut found = if remedies.is_empty() {
        draft(question, Cause::Label, why).because("no boolean would allow it, nor a pair of them")
    } else {
        draft(question, Cause::Boolean, "a boolean switches the rule off").because(why)
    };
    found.finding.remedies.extend(remedies.into_iter().map(|remedy| with_warnings(question, remedy)));
    found
}

/// What the container could do then.
fn with_warnings(question: &Question<'_>, remedy: Remedy) -> Remedy {
    danger::warnings(question).into_iter().fold(remedy, Remedy::warn)
}

fn unconfined() -> Remedy {
    let text = "run this container without confinement: --security-opt label=disable";
    Remedy::new(RemedyKind::Setting, text)
        .warn("SELinux keeps the container from nothing of the host then: whoever breaks out of it is free")
}
