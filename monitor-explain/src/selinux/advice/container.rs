//! What is refused in containers: paths are as the container sees them, and labels come with the image and the mounts.

use monitor_event::event::Event;

use super::{draft, question::Question, volume};
use crate::{
    finding::{Cause, Draft, Remedy, RemedyKind},
    selinux::policy::Policy,
};

/// Domains beside those of containers, of engines and of people, whose names begin so, too.
const OF_HOST: [&str; 3] = ["container_runtime_t", "container_auth_t", "container_user_t"];

/// Attributes of the domains of containers.
const ATTRIBUTES: [&str; 3] = ["container_domain", "svirt_sandbox_domain", "svirt_lxc_domain"];

/// Whether processes in containers run in the domain, by its name or by the policy.
pub(super) fn is_domain(type_: &str, policy: Option<&Policy>) -> bool {
    // Those that udica makes are called NAME.process.
    let by_name = ["container_", "svirt_lxc_", "svirt_sandbox_", "svirt_kvm_net_", "svirt_qemu_net_"]
        .iter()
        .any(|start| type_.starts_with(start))
        && !OF_HOST.contains(&type_)
        || type_.ends_with(".process");
    by_name || policy.is_some_and(|policy| has(policy, type_, &ATTRIBUTES))
}

fn has(policy: &Policy, type_: &str, attributes: &[&str]) -> bool {
    let Some(type_) = policy.type_(type_) else { return false };
    let mut own = policy.attributes_of(type_);
    own.any(|own| attributes.iter().any(|name| policy.attribute(name) == Some(own)))
}

/// Whether the process is in a container, so that no path of it is one of the host's.
pub(super) fn has_process(event: &Event<'_>, question: &Question<'_>, policy: &Policy) -> bool {
    // A privileged container runs as spc_t.
    event.container.is_some()
        || question.source_type == "spc_t"
        || is_domain(question.source_type, Some(policy))
}

/// Labels that containers may use, unless the level is another's.
const OF_CONTAINERS: [&str; 5] = [
    "container_file_t",
    "container_ro_file_t",
    "container_share_t",
    "svirt_sandbox_file_t",
    "svirt_lxc_file_t",
];

/// What a container was refused for the label of a file, or for what is at the other end of a socket. No policy is
/// needed for it.
pub(super) fn judge(event: &Event<'_>, question: &Question<'_>, policy: Option<&Policy>) -> Option<Draft> {
    if !is_domain(question.source_type, policy) {
        return None;
    }
    if is_engine(event, question) {
        return Some(engine(question));
    }
    volume::judge(question, policy)
        .or_else(|| is_file_of_host(event, question, policy).then(|| file(event, question)))
}

/// The label of files that containers in this domain use.
pub(super) fn label_of_volumes(domain: &str) -> &'static str {
    if domain.starts_with("svirt_") { "svirt_sandbox_file_t" } else { "container_file_t" }
}

/// Services of the host's that nothing confines, and engines.
const UNCONFINED: [&str; 8] = [
    "container_runtime_t",
    "dockerd_t",
    "podman_t",
    "unconfined_service_t",
    "unconfined_t",
    "init_t",
    "initrc_t",
    "kernel_t",
];

/// Engines' sockets.
const SOCKETS: [&str; 4] = ["docker.sock", "podman.sock", "containerd.sock", "crio.sock"];

fn is_engine(event: &Event<'_>, question: &Question<'_>) -> bool {
    let object = &event.object;
    let name = object.path.as_deref().or(object.name.as_deref());
    let name = name.and_then(|name| name.rsplit('/').next()).unwrap_or_default();
    match question.class {
        "unix_stream_socket" => question.asks("connectto") && UNCONFINED.contains(&question.target_type),
        "sock_file" => SOCKETS.contains(&name),
        _ => false,
    }
}

fn engine(question: &Question<'_>) -> Draft {
    let refuse = "leave it refused, and do not mount the socket into the container";
    let setting = "if the container is meant to manage the machine, run it without confinement: \
                   --security-opt label=disable";
    draft(question, Cause::Attack, "who may tell an unconfined service what to do is root on the host")
        .because("engines (docker.sock, podman.sock) start any container for whoever reaches their socket")
        .remedy(Remedy::new(RemedyKind::Refuse, refuse))
        .remedy(Remedy::new(RemedyKind::Setting, setting).warn("the container is root on the host then"))
}

