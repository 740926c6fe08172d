//! The programs in the kernel: loaded, attached, and detached when they are dropped.

use std::{
    io,
    os::fd::{AsFd as _, OwnedFd},
};

use aya::{
    Btf, Ebpf, EbpfLoader,
    pin::PinError,
    programs::{
        BtfTracePoint, FEntry, FExit, KProbe,
        fentry::FEntryLink,
        fexit::FExitLink,
        kprobe::KProbeLink,
        links::{FdLink, LinkError, PinnedLink},
        tp_btf::BtfTracePointLink,
    },
};
use monitor_common::{
    BPF_LSM_SLOTS, BUFFERS, HookCall, SourceId,
    layout::{Layout, Settings},
};
use zerocopy::IntoBytes as _;

use super::{
    KernelError, ProgramStats,
    failure::{self, AttachError},
    pins::{Pins, Set},
    probes::{self, Probes, When},
    program_log::{self, ProgramLog, UnreadLog},
    report::Failed,
};
use crate::source::{Hook, Program};

/// How large the maps are.
#[derive(Clone, Copy)]
pub(super) struct Sizes {
    /// Bytes of the ring buffer.
    pub ring: u32,
    /// Slots of folded denials.
    pub slots: u32,
    /// CPUs that this machine may have.
    pub cpus: usize,
}

/// Creates the maps. No program is loaded yet.
pub(super) fn load(
    object: &[u8],
    layout: &Layout,
    settings: &Settings,
    hooks: &[HookCall],
    sizes: Sizes,
) -> Result<Ebpf, KernelError> {
    let mut calls = [HookCall::default(); BPF_LSM_SLOTS];
    for (call, hook) in calls.iter_mut().zip(hooks) {
        *call = *hook;
    }
    let log_level = program_log::level();
    let cpus = u32::try_from(sizes.cpus).unwrap_or(u32::MAX);
    EbpfLoader::new()
        .btf(None)
        .override_global("LAYOUT", layout.as_bytes(), true)
        .override_global("SETTINGS", settings.as_bytes(), true)
        .override_global("HOOKS", calls.as_bytes(), true)
        .override_global(aya_log::LEVEL, &log_level, true)
        .map_max_entries(program_log::MAP, program_log::ring_size(log_level))
        .map_max_entries("EVENTS", sizes.ring)
        .map_max_entries("FOLDS", sizes.slots)
        .map_max_entries("RECORDS", cpus.saturating_mul(BUFFERS))
        .map_max_entries("COUNTERS", cpus)
        .load(object)
        .map_err(KernelError::Object)
}

/// A program that is attached as long as this is there, or as long as it is pinned.
pub(super) struct AttachedProgram {
    pub source: SourceId,
    pub program: Program,
    /// The program itself.
    own: OwnedFd,
    link: Link,
}

/// What keeps a program attached.
enum Link {
    Fentry(FEntryLink),
    Fexit(FExitLink),
    Tracepoint(BtfTracePointLink),
    Kprobe(KProbeLink),
    Probe(OwnedFd),
    Pinned {
        _link: PinnedLink,
    },
    /// It was pinned.
    Gone,
}

