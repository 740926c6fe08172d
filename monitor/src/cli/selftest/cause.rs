//! What the children of `denyd selftest` do: each has itself refused one thing that does no harm, not even if it is
//! allowed. A child restricts nobody but itself.

use std::{
    collections::BTreeMap,
    env, fs,
    io::{self, Read as _, Write as _},
    path::Path,
};

use landlock::{AccessFs, CompatLevel, Compatible as _, Ruleset, RulesetAttr as _};
use nix::{sys::ptrace, unistd::Pid};
use rustix::{
    process::{DumpableBehavior, chroot, getppid, set_dumpable_behavior},
    thread::{CapabilitySet, CapabilitySets, set_capabilities},
};
use seccompiler::{BpfProgram, SeccompAction, SeccompFilter, apply_filter};
use serde::{Deserialize, Serialize};

use crate::event::Module;

/// A profile that is not there.
const PROFILE: &str = "denyd-selftest-none";

/// What became of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Outcome {
    /// The kernel refused it.
    Refused {
        /// What.
        what: String,
        /// How.
        how: String,
    },
    /// The kernel let it pass.
    Allowed {
        /// What.
        what: String,
    },
    /// Nothing was tried.
    Skipped {
        /// Why not, and what would help.
        why: String,
    },
}

impl Outcome {
    fn skipped(why: impl Into<String>) -> Self {
        Self::Skipped { why: why.into() }
    }

    /// Of something that was tried. Errors other than a refusal say that it could not be.
    fn new<T>(what: &str, result: io::Result<T>) -> Self {
        match result {
            Ok(_) => Self::Allowed { what: what.to_owned() },
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                Self::Refused { what: what.to_owned(), how: error.to_string() }
            }
            Err(error) => Self::skipped(format!("cannot {what}: {error}")),
        }
    }
}

/// Has this process refused something by the module.
pub(super) fn cause(module: Module, target: Option<u32>) -> Outcome {
    match module {
        Module::Selinux => selinux(),
        Module::Apparmor => apparmor(),
        Module::Landlock => landlock(),
        Module::Capability => capability(),
        Module::Seccomp => seccomp(),
        Module::Yama => yama(target),
        Module::Lockdown => lockdown(),
        Module::Tomoyo => Outcome::skipped(
            "there is nothing that every policy of TOMOYO refuses, and it is not selftest's to change",
        ),
        Module::Bpf => Outcome::skipped("only the programs' author knows what they refuse"),
        Module::Ipe => Outcome::skipped("only who signed the policy knows what it refuses"),
    }
}

/// Is somebody whom others may want to trace, until standard input ends. Says so when all is ready.
pub(super) fn stand() -> io::Result<()> {
    // Who traces must have no fewer capabilities than whom it traces, or that alone is refused.
    drop_capabilities()?;
    println!();
    io::stdin().read_to_end(&mut Vec::new()).map(drop)
}

fn drop_capabilities() -> io::Result<()> {
    let none = CapabilitySet::empty();
    Ok(set_capabilities(None, CapabilitySets { effective: none, permitted: none, inheritable: none })?)
}

/// To list a directory under a rule that forbids all such.
fn landlock() -> Outcome {
    let domain = Ruleset::default()
        .set_compatibility(CompatLevel::HardRequirement)
        .handle_access(AccessFs::ReadDir)
        .and_then(Ruleset::create)
        .and_then(landlock::RulesetCreated::restrict_self);
    match domain {
        Ok(_) => Outcome::new("list /", fs::read_dir("/")),
        Err(error) => Outcome::skipped(format!("no Landlock domain can be made: {error}")),
    }
}

