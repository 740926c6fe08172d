//! What can be attached on this kernel: which sources, and which programs of an attachment. It follows from what is known
//! of the kernel before anything is loaded.

use std::collections::HashSet;

use monitor_common::layout::{ABSENT, ENTRIES, Layout, Settings};
use zerocopy::IntoBytes as _;

use super::{KernelTypes, Options, failure::AttachError, report::State};
use crate::source::{self, Attachment, Hook, Program, Source};

/// What a kernel has that programs can be attached to.
pub(super) trait Targets {
    fn has_function(&self, name: &str) -> bool;
    fn has_tracepoint(&self, name: &str) -> bool;
}

impl Targets for KernelTypes {
    fn has_function(&self, name: &str) -> bool {
        Self::has_function(self, name)
    }

    fn has_tracepoint(&self, name: &str) -> bool {
        Self::has_tracepoint(self, name)
    }
}

/// What a kernel has of all that sources can be attached to: what is left of its types when they are no longer needed.
pub(super) struct Present {
    functions: HashSet<&'static str>,
    tracepoints: HashSet<&'static str>,
}

impl Present {
    /// Looks for the hooks of all sources; `lsm` are the functions of the LSM hooks that have BPF programs, which are there.
    pub(super) fn of(types: &KernelTypes, lsm: &[&'static str]) -> Self {
        let mut present = Self { functions: lsm.iter().copied().collect(), tracepoints: HashSet::new() };
        let attachments = source::ALL.iter().flat_map(|source| source.attachments);
        for program in attachments.flat_map(|attachment| attachment.programs) {
            match program.hook {
                Hook::Fentry(name) | Hook::Fexit(name) if types.has_function(name) => {
                    present.functions.insert(name);
                }
                Hook::Tracepoint(name) if types.has_tracepoint(name) => {
                    present.tracepoints.insert(name);
                }
                _ => {}
            }
        }
        present.functions.extend([MULTI].iter().chain(&SESSIONS).filter(|name| types.has_function(name)));
        present
    }
}

impl Targets for Present {
    fn has_function(&self, name: &str) -> bool {
        self.functions.contains(name)
    }

    fn has_tracepoint(&self, name: &str) -> bool {
        self.tracepoints.contains(name)
    }
}

/// A kernel, as far as it decides what can be attached.
pub(super) struct Kernel<T> {
    pub targets: T,
    pub layout: Layout,
    pub settings: Settings,
    /// The active modules.
    pub modules: Vec<String>,
    /// The functions of the LSM hooks that have BPF programs, by their slots.
    pub hooks: Vec<&'static str>,
}

impl<T: Targets> Kernel<T> {
    /// Whether a source is to be attached; else the state that it stays in.
    pub(super) fn wants(&self, source: &Source, options: &Options) -> Result<(), State> {
        if source.lsm.is_some_and(|lsm| !self.modules.iter().any(|module| module == lsm)) {
            return Err(State::Inactive);
        }
        if !options.sources.contains(&source.id) {
            return Err(State::NotSelected { cost: source.cost, silent: source.silent });
        }
        Ok(())
    }

    /// The programs of an attachment, each with its function; or the hook that is in the way, and why.
    pub(super) fn programs(&self, attachment: &Attachment) -> Result<Vec<Program>, (Hook, AttachError)> {
        let first = attachment.programs[0].hook;
        let needs = |name: &str| attachment.needs.contains(&name);
        let absent: Vec<String> =
            absent(&self.layout).into_iter().filter(|(name, _)| needs(name)).map(|(_, spec)| spec).collect();
        if !absent.is_empty() {
            return Err((first, AttachError::NoMember(absent)));
        }
        let unknown: Vec<&str> = self
            .settings
            .known()
            .filter(|(name, known)| !known && needs(name))
            .map(|(name, _)| name)
            .collect();
        if !unknown.is_empty() {
            return Err((first, AttachError::Unknown(unknown)));
        }
        let placed: Vec<Program> =
            attachment.programs.iter().filter_map(|&program| self.on_its_hook(program)).collect();
        if placed.is_empty() {
            return Err((first, AttachError::NoLsmProgram));
        }
        for program in &placed {
            self.has(program.hook).map_err(|error| (program.hook, error))?;
        }
        Ok(placed)
    }

