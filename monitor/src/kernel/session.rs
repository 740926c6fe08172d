//! The programs in the kernel: loaded, attached, and detached when they are dropped.

use std::os::fd::{AsFd as _, OwnedFd};

use aya::{
    Btf, Ebpf, EbpfLoader,
    programs::{
        BtfTracePoint, FEntry, FExit, KProbe, ProgramError, fentry::FEntryLink, fexit::FExitLink,
        kprobe::KProbeLink, tp_btf::BtfTracePointLink,
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
    probes::{Probe, Probes, When},
    program_log::{self, ProgramLog},
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
    btf: &Btf,
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
        .btf(Some(btf))
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

/// A program that is attached as long as this is there.
pub(super) struct AttachedProgram {
    pub source: SourceId,
    pub program: Program,
    /// The program itself, where aya doesn't have it.
    own: Option<OwnedFd>,
    _link: Link,
}

/// What keeps a program attached.
enum Link {
    Fentry { _link: FEntryLink },
    Fexit { _link: FExitLink },
    Tracepoint { _link: BtfTracePointLink },
    Kprobe { _link: KProbeLink },
    Probe { _link: OwnedFd },
}

/// Attaches a source's programs, or none of them: those that were attached before one fails are unloaded. Programs on
/// hooks that have BPF LSM programs (`each_for_itself`) have nothing to do with each other: as many are attached as can
/// be, and the others are given with the reasons.
pub(super) fn attach(
    ebpf: &mut Ebpf,
    object: &[u8],
    btf: &Btf,
    source: SourceId,
    programs: &[Program],
    each_for_itself: bool,
) -> Result<(Vec<AttachedProgram>, Vec<Failed>), (Hook, AttachError)> {
    let mut attached: Vec<AttachedProgram> = Vec::new();
    let mut failed = Vec::new();
    let mut last = None;
    // Read once for all of them.
    let mut probes = None;
    let mut attach_probe = |ebpf: &Ebpf, name, when, function| {
        let probes = match &mut probes {
            Some(probes) => probes,
            none => {
                none.insert(Probes::read(object, ebpf, |known| programs.iter().any(|it| it.name == known))?)
            }
        };
        let Probe { program, link } = probes.attach(name, when, function)?;
        Ok((Some(program), Link::Probe { _link: link }))
    };
    for program in programs {
        let result = match program.hook {
            Hook::Multi(function) => attach_probe(ebpf, program.name, When::Entry, function),
            Hook::Session(function) => attach_probe(ebpf, program.name, When::Session, function),
            _ => attach_program(ebpf, btf, program).map(|link| (None, link)),
        };
        match result {
            Ok((own, link)) => {
                log_verified(ebpf, program);
                attached.push(AttachedProgram { source, program: *program, own, _link: link });
            }
            Err(error) if each_for_itself => {
                failed.push(Failed { hook: program.hook.to_string(), reason: error.to_string() });
                last = Some((program.hook, error));
            }
            Err(error) => {
                for earlier in attached.drain(..) {
                    let name = earlier.program.name;
                    drop(earlier);
                    unload(ebpf, name);
                }
                return Err((program.hook, error));
            }
        }
    }
    match last {
        Some(last) if attached.is_empty() => Err(last),
        _ => Ok((attached, failed)),
    }
}

/// Loads and attaches one program; it is unloaded again if it can't be attached.
fn attach_program(ebpf: &mut Ebpf, btf: &Btf, program: &Program) -> Result<Link, AttachError> {
    let found = ebpf.program_mut(program.name).ok_or(AttachError::NoProgram)?;
    match program.hook {
        Hook::Fentry(target) => {
            let found: &mut FEntry = found.try_into().map_err(AttachError::Load)?;
            found.load(target, btf).map_err(AttachError::Load)?;
            let link = found.attach().and_then(|id| found.take_link(id));
            finish(link, || found.unload()).map(|link| Link::Fentry { _link: link })
        }
        Hook::Fexit(target) => {
            let found: &mut FExit = found.try_into().map_err(AttachError::Load)?;
            found.load(target, btf).map_err(AttachError::Load)?;
            let link = found.attach().and_then(|id| found.take_link(id));
            finish(link, || found.unload()).map(|link| Link::Fexit { _link: link })
        }
        Hook::Tracepoint(target) => {
            let found: &mut BtfTracePoint = found.try_into().map_err(AttachError::Load)?;
            found.load(target, btf).map_err(AttachError::Load)?;
            let link = found.attach().and_then(|id| found.take_link(id));
            finish(link, || found.unload()).map(|link| Link::Tracepoint { _link: link })
        }
        // The plan gave the slot a function; probes have another way.
        Hook::LsmSlot(_) | Hook::LsmSession(_) | Hook::Multi(_) | Hook::Session(_) => {
            Err(AttachError::NoLsmProgram)
        }
        Hook::Kprobe(target) | Hook::Kretprobe(target) => {
            let found: &mut KProbe = found.try_into().map_err(AttachError::Load)?;
            found.load().map_err(AttachError::Load)?;
            let link = found.attach(target, 0).and_then(|id| found.take_link(id));
            let link = finish(link, || found.unload()).map_err(failure::of_kprobe)?;
            Ok(Link::Kprobe { _link: link })
        }
    }
}

/// Unloads a program that was loaded but could not be attached.
fn finish<L>(
    attached: Result<L, ProgramError>,
    unload: impl FnOnce() -> Result<(), ProgramError>,
) -> Result<L, AttachError> {
    attached.map_err(|error| {
        if let Err(error) = unload() {
            tracing::warn!(%error, "cannot unload a program that could not be attached");
        }
        AttachError::Attach(error)
    })
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
    ebpf: Ebpf,
    /// Dropped last: it passes on what they logged.
    log: Option<ProgramLog>,
}

impl Programs {
    pub(super) fn new(ebpf: Ebpf, attached: Vec<AttachedProgram>) -> Self {
        Self { attached, ebpf, log: None }
    }

    /// Passes on what they log, if they log anything.
    pub(super) fn start_log(&mut self) {
        if program_log::level() == 0 {
            return;
        }
        match ProgramLog::start(&mut self.ebpf) {
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
            let fd = match &attached.own {
                Some(own) => own.try_clone().ok()?,
                None => {
                    self.ebpf.program(attached.program.name)?.fd().ok()?.as_fd().try_clone_to_owned().ok()?
                }
            };
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