/// Why a program can't be pinned.
#[derive(Debug, thiserror::Error)]
pub(super) enum ProgramPinError {
    /// What keeps it attached is no link.
    #[error("this kernel can't pin kprobes: use Linux 5.15 or newer")]
    NoLink(#[source] LinkError),
    /// The link can't be pinned.
    #[error("cannot pin a link: {0}")]
    Link(#[source] PinError),
    /// Something else can't.
    #[error("cannot pin: {0}")]
    Other(#[from] io::Error),
}

impl AttachedProgram {
    /// A program that was pinned while it was attached.
    pub(super) fn pinned(source: SourceId, program: Program, set: &Set) -> io::Result<Self> {
        let own = set.get(&name_of_program(source, &program))?;
        let link = set.get(&name_of_link(source, &program))?;
        Ok(Self { source, program, own, link: Link::Probe(link) })
    }

    /// Pins it, so that it stays attached when this process ends.
    fn pin(&mut self, set: &Set) -> Result<(), ProgramPinError> {
        set.pin(&name_of_program(self.source, &self.program), &self.own)?;
        let name = name_of_link(self.source, &self.program);
        let link = match std::mem::replace(&mut self.link, Link::Gone) {
            Link::Fentry(link) => FdLink::from(link),
            Link::Fexit(link) => FdLink::from(link),
            Link::Tracepoint(link) => FdLink::from(link),
            Link::Kprobe(link) => FdLink::try_from(link).map_err(ProgramPinError::NoLink)?,
            Link::Probe(link) => {
                set.pin(&name, &link)?;
                self.link = Link::Probe(link);
                return Ok(());
            }
            other @ (Link::Pinned { .. } | Link::Gone) => {
                self.link = other;
                return Ok(());
            }
        };
        let link = link.pin(set.path(&name)).map_err(ProgramPinError::Link)?;
        self.link = Link::Pinned { _link: link };
        Ok(())
    }
}

/// The name of a program's pin.
fn name_of_program(source: SourceId, program: &Program) -> String {
    format!("program-{}-{}", source as u8, program.name)
}

/// The name of the pin of what keeps a program attached.
pub(super) fn name_of_link(source: SourceId, program: &Program) -> String {
    format!("link-{}-{}", source as u8, program.name)
}

/// Whether the pin of this name keeps a program of the source.
pub(super) fn is_pin_of(source: SourceId, name: &str) -> bool {
    ["program", "link"].iter().any(|kind| name.starts_with(&format!("{kind}-{}-", source as u8)))
}

/// Attaches a source's programs, or none of them: those that were attached before one fails are unloaded. Programs on
/// hooks that have BPF LSM programs (`each_for_itself`) have nothing to do with each other: as many are attached as can
/// be, and the others are given with the reasons.
///
/// `detach_others` is called when all are loaded and the first is about to be attached.
pub(super) fn attach(
    ebpf: &mut Ebpf,
    object: &[u8],
    btf: &Btf,
    (source, programs): (SourceId, &[Program]),
    each_for_itself: bool,
    detach_others: impl FnOnce(),
) -> Result<(Vec<AttachedProgram>, Vec<Failed>), (Hook, AttachError)> {
    let mut failed = Vec::new();
    let mut last = None;
    let mut loaded = Vec::new();
    let mut attached: Vec<AttachedProgram> = Vec::new();
    let mut note = |program: &Program, error: AttachError| {
        failed.push(Failed { hook: program.hook.to_string(), reason: error.to_string() });
        last = Some((program.hook, error));
    };
    let undo = |ebpf: &mut Ebpf, names: &mut dyn Iterator<Item = &'static str>| {
        names.for_each(|name| unload(ebpf, name));
    };
    // Read once for all of them.
    let mut probes = None;
    for program in programs {
        let own = match probe_of(program.hook) {
            Some((when, _)) => load_probe(ebpf, object, programs, &mut probes, program.name, when),
            None => load_with_aya(ebpf, btf, program),
        };
        match own {
            Ok(own) => loaded.push((*program, own)),
            Err(error) if each_for_itself => note(program, error),
            Err(error) => {
                undo(ebpf, &mut loaded.drain(..).map(|(program, _own)| program.name));
                return Err((program.hook, error));
            }
        }
    }
    if !loaded.is_empty() {
        detach_others();
    }
    let names: Vec<_> = loaded.iter().map(|(program, _own)| program.name).collect();
    for (program, own) in loaded {
        match attach_program(ebpf, &program, &own) {
            Ok(link) => {
                log_verified(ebpf, &program);
                attached.push(AttachedProgram { source, program, own, link });
            }
            Err(error) if each_for_itself => {
                unload(ebpf, program.name);
                note(&program, error);
            }
            Err(error) => {
                attached.clear();
                undo(ebpf, &mut names.into_iter());
                return Err((program.hook, error));
            }
        }
    }
    match last {
        Some(last) if attached.is_empty() => Err(last),
        _ => Ok((attached, failed)),
    }
}

/// When a program runs that is a probe, and at which function.
fn probe_of(hook: Hook) -> Option<(When, &'static str)> {
    match hook {
        Hook::Multi(function) => Some((When::Entry, function)),
        Hook::Session(function) => Some((When::Session, function)),
        _ => None,
    }
}

fn load_probe(
    ebpf: &Ebpf,
    object: &[u8],
    programs: &[Program],
    probes: &mut Option<Probes>,
    name: &str,
    when: When,
) -> Result<OwnedFd, AttachError> {
    let probes = match probes {
        Some(probes) => probes,
        none => none.insert(Probes::read(object, ebpf, |known| programs.iter().any(|it| it.name == known))?),
    };
    probes.load(name, when)
}

fn load_with_aya(ebpf: &mut Ebpf, btf: &Btf, program: &Program) -> Result<OwnedFd, AttachError> {
    let found = ebpf.program_mut(program.name).ok_or(AttachError::NoProgram)?;
    let loaded = match program.hook {
        Hook::Fentry(target) => {
            TryInto::<&mut FEntry>::try_into(&mut *found).and_then(|found| found.load(target, btf))
        }
        Hook::Fexit(target) => {
            TryInto::<&mut FExit>::try_into(&mut *found).and_then(|found| found.load(target, btf))
        }
        Hook::Tracepoint(target) => {
            TryInto::<&mut BtfTracePoint>::try_into(&mut *found).and_then(|found| found.load(target, btf))
        }
        Hook::Kprobe(_) | Hook::Kretprobe(_) => {
            TryInto::<&mut KProbe>::try_into(&mut *found).and_then(KProbe::load)
        }
        // The plan gave the slot a function; probes have another way.
        Hook::LsmSlot(_) | Hook::LsmSession(_) | Hook::Multi(_) | Hook::Session(_) => {
            return Err(AttachError::NoLsmProgram);
        }
    };
    loaded.map_err(AttachError::Load)?;
    let own = found.fd().map_err(AttachError::Load)?.as_fd().try_clone_to_owned();
    own.map_err(|error| AttachError::Load(error.into()))
}

/// Attaches a program that is loaded.
fn attach_program(ebpf: &mut Ebpf, program: &Program, own: &OwnedFd) -> Result<Link, AttachError> {
    if let Some((when, function)) = probe_of(program.hook) {
        return probes::attach(own.as_fd(), when, function).map(Link::Probe);
    }
    let found = ebpf.program_mut(program.name).ok_or(AttachError::NoProgram)?;
    let link = match program.hook {
        Hook::Fentry(_) => {
            let found: &mut FEntry = found.try_into().map_err(AttachError::Load)?;
            found.attach().and_then(|id| found.take_link(id)).map(Link::Fentry)
        }
        Hook::Fexit(_) => {
            let found: &mut FExit = found.try_into().map_err(AttachError::Load)?;
            found.attach().and_then(|id| found.take_link(id)).map(Link::Fexit)
        }
        Hook::Tracepoint(_) => {
            let found: &mut BtfTracePoint = found.try_into().map_err(AttachError::Load)?;
            found.attach().and_then(|id| found.take_link(id)).map(Link::Tracepoint)
        }
        Hook::LsmSlot(_) | Hook::LsmSession(_) | Hook::Multi(_) | Hook::Session(_) => {
            return Err(AttachError::NoLsmProgram);
        }
        Hook::Kprobe(target) | Hook::Kretprobe(target) => {
            let found: &mut KProbe = found.try_into().map_err(AttachError::Load)?;
            let link = found.attach(target, 0).and_then(|id| found.take_link(id));
            return link.map(Link::Kprobe).map_err(|error| failure::of_kprobe(AttachError::Attach(error)));
        }
    };
    link.map_err(AttachError::Attach)
}

fn unload(ebpf: &mut Ebpf, name: &str) {
    use aya::programs::Program;
    let result = match ebpf.program_mut(name) {
        Some(Program::FEntry(program)) => program.unload(),
        Some(Program::FExit(program)) => program.unload(),
        Some(Program::BtfTracePoint(program)) => program.unload(),
        Some(Program::KProbe(program)) => program.unload(),
        _ => Ok(()),
    };
    if let Err(error) = result {
        tracing::warn!(name, %error, "cannot unload a program");
    }
}

/// Notes what the verifier had to do, which is most of the time that starting takes.
fn log_verified(ebpf: &Ebpf, program: &Program) {
    let info = ebpf.program(program.name).and_then(|program| program.info().ok());
    let verified = info.and_then(|info| info.verified_instruction_count());
    tracing::debug!(program = program.name, hook = %program.hook, verified, "attached");
}

/// The attached programs.
pub struct Programs {
    /// Dropped first, so that no program runs when the rest is.
    attached: Vec<AttachedProgram>,
    /// What they log, until a thread passes it on.
    unread_log: Option<UnreadLog>,
    /// Dropped last: it passes on what they logged.
    log: Option<ProgramLog>,
    /// Where they are pinned, if they are.
    pins: Option<Pins>,
}

impl Programs {
    pub(super) fn new(attached: Vec<AttachedProgram>) -> Self {
        Self { attached, unread_log: None, log: None, pins: None }
    }

    /// Programs that another process has attached and pinned.
    pub(super) fn taken_over(attached: Vec<AttachedProgram>, pins: Option<Pins>) -> Self {
        Self { attached, unread_log: None, log: None, pins }
    }

    /// Takes what they log, if they log anything, out of what they were loaded from. The rest is of no more use: it has the
    /// instructions of all programs, attached or not.
    pub(super) fn loaded_from(&mut self, mut ebpf: Ebpf) {
        if program_log::level() == 0 {
            return;
        }
        match UnreadLog::of(&mut ebpf) {
            Ok(log) => self.unread_log = Some(log),
            Err(error) => tracing::warn!(%error, "eBPF log messages will be lost"),
        }
    }

    /// Pins them, so that they stay attached when this process ends.
    pub(super) fn pin(&mut self, set: &Set) -> Result<(), ProgramPinError> {
        self.attached.iter_mut().try_for_each(|attached| attached.pin(set))
    }

    /// Says that they are pinned here.
    pub(super) fn pinned_in(&mut self, pins: Pins) {
        self.pins = Some(pins);
    }

    /// Whether they stay attached when this process ends.
    #[must_use]
    pub fn are_pinned(&self) -> bool {
        self.pins.is_some()
    }

    /// Passes on what they log, if they log anything.
    pub(super) fn start_log(&mut self) {
        let Some(log) = self.unread_log.take() else { return };
        match ProgramLog::start(log) {
            Ok(log) => self.log = Some(log),
            Err(error) => tracing::warn!(%error, "eBPF log messages will be lost"),
        }
    }

    /// How many are attached.
    #[must_use]
    pub fn len(&self) -> usize {
        self.attached.len()
    }

    /// Whether none is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.attached.is_empty()
    }

    /// What reads the kernel's counts of the programs, also after the privileges are gone.
    #[must_use]
    pub fn stats(&self) -> ProgramStats {
        ProgramStats::new(self.attached.iter().filter_map(|attached| {
            let fd = attached.own.try_clone().ok()?;
            Some((attached.source, attached.program.name, fd))
        }))
    }

    /// How often the kernel skipped a source's programs because they were already running on that CPU
    /// (`bpf_prog_enter`, kernel/bpf/trampoline.c): denials that were neither counted nor reported.
    ///
    /// 0 where the kernel doesn't say (before 5.12).
    #[must_use]
    pub fn recursion_misses(&self, source: SourceId) -> u64 {
        self.stats().recursion_misses(source)
    }
}
