//! Which rules are dangerous, and why.

use super::Question;

/// What is dangerous to allow. A list without any stands for all.
struct Danger {
    classes: &'static [&'static str],
    permissions: &'static [&'static str],
    /// Types of the object; with a star, ends of their names.
    targets: &'static [&'static str],
    warning: &'static str,
}

const FILES: &[&str] =
    &["file", "dir", "lnk_file", "chr_file", "blk_file", "sock_file", "fifo_file", "filesystem"];
/// Files, and folders, in which others can be put in their place.
const CONTENTS: &[&str] = &["file", "dir", "lnk_file"];
const DEVICES: &[&str] = &["chr_file", "blk_file"];
const NETWORK: &[&str] = &["packet", "peer", "association", "netif", "node"];

/// What changes a file or folder.
pub(super) const CHANGES: &[&str] = &[
    "write",
    "append",
    "create",
    "unlink",
    "rename",
    "link",
    "setattr",
    "relabelfrom",
    "relabelto",
    "mounton",
    "add_name",
    "remove_name",
    "reparent",
    "rmdir",
];

/// Domains that nothing confines.
const UNCONFINED: &[&str] = &[
    "unconfined_t",
    "unconfined_service_t",
    "initrc_t",
    "init_t",
    "kernel_t",
    "sysadm_t",
    "rpm_script_t",
    "dpkg_script_t",
    "spc_t",
];

/// Domains of services that were given none of their own.
const UNCONFINED_SERVICES: &[&str] = &["unconfined_t", "unconfined_service_t", "initrc_t", "spc_t"];

/// Of one permission, on whatever.
const fn one(
    class: &'static [&'static str],
    permission: &'static [&'static str],
    warning: &'static str,
) -> Danger {
    Danger { classes: class, permissions: permission, targets: &[], warning }
}

/// Of changes of what has one of these types.
const fn change(targets: &'static [&'static str], warning: &'static str) -> Danger {
    Danger { classes: CONTENTS, permissions: CHANGES, targets, warning }
}