/// A system call for which a filter kills the process. The parent sees that.
fn seccomp() -> Outcome {
    let logged = fs::read_to_string("/proc/sys/kernel/seccomp/actions_logged").unwrap_or_default();
    if !logged.split_whitespace().any(|action| action == "kill_process") {
        return Outcome::skipped(
            "kernel.seccomp.actions_logged leaves out kill_process, so it is not logged",
        );
    }
    let filter = || -> Result<BpfProgram, String> {
        let arch = env::consts::ARCH.try_into().map_err(|error| format!("{error:?}"))?;
        let rules = BTreeMap::from([(libc::SYS_getppid, Vec::new())]);
        SeccompFilter::new(rules, SeccompAction::Allow, SeccompAction::KillProcess, arch)
            .and_then(TryInto::try_into)
            .map_err(|error| error.to_string())
    };
    // Whoever is killed would leave a core dump, and somebody may be told of that.
    let applied = set_dumpable_behavior(DumpableBehavior::NotDumpable)
        .map_err(|error| error.to_string())
        .and_then(|()| apply_filter(&filter()?).map_err(|error| error.to_string()));
    match applied {
        Ok(()) => {
            _ = getppid();
            Outcome::Allowed { what: "call getppid".to_owned() }
        }
        Err(error) => Outcome::skipped(format!("no seccomp filter can be installed: {error}")),
    }
}

/// To trace somebody who is no descendant, without any capability.
fn yama(target: Option<u32>) -> Outcome {
    let scope = fs::read_to_string("/proc/sys/kernel/yama/ptrace_scope").unwrap_or_default();
    if scope.trim() == "0" {
        return Outcome::skipped("kernel.yama.ptrace_scope is 0, with which Yama refuses nothing");
    }
    let Some(target) = target.and_then(|target| target.try_into().ok()) else {
        return Outcome::skipped("there is nobody to trace");
    };
    match drop_capabilities() {
        // It does not stop whom it traces, should it be allowed.
        Ok(()) => Outcome::new(
            "trace a process",
            ptrace::seize(Pid::from_raw(target), ptrace::Options::empty()).map_err(io::Error::from),
        ),
        Err(error) => Outcome::skipped(format!("it could not give up its capabilities: {error}")),
    }
}

/// To change the root to what it is, without the capability for it.
fn capability() -> Outcome {
    match drop_capabilities() {
        Ok(()) => Outcome::new("change the root to /", chroot("/").map_err(io::Error::from)),
        Err(error) => Outcome::skipped(format!("it could not give up its capabilities: {error}")),
    }
}

/// To open what a locked-down kernel keeps even from root. Nothing is read.
fn lockdown() -> Outcome {
    let level = fs::read_to_string("/sys/kernel/security/lockdown").unwrap_or_default();
    if !level.contains('[') || level.contains("[none]") {
        return Outcome::skipped("the kernel is not locked down, so that it refuses nothing");
    }
    let capable = rustix::thread::capabilities(None)
        .is_ok_and(|sets| sets.effective.contains(CapabilitySet::SYS_RAWIO));
    if !capable {
        return Outcome::skipped("the kernel asks for a capability first: run it as root");
    }
    Outcome::new("open /dev/mem", fs::File::open("/dev/mem"))
}

/// To become what is no process's context: one that the kernel has for objects without a label.
fn selinux() -> Outcome {
    let context = match fs::read("/sys/fs/selinux/initial_contexts/unlabeled") {
        Ok(context) => context,
        Err(error) => return Outcome::skipped(format!("the context `unlabeled` can't be read: {error}")),
    };
    let what = format!("become {}", String::from_utf8_lossy(&context).trim_end_matches('\0'));
    Outcome::new(&what, write("/proc/thread-self/attr/current", &context))
}

/// To change to a profile that nobody has loaded.
fn apparmor() -> Outcome {
    let what = format!("change to the profile {PROFILE}");
    // Before Linux 5.8 there was only the shared attribute.
    let own = Path::new("/proc/thread-self/attr/apparmor/current");
    let shared = Path::new("/proc/thread-self/attr/current");
    let attribute = if own.exists() { own } else { shared };
    match write(attribute, format!("changeprofile {PROFILE}").as_bytes()) {
        // Without such a profile AppArmor refuses it so, and logs it as any refusal.
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Outcome::Refused { what, how: error.to_string() }
        }
        result => Outcome::new(&what, result),
    }
}

/// Writes to a file that is there. Not as `fs::write` does, which asks to make it, too.
fn write(path: impl AsRef<Path>, bytes: &[u8]) -> io::Result<()> {
    fs::OpenOptions::new().write(true).open(path)?.write_all(bytes)
}