    /// The entries of the layout that the attachment's programs read and that this kernel doesn't have.
    pub(super) fn missing(&self, attachment: &Attachment) -> Vec<String> {
        absent(&self.layout)
            .into_iter()
            .filter(|name| attachment.reads(name.0) || source::is_shared(name.0))
            .map(|(_, spec)| spec)
            .collect()
    }

    /// A program with the function of its slot's hook; `None` if its slot is empty.
    fn on_its_hook(&self, program: Program) -> Option<Program> {
        let hook = match program.hook {
            Hook::LsmSlot(slot) => Hook::Fexit(self.hooks.get(slot)?),
            Hook::LsmSession(slot) => Hook::Session(self.hooks.get(slot)?),
            hook => hook,
        };
        Some(Program { hook, ..program })
    }

    /// Whether the hook is there. That of a kprobe is looked up by the kernel, also where BTF doesn't have it.
    fn has(&self, hook: Hook) -> Result<(), AttachError> {
        match hook {
            Hook::Fentry(name) | Hook::Fexit(name) if !self.targets.has_function(name) => {
                Err(AttachError::NoTarget("such function"))
            }
            Hook::Multi(_) if !self.targets.has_function(MULTI) => {
                Err(AttachError::NoTarget("probes without breakpoints (Linux 5.18 with CONFIG_FPROBE)"))
            }
            Hook::Session(_) if !SESSIONS.iter().all(|name| self.targets.has_function(name)) => {
                Err(AttachError::NoTarget("probe sessions that lose nothing (Linux 6.14)"))
            }
            Hook::Tracepoint(name) if !self.targets.has_tracepoint(name) => {
                Err(AttachError::NoTarget("such tracepoint"))
            }
            _ => Ok(()),
        }
    }
}

/// What the kernel has where it has probes without breakpoints (`kprobe.multi`).
const MULTI: &str = "kprobe_multi_link_handler";

/// What the kernel has where a session sees every exit: its functions, and probes on the function graph tracer (6.14).
/// Before, exits were watched by nodes of which there are a few for each CPU, and one that found none was skipped and not
/// counted (`rethook_try_get`, kernel/trace/rethook.c).
const SESSIONS: [&str; 3] = ["bpf_session_cookie", "bpf_session_is_return", "fprobe_fgraph_entry"];

/// Entries that say the same, of which a kernel has one.
const EITHER: [[&str; 2]; 1] = [["mnt_namespace_sequence", "mnt_namespace_is_anonymous"]];

/// Entries that kernels for other machines have: for this one, others tell the same.
const OF_OTHER_MACHINES: [&str; 1] =
    [if cfg!(target_arch = "x86_64") { "thread_info_preempt_count" } else { "thread_info_status" }];

/// The entries of the layout that this kernel doesn't have: the name, and what it should be.
fn absent(layout: &Layout) -> Vec<(&'static str, String)> {
    let values = layout.as_bytes().chunks_exact(size_of::<u32>());
    let absent = ENTRIES.iter().zip(values).filter(|(_, value)| *value == ABSENT.to_ne_bytes());
    let mut absent: Vec<_> = absent.map(|(entry, _)| (entry.name, entry.specs[0].to_string())).collect();
    absent.retain(|(name, _)| !OF_OTHER_MACHINES.contains(name));
    for names in EITHER {
        if !names.iter().all(|name| absent.iter().any(|(known, _)| known == name)) {
            absent.retain(|(name, _)| !names.contains(name));
        }
    }
    absent
}

#[cfg(test)]
mod tests {
    use monitor_common::SourceId;
    use zerocopy::FromZeros as _;

    use super::*;

    /// The functions and tracepoints that there are.
    struct Only(&'static [&'static str]);

    impl Targets for Only {
        fn has_function(&self, name: &str) -> bool {
            self.0.contains(&name)
        }

        fn has_tracepoint(&self, name: &str) -> bool {
            self.0.contains(&name)
        }
    }