const DANGERS: &[Danger] = &[
    one(
        &["process"],
        &["execmem"],
        "execmem: the program may run code that it wrote to memory, as exploits do",
    ),
    one(
        &["process"],
        &["execstack"],
        "execstack: the stack may be run; mend the library (execstack -c) instead",
    ),
    one(
        &["process"],
        &["execheap"],
        "execheap: the heap may be run; this is nearly always a fault of the program",
    ),
    one(
        &["file"],
        &["execmod"],
        "execmod: changed code of a library may be run; a text relocation, mend the library",
    ),
    one(&["process"], &["ptrace"], "ptrace: it may read and change everything in the other process"),
    one(&["process"], &["dyntransition"], "dyntransition: it may become the other domain while it runs"),
    one(&["capability"], &["sys_admin"], "sys_admin: nearly all that root may do"),
    one(&["capability"], &["sys_module"], "sys_module: it may load code into the kernel"),
    one(&["capability"], &["sys_rawio"], "sys_rawio: it may reach the machine's memory and devices"),
    one(&["capability"], &["sys_ptrace"], "sys_ptrace: it may read and change any process"),
    one(
        &["capability"],
        &["dac_override"],
        "dac_override: it may pass by the owner and mode of any file; put those right instead",
    ),
    one(
        &["capability"],
        &["dac_read_search"],
        "dac_read_search: it may read any file whatever its mode; put owner and mode right instead",
    ),
    one(&["capability2"], &["mac_admin"], "mac_admin: it may change the policy"),
    one(&["capability2"], &["mac_override"], "mac_override: it may pass by the policy"),
    one(&["capability2"], &["bpf"], "bpf: it may load programs into the kernel"),
    one(&["bpf"], &["prog_load", "prog_run"], "bpf: it may load programs into the kernel, or run them there"),
    one(&["system"], &["module_load"], "module_load: it may load code into the kernel"),
    one(&["security"], &["load_policy"], "load_policy: it may replace the policy"),
    one(&["security"], &["setenforce"], "setenforce: it may switch SELinux off"),
    one(&["security"], &["setbool"], "setbool: it may switch rules of the policy on and off"),
    change(&["etc_t", "etc_runtime_t"], "it may change the machine's configuration"),
    change(&["shadow_t"], "it may change passwords"),
    change(&["bin_t", "*_exec_t"], "it may change programs that others run"),
    change(&["lib_t", "ld_so_t", "textrel_shlib_t"], "it may change libraries that others run"),
    change(&["security_t"], "it may change the policy or its booleans"),
    change(
        &["systemd_unit_t", "*_unit_t", "*_unit_file_t"],
        "it may change units: systemd then starts as root whatever they say",
    ),
    change(&["system_cron_spool_t", "cron_spool_t", "user_cron_spool_t"], "it may have cron run anything"),
    change(&["ssh_home_t"], "it may decide who may log in"),
    Danger {
        classes: &["process"],
        permissions: &["transition"],
        targets: UNCONFINED,
        warning: "it may become a domain that nothing confines",
    },
    Danger {
        classes: &["unix_stream_socket"],
        permissions: &["connectto"],
        targets: UNCONFINED_SERVICES,
        warning: "it may have a service that nothing confines do what it asks for; give that service a domain instead",
    },
    Danger {
        classes: &["unix_stream_socket"],
        permissions: &["connectto"],
        targets: &["container_runtime_t", "docker_t", "dockerd_t", "podman_t"],
        warning: "who may have containers started is root on the machine",
    },
    Danger {
        classes: &["file"],
        permissions: &["execute", "execute_no_trans"],
        targets: &["su_exec_t", "sudo_exec_t"],
        warning: "it may become another user: what sudoers and PAM let it is all that holds it",
    },
    Danger {
        classes: &["file"],
        permissions: &["execute", "execute_no_trans"],
        targets: &["tmp_t", "*_tmp_t", "*_tmpfs_t", "*_rw_content_t", "*_ra_content_t"],
        warning: "it may run what it, or an intruder, wrote there",
    },
    Danger {
        classes: FILES,
        permissions: &[],
        targets: &["unlabeled_t"],
        warning: "unlabeled_t: any file that lost its label is meant",
    },
    Danger {
        classes: NETWORK,
        permissions: &[],
        targets: &["unlabeled_t"],
        warning: "unlabeled_t: all traffic is meant that no rule (SECMARK, NetLabel, IPsec) gives a label",
    },
    Danger {
        classes: FILES,
        permissions: &[],
        targets: &["default_t"],
        warning: "default_t: any file in no known place is meant",
    },
    Danger {
        classes: DEVICES,
        permissions: CHANGES,
        targets: &["fixed_disk_device_t"],
        warning: "it may write to disks past the file system",
    },
    Danger {
        classes: DEVICES,
        permissions: &["read"],
        targets: &["fixed_disk_device_t"],
        warning: "it may read disks past the file system",
    },
    Danger {
        classes: DEVICES,
        permissions: &[],
        targets: &["memory_device_t"],
        warning: "it may reach the machine's memory",
    },
];

impl Danger {
    fn is_of(&self, question: &Question<'_>, class: &str) -> bool {
        let all_or =
            |list: &[&str], is: &dyn Fn(&str) -> bool| list.is_empty() || list.iter().any(|one| is(one));
        all_or(self.classes, &|one| one == class)
            && all_or(self.permissions, &|one| question.asks(one))
            && all_or(self.targets, &|one| {
                let type_ = question.target_type;
                one.strip_prefix('*').map_or(type_ == one, |end| type_.ends_with(end))
            })
    }
}

/// What is to be said before this is allowed.
pub(super) fn warnings(question: &Question<'_>) -> Vec<String> {
    // Capabilities in a user namespace have classes of their own.
    let class = match question.class {
        "cap_userns" => "capability",
        "cap2_userns" => "capability2",
        class => class,
    };
    let dangers = DANGERS.iter().filter(|danger| danger.is_of(question, class));
    dangers.map(|danger| danger.warning.to_owned()).collect()
}
