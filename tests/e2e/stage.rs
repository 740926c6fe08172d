//! What is in force in a guest, and which modules' cases run there: a boot costs more than a case, so that modules which
//! don't get in each other's way share one.

use tests::{case::Module, cases::ipe};
use xtask::vm;

/// A kind of guest.
#[derive(Debug)]
pub(crate) struct Stage {
    /// What files with its output are called after.
    pub name: &'static str,
    /// The modules whose cases run there.
    pub modules: &'static [Module],
    /// The module that is in force.
    pub in_force: vm::Module,
    /// What denyd is asked to watch.
    pub sources: &'static str,
    /// More words for the kernel's command line.
    pub append: &'static str,
    /// A policy of IPE, which the guest finds signed in `/share/ipe.p7b`.
    pub ipe: Option<&'static str>,
    /// What is done before denyd starts: shell commands.
    pub before: &'static str,
}

/// All of them.
pub(crate) static STAGES: [Stage; 8] = [
    of_one("selinux", &[Module::Selinux], vm::Module::Selinux, "default"),
    of_one("apparmor", &[Module::Apparmor], vm::Module::Apparmor, "default"),
    of_one("landlock", &[Module::Landlock], vm::Module::None, "default"),
    of_one("capability", &[Module::Capability], vm::Module::None, "default,capability"),
    Stage {
        name: "others",
        modules: &[Module::Seccomp, Module::Yama, Module::Lockdown],
        in_force: vm::Module::None,
        sources: "default,seccomp-unlogged,lockdown",
        append: "lockdown=integrity",
        ipe: None,
        before: "",
    },
    Stage {
        name: "tomoyo",
        modules: &[Module::Tomoyo],
        in_force: vm::Module::None,
        sources: "default,tomoyo",
        append: "lsm=landlock,lockdown,yama,integrity,tomoyo,bpf TOMOYO_trigger=/bin/true TOMOYO_loader=/bin/true",
        ipe: None,
        before: "",
    },
    Stage {
        name: "bpf",
        modules: &[Module::Bpf],
        in_force: vm::Module::None,
        sources: "default,bpf-lsm",
        append: "",
        ipe: None,
        before: "actor refuse file_open 7001 && actor refuse inode_unlink 7002 && \
                 actor refuse socket_connect 7003 && actor refuse task_kill 7004 && \
                 actor refuse bprm_check_security 7005 && ",
    },
    Stage {
        name: "ipe",
        modules: &[Module::Ipe],
        in_force: vm::Module::None,
        sources: "default,ipe",
        append: "lsm=landlock,lockdown,yama,integrity,bpf,ipe",
        ipe: Some(ipe::POLICY),
        before: "cat /share/ipe.p7b >/sys/kernel/security/ipe/new_policy && \
                 echo 1 >/sys/kernel/security/ipe/policies/denyd/active && ",
    },
];

const fn of_one(
    name: &'static str,
    modules: &'static [Module],
    in_force: vm::Module,
    sources: &'static str,
) -> Stage {
    Stage { name, modules, in_force, sources, append: "", ipe: None, before: "" }
}

impl Stage {
    /// Whether denyd is asked only for what runs when something is refused.
    pub(crate) fn is_quiet(&self) -> bool {
        self.sources == "default"
    }

    /// The modules' names: `seccomp+yama`.
    pub(crate) fn module_names(&self) -> String {
        self.modules.iter().map(|module| module.name()).collect::<Vec<_>>().join("+")
    }
}