    fn kernel(targets: &'static [&'static str]) -> Kernel<Only> {
        Kernel {
            targets: Only(targets),
            layout: Layout::new_zeroed(),
            settings: Settings::UNKNOWN,
            modules: vec!["capability".to_owned(), "selinux".to_owned()],
            hooks: Vec::new(),
        }
    }

    const TWO: Attachment = Attachment {
        programs: &[
            Program { name: "entry", hook: Hook::Fentry("one") },
            Program { name: "exit", hook: Hook::Fexit("two") },
        ],
        needs: &["task_cred", "selinux_state"],
        reads: &["task_"],
        caveat: None,
    };

    fn why(kernel: &Kernel<Only>, attachment: &Attachment) -> (String, String) {
        let (hook, error) = kernel.programs(attachment).unwrap_err();
        (hook.to_string(), error.to_string())
    }

    #[test]
    fn a_source_is_wanted_if_its_module_is_active_and_it_was_asked_for() {
        let options = Options {
            sources: vec![SourceId::Selinux, SourceId::Apparmor],
            silent: false,
            stack: false,
            ring_size: 0,
            fold: None,
            pins: None,
            fault_ring_full: 0,
        };
        let kernel = kernel(&[]);
        assert_eq!(kernel.wants(source::by_id(SourceId::Selinux), &options), Ok(()));
        assert_eq!(kernel.wants(source::by_id(SourceId::Apparmor), &options), Err(State::Inactive));
        let state = kernel.wants(source::by_id(SourceId::Seccomp), &options);
        assert!(matches!(state, Err(State::NotSelected { .. })), "{state:?}");
    }

    #[test]
    fn all_that_an_attachment_needs_must_be_there() {
        let mut kernel = kernel(&["one"]);
        kernel.layout.task_cred = ABSENT;
        let (hook, reason) = why(&kernel, &TWO);
        assert_eq!(
            (hook.as_str(), reason.as_str()),
            ("fentry/one", "this kernel's BTF lacks struct task_struct.cred")
        );
        assert_eq!(kernel.missing(&TWO), ["struct task_struct.cred"]);
        kernel.layout.task_cred = 0;
        assert_eq!(why(&kernel, &TWO).1, "this kernel's /proc/kallsyms doesn't tell selinux_state");
        kernel.settings.selinux_state = 1;
        let (hook, reason) = why(&kernel, &TWO);
        assert_eq!((hook.as_str(), reason.as_str()), ("fexit/two", "this kernel has no such function"));
        kernel.targets = Only(&["one", "two"]);
        assert_eq!(kernel.programs(&TWO).unwrap(), TWO.programs);
    }

    #[test]
    fn what_a_kernel_says_in_another_way_is_not_missing() {
        let is_entry = |name: &&str| ENTRIES.iter().any(|entry| entry.name == *name);
        assert!(EITHER.as_flattened().iter().chain(&OF_OTHER_MACHINES).all(is_entry), "{EITHER:?}");
        let mut kernel = kernel(&[]);
        kernel.layout.mnt_namespace_is_anonymous = ABSENT;
        assert_eq!(kernel.missing(&TWO), [""; 0]);
        kernel.layout.mnt_namespace_sequence = ABSENT;
        assert_eq!(kernel.missing(&TWO), ["struct mnt_namespace.seq", "struct mnt_namespace.is_anon"]);
    }

    #[test]
    fn slots_take_the_hooks_that_there_are() {
        const SLOTS: Attachment = Attachment {
            programs: &[
                Program { name: "slot_0", hook: Hook::LsmSlot(0) },
                Program { name: "slot_1", hook: Hook::LsmSlot(1) },
            ],
            needs: &[],
            reads: &[],
            caveat: None,
        };
        const SESSION: Attachment =
            Attachment { programs: &[Program { name: "session_0", hook: Hook::LsmSession(0) }], ..SLOTS };
        let mut kernel = kernel(&["bpf_lsm_file_open"]);
        assert_eq!(why(&kernel, &SLOTS).1, "no hook has a BPF LSM program");
        kernel.hooks = vec!["bpf_lsm_file_open"];
        let placed = Program { name: "slot_0", hook: Hook::Fexit("bpf_lsm_file_open") };
        assert_eq!(kernel.programs(&SLOTS).unwrap(), [placed]);
        assert_eq!(why(&kernel, &SESSION).0, "kprobe.session/bpf_lsm_file_open");
    }

    #[test]
    fn a_kprobe_is_tried_where_the_types_do_not_say() {
        const KPROBE: Attachment = Attachment {
            programs: &[Program { name: "probe", hook: Hook::Kprobe("hidden") }],
            needs: &[],
            reads: &[],
            caveat: None,
        };
        assert_eq!(kernel(&[]).programs(&KPROBE).unwrap(), KPROBE.programs);
    }
}