/// File systems that the kernel makes up: a volume is never on them.
const PSEUDO: [&str; 13] = [
    "proc",
    "sysfs",
    "cgroup",
    "cgroup2",
    "devtmpfs",
    "devpts",
    "pipefs",
    "sockfs",
    "securityfs",
    "selinuxfs",
    "debugfs",
    "tracefs",
    "mqueue",
];

/// Whether it is a file on a disk that has no label for containers.
fn is_file_of_host(event: &Event<'_>, question: &Question<'_>, policy: Option<&Policy>) -> bool {
    let (class, target) = (question.class, question.target_type);
    let path = event.object.path.as_deref().unwrap_or_default();
    let is_file = matches!(class, "file" | "dir" | "lnk_file" | "sock_file" | "fifo_file");
    let is_made_up = event.object.device.as_deref().is_some_and(|device| PSEUDO.contains(&device))
        || ["/proc/", "/sys/", "/dev/"].iter().any(|start| path.starts_with(start));
    // By their names: those of file systems without labels, of devices and of the kernel's settings.
    let is_of_system = target.ends_with("fs_t") && target != "tmpfs_t"
        || ["device_t", "devpts_t", "cgroup_t", "security_t"].iter().any(|end| target.ends_with(end))
        || ["proc_", "sysctl_"].iter().any(|start| target.starts_with(start));
    let is_domain = UNCONFINED.contains(&target)
        || target == question.source_type
        || policy.is_some_and(|policy| has(policy, target, &["domain"]));
    let is_of_mount = policy.is_some_and(|policy| {
        policy.type_(target).is_some_and(|type_| policy.is_of_unlabelled_files(type_))
            || has(policy, target, &["device_node"])
    });
    is_file && !is_made_up && !is_of_system && !is_domain && !is_of_mount && !OF_CONTAINERS.contains(&target)
}

/// Labels without which the host does not run: no mount may change them.
fn is_of_programs(type_: &str) -> bool {
    matches!(
        type_,
        "bin_t"
            | "lib_t"
            | "ld_so_t"
            | "textrel_shlib_t"
            | "boot_t"
            | "modules_object_t"
            | "root_t"
            | "passwd_file_t"
            | "shadow_t"
            | "cert_t"
            | "locale_t"
    ) || type_.ends_with("_exec_t")
}

/// Labels that a folder has which nobody labelled as storage of containers.
const OF_STORAGE: [&str; 5] = ["unlabeled_t", "file_t", "default_t", "var_lib_t", "container_var_lib_t"];

/// Folders that are in the image and seldom on a mount.
const OF_IMAGE: [&str; 5] = ["/bin/", "/sbin/", "/lib", "/usr/", "/etc/"];

fn file(event: &Event<'_>, question: &Question<'_>) -> Draft {
    let target = question.target_type;
    let path = event.object.path.as_deref().filter(|path| path.starts_with('/'));
    let mut found = draft(question, Cause::Label, "containers use only files with a label for containers");
    if let Some(path) = path {
        found = found.because(format!("{path} is as the container sees it, and no path of the host's"));
    }
    found = found.because("a program that broke out of its container would be refused the same way");
    let storage = Remedy::new(
        RemedyKind::Setting,
        "if it is of the image, put the labels of the storage right: `restorecon -R -v` on the engine's folder, after \
         `semanage fcontext -a -e /var/lib/containers FOLDER` if it was moved",
    );
    let own = Remedy::new(
        RemedyKind::Setting,
        "where the host needs the label that is there, give the container a policy of its own (udica)",
    );
    if is_of_programs(target) {
        return found
            .because(format!("the host needs the label {target} where it is: no mount with :z or :Z of that"))
            .remedy(storage)
            .remedy(own);
    }
    let label = label_of_volumes(question.source_type);
    let volume = Remedy::new(
        RemedyKind::Setting,
        format!(
            "if it is on a mount, add :Z (for this container alone) or :z (for several) to the mount, or give the \
             host's folder the label {label}"
        ),
    )
    .warn("all in the folder gets the label: never do it to /etc, /home, /usr or a folder that the host uses, too");
    let is_of_image = path.is_some_and(|path| OF_IMAGE.iter().any(|start| path.starts_with(start)));
    let remedies = if is_of_image && OF_STORAGE.contains(&target) {
        [storage, volume, own]
    } else {
        [volume, storage, own]
    };
    remedies.into_iter().fold(found, Draft::remedy)
}
