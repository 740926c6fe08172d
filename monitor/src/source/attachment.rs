//! Attachments: where a source can be attached, the best place first.

/// The kernel function or tracepoint that a program is attached to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hook {
    /// A function's entry, by trampoline.
    Fentry(&'static str),
    /// A function's exit, by trampoline.
    Fexit(&'static str),
    /// A tracepoint.
    Tracepoint(&'static str),
    /// A function's entry, without being preempted.
    Multi(&'static str),
    /// A function's entry and exit, without being preempted.
    Session(&'static str),
    /// A function's entry, by breakpoint.
    Kprobe(&'static str),
    /// A function's exit, by breakpoint.
    Kretprobe(&'static str),
    /// The exit, by trampoline, of the LSM hook that has this place among those with BPF LSM programs, if there are so
    /// many. Programs on such hooks are attached each for itself.
    LsmSlot(usize),
    /// As [`Self::LsmSlot`], the entry and exit, without being preempted.
    LsmSession(usize),
}

impl std::fmt::Display for Hook {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Fentry(name) => write!(f, "fentry/{name}"),
            Self::Fexit(name) => write!(f, "fexit/{name}"),
            Self::Tracepoint(name) => write!(f, "tp_btf/{name}"),
            Self::Multi(name) => write!(f, "kprobe.multi/{name}"),
            Self::Session(name) => write!(f, "kprobe.session/{name}"),
            Self::Kprobe(name) => write!(f, "kprobe/{name}"),
            Self::Kretprobe(name) => write!(f, "kretprobe/{name}"),
            Self::LsmSlot(_) => f.write_str("fexit/bpf_lsm_*"),
            Self::LsmSession(_) => f.write_str("kprobe.session/bpf_lsm_*"),
        }
    }
}

/// One eBPF program and its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Program {
    /// The program's name in the object.
    pub name: &'static str,
    /// Where it is attached.
    pub hook: Hook,
}

/// One way to attach a source: all of its programs, or none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attachment {
    /// What is attached.
    pub programs: &'static [Program],
    /// The entries of [`monitor_common::layout::Layout`], and of [`monitor_common::layout::Settings`], without which the
    /// programs can't tell what was refused.
    pub needs: &'static [&'static str],
    /// What the names of the layout's other entries start with that the programs read, beside those that all do.
    pub reads: &'static [&'static str],
    /// What this way can't see, compared with a better one.
    pub caveat: Option<&'static str>,
}

impl Attachment {
    /// Whether its programs read this entry of the layout, and not every source's do.
    #[must_use]
    pub fn reads(&self, entry: &str) -> bool {
        self.reads.iter().any(|prefix| entry.starts_with(prefix))
    }
}
