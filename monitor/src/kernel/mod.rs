//! The kernel side: load and attach the programs, and read what they write.
//!
//! [`attach`] does it all once at start: it resolves the layout from BTF ([`types`]), asks the kernel what else is needed
//! (`facts`), and then tries each source's attachments, the best first: those of which `plan` says that they can work are
//! attached (`session`). One source that can't be attached never stops the others.

mod classes;
mod counters;
mod facts;
mod failure;
mod foreseen;
mod lockdown;
mod losses;
mod lsm_hooks;
mod memory;
mod modules;
mod object;
mod own_reads;
pub mod pins;
mod plan;
mod probes;
mod program_log;
mod program_stats;
mod report;
mod restart;
mod ring;
mod session;
mod slots;
mod symbols;
mod type_names;
pub mod types;

use std::{
    io,
    os::fd::AsFd as _,
    path::{Path, PathBuf},
};

use aya::{Btf, Ebpf, EbpfError, maps::Map};
use monitor_common::SourceId;
use zerocopy::IntoBytes as _;

pub use self::{
    counters::Counters,
    facts::Facts,
    foreseen::foreseen,
    losses::Losses,
    modules::{ModulesError, active as active_modules},
    program_stats::{ProgramCounts, ProgramStats, measured as measures_programs},
    report::{Failed, Report, SourceReport, State},
    ring::{RingError, RingReader},
    session::Programs,
    slots::SharedSlots,
    types::{KernelTypes, TypesError},
};
use self::{
    failure::AttachError,
    pins::Pins,
    plan::{Kernel, Present},
    restart::{Others, TakenOver},
    session::AttachedProgram,
};
use crate::{
    fold::FoldOptions,
    heap,
    ledger::{Ledger, Left, Marks},
    privilege::{self, PrivilegeError, Privileged, Unprivileged},
    source::{self, Hook, Source},
};

/// What to attach.
#[derive(Clone, Debug)]
pub struct Options {
    /// The sources that are wanted.
    pub sources: Vec<SourceId>,
    /// Whether denials that the policy keeps out of the log are wanted.
    pub silent: bool,
    /// Whether the stacks of the running task are wanted.
    pub stack: bool,
    /// Bytes of the ring buffer: a power of two, and a multiple of the page size.
    pub ring_size: u32,
    /// How denials are folded, if they are.
    pub fold: Option<FoldOptions>,
    /// Where programs and maps are pinned, so that they outlive this process; `None`: they don't.
    pub pins: Option<PathBuf>,
    /// One in how many records is lost, on request; 0: none.
    pub fault_ring_full: u32,
}

/// The programs, attached; they are detached when this is dropped. `P` says what privileges the process has: only
/// [`Attached<Unprivileged>`] gives what the programs write, so that nothing of it is read with a privilege.
///
/// ```compile_fail,E0599
/// # use monitor::{kernel::{Attached, Parts}, privilege::Privileged};
/// fn read_as_root(attached: Attached<Privileged>) -> Parts {
///     attached.into_parts()
/// }
/// ```
///
/// ```compile_fail,E0616
/// # use monitor::{kernel::{Attached, RingReader}, privilege::Privileged};
/// fn read_as_root(attached: Attached<Privileged>) -> RingReader {
///     attached.parts.reader
/// }
/// ```
///
/// ```
/// # use monitor::{kernel::{Attached, Parts}, privilege::Unprivileged};
/// fn read(attached: Attached<Unprivileged>) -> Parts {
///     attached.into_parts()
/// }
/// ```
pub struct Attached<P> {
    parts: Parts,
    privileges: P,
}

/// What there is once the programs are attached.
pub struct Parts {
    /// What they write.
    pub reader: RingReader,
    /// What they count.
    pub counters: Counters,
    /// What they count by subject.
    pub losses: Losses,
    /// Where they count repeats, if they fold.
    pub slots: Option<SharedSlots>,
    /// What decoding needs to know of this kernel.
    pub facts: Facts,
    /// What was attached, and what not.
    pub report: Report,
    /// The programs themselves.
    pub programs: Programs,
    /// What goes on from where another process stood, if programs are pinned.
    pub(crate) restart: Option<Restart>,
}

/// The ledger, and what another process has left in it.
pub(crate) struct Restart {
    pub ledger: Ledger,
    pub left: Left,
}

impl<P> Attached<P> {
    /// What was attached, and what not.
    #[must_use]
    pub fn report(&self) -> &Report {
        &self.parts.report
    }

    /// How many programs there are.
    #[must_use]
    pub fn programs(&self) -> usize {
        self.parts.programs.len()
    }

    /// Whether they stay attached when this process ends.
    #[must_use]
    pub fn is_pinned(&self) -> bool {
        self.parts.programs.are_pinned()
    }

    /// Where outputs mark what they have written, if that is kept.
    #[must_use]
    pub(crate) fn marks(&self) -> Option<Marks> {
        self.parts.restart.as_ref().map(|restart| restart.ledger.marks())
    }

    /// What the programs cost.
    #[must_use]
    pub fn program_stats(&self) -> ProgramStats {
        self.parts.programs.stats()
    }
}

impl Attached<Privileged> {
    /// Gives up every privilege, for good. No other thread may run yet.
    ///
    /// # Errors
    ///
    /// If that fails, or did not work.
    pub fn give_up_privileges(self) -> Result<Attached<Unprivileged>, PrivilegeError> {
        let Self { mut parts, privileges } = self;
        let privileges = privilege::give_up(privileges)?;
        parts.programs.start_log();
        Ok(Attached { parts, privileges })
    }
}

impl Attached<Unprivileged> {
    /// What there is to read, and all the rest.
    #[must_use]
    pub fn into_parts(self) -> Parts {
        self.parts
    }

    /// What the kernel says of this process's privileges.
    #[must_use]
    pub fn privileges(&self) -> &Unprivileged {
        &self.privileges
    }
}

/// Nothing could be attached.
#[derive(Debug, thiserror::Error)]
pub enum KernelError {
    /// denyd lacks the privilege.
    #[error(
        "may not load eBPF programs: run as root, or with the capabilities CAP_BPF, CAP_PERFMON and CAP_SYSLOG (before \
         Linux 5.11 also CAP_SYS_RESOURCE)"
    )]
    NotPrivileged,
    /// The kernel's types are unknown.
    #[error(transparent)]
    Types(#[from] TypesError),
    /// The active modules are unknown.
    #[error(transparent)]
    Modules(#[from] ModulesError),
    /// The object could not be loaded.
    #[error("cannot load the eBPF object: {0}")]
    Object(#[source] EbpfError),
    /// The kernel's BTF can't be used by the loader.
    #[error("cannot use the kernel's BTF: {0}")]
    Btf(#[from] aya::BtfError),
    /// The ring buffer could not be opened.
    #[error(transparent)]
    Ring(#[from] RingError),
    /// The counters could not be mapped.
    #[error("cannot map the counters: {0}")]
    Counters(#[source] io::Error),
    /// The slots of folded denials could not be mapped.
    #[error("cannot map the slots of folded denials: {0}")]
    Slots(#[source] io::Error),
    /// The kernel gave no random number.
    #[error("cannot get a random number: {0}")]
    Random(#[source] io::Error),
    /// The object lacks a map: not the one that this denyd was built with.
    #[error("the eBPF object has no map `{0}`")]
    NoMap(&'static str),
    /// No source could be attached.
    #[error("no source could be attached: {}", .0.summary())]
    NothingAttached(Box<Report>),
}

impl Report {
    /// Why there is nothing to watch, in one line.
    fn summary(&self) -> String {
        let mut causes = Vec::new();
        for source in &self.sources {
            match &source.state {
                State::Attached { .. } => {}
                State::Inactive => causes.push(format!("{} is not active", source.name)),
                State::NotSelected { .. } => causes.push(format!("{} was not asked for", source.name)),
                State::Failed { .. } => {
                    let why = source.failed.last().map_or("", |failed| &failed.reason);
                    causes.push(format!("{}: {why}", source.name));
                }
            }
        }
        causes.join("; ") + ": `denyd check` says more, `--source all` asks for every source"
    }
}

/// Loads the programs and attaches the sources. Must be called within a tokio runtime.
///
/// # Errors
///
/// If nothing at all can be watched; a source that can't be attached is only reported.
pub fn attach(options: &Options) -> Result<Attached<Privileged>, KernelError> {
    let attached = load_and_attach(options);
    heap::give_back();
    heap::keep_large_pieces();
    attached
}

fn load_and_attach(options: &Options) -> Result<Attached<Privileged>, KernelError> {
    if !privileged() {
        return Err(KernelError::NotPrivileged);
    }
    raise_memlock_limit();
    heap::use_small_pages();
    heap::map_large_pieces();
    let types = KernelTypes::of_this_kernel()?;
    let modules = modules::active()?;
    let layout = types.layout();
    let cpus = aya::util::nr_cpus().map_err(|(_path, error)| KernelError::Counters(error))?;

    let mut notes = Vec::new();
    let (mut settings, mut facts) = facts::read(&types, &layout, &modules, &mut notes);
    settings.own_reads = own_reads::are_allowed(types.function_id("bpf_rdonly_cast")).into();
    settings.silent = options.silent.into();
    settings.fault_ring_full = options.fault_ring_full.into();
    if options.stack && !types.has_function("bpf_get_current_task_btf") {
        notes.push("this kernel can't give stacks to programs: use Linux 5.11 or newer".to_owned());
    } else {
        settings.stack = options.stack.into();
    }
    let fold = options.fold.filter(|_| types.has_function("bpf_loop"));
    if let Some(fold) = fold {
        settings.fold_secret = secret().map_err(KernelError::Random)?;
        settings.fold_by_process = fold.by_process.into();
        settings.fold_slots_mask = fold.slots - 1;
    } else if options.fold.is_some() {
        notes.push("this kernel's programs can't fold denials: use Linux 5.17 or newer".to_owned());
    }
    let hooks = if options.sources.contains(&SourceId::BpfLsm) && modules.iter().any(|name| name == "bpf") {
        lsm_hooks::find(&types, &mut notes)
    } else {
        Vec::new()
    };
    let mut object = if types.has_function("bpf_loop") { object::with_loops() } else { object::bounded() };
    object::resolve_calls(&mut object, |name| types.function_id(name));
    let calls: Vec<_> = hooks.iter().map(|hook| hook.call).collect();
    let sizes = session::Sizes { ring: options.ring_size, slots: fold.map_or(1, |fold| fold.slots), cpus };
    let pins = options.pins.as_deref().and_then(|folder| open_pins(folder, &mut notes));
    let identity = restart::identity(object.as_bytes(), &layout, &settings, &calls, sizes, options, &modules);
    let functions: Vec<_> = hooks.iter().map(|hook| hook.function).collect();
    // The types are large, and so is what the loader makes of them: not both at once.
    let targets = Present::of(&types, &functions);
    drop(types);
    let kernel = Kernel { targets, layout, settings, modules, hooks: functions };
    facts.bpf_lsm = hooks.into_iter().map(|hook| hook.watched).collect();
    let release = rustix::system::uname().release().to_string_lossy().into_owned();
    let mut report = Report { kernel: release, modules: kernel.modules.clone(), sources: Vec::new(), notes };
    if let Some(set) = pins.as_ref().and_then(|pins| pins.find(&identity)) {
        match restart::take_over(&set, &kernel, options, sizes, fold.is_some()) {
            Ok(TakenOver { reader, counters, losses, slots, ledger: (ledger, left), sources, attached }) => {
                report.sources = sources;
                let programs = Programs::taken_over(attached, pins);
                let restart = Some(Restart { ledger, left });
                let parts = Parts { reader, counters, losses, slots, facts, report, programs, restart };
                return Ok(Attached { parts, privileges: Privileged::unexamined() });
            }
            Err(error) => tracing::warn!(%error, "cannot take over the programs of an earlier denyd"),
        }
    }

    let mut ebpf = session::load(object.as_bytes(), &kernel.layout, &kernel.settings, &calls, sizes)?;
    let btf = Btf::from_sys_fs()?;
    let others = pins.as_ref().map(Others::of);
    let mut attached = Vec::new();
    for source in &source::ALL {
        let session =
            Session { ebpf: &mut ebpf, object: object.as_bytes(), btf: &btf, others: others.as_ref() };
        let (state, programs) = session.attach(&kernel, source, options);
        report.sources.push(state);
        attached.extend(programs);
    }
    if attached.is_empty() {
        return Err(KernelError::NothingAttached(Box::new(report)));
    }

    let mut programs = Programs::new(attached);
    let restart = pins.and_then(|pins| {
        let before = others.and_then(|others| others.remove(cpus));
        match restart::pin(&pins, &identity, &ebpf, &mut programs, before) {
            Ok((ledger, left)) => {
                programs.pinned_in(pins);
                Some(Restart { ledger, left })
            }
            Err(error) => {
                unpinned(&error, &mut report.notes);
                None
            }
        }
    });
    let reader = RingReader::new(ebpf.take_map("EVENTS").ok_or(KernelError::NoMap("EVENTS"))?)?;
    let counters = match ebpf.map("COUNTERS") {
        Some(Map::Array(map)) => {
            let counters = Counters::map(map.fd().as_fd(), cpus).map_err(KernelError::Counters)?;
            match &restart {
                Some(restart) => counters.after(&restart.ledger.counts_before()),
                None => counters,
            }
        }
        _ => return Err(KernelError::NoMap("COUNTERS")),
    };
    let losses = match ebpf.map("LOST") {
        Some(Map::Array(map)) => Losses::map(map.fd().as_fd()).map_err(KernelError::Counters)?,
        _ => return Err(KernelError::NoMap("LOST")),
    };
    let slots = match (fold, ebpf.map("FOLDS")) {
        (None, _) => None,
        (Some(fold), Some(Map::Array(map))) => {
            Some(SharedSlots::map(map.fd().as_fd(), fold.slots).map_err(KernelError::Slots)?)
        }
        (Some(_), _) => return Err(KernelError::NoMap("FOLDS")),
    };
    programs.loaded_from(ebpf);
    let parts = Parts { reader, counters, losses, slots, facts, report, programs, restart };
    Ok(Attached { parts, privileges: Privileged::unexamined() })
}

/// Opens denyd's folder of pins; what keeps it from that is noted.
fn open_pins(folder: &Path, notes: &mut Vec<String>) -> Option<Pins> {
    // What the programs log is read by who has loaded them.
    if program_log::level() != 0 {
        return None;
    }
    match Pins::open(folder) {
        Ok(pins) => Some(pins),
        Err(error) => {
            unpinned(&error, notes);
            None
        }
    }
}

/// Notes, and says, why programs end with this process.
fn unpinned(why: &dyn std::fmt::Display, notes: &mut Vec<String>) {
    let note = format!("what is refused while denyd does not run will not be reported: {why}");
    tracing::warn!("{note}");
    notes.push(note);
}

/// What a source's programs are attached with.
struct Session<'a> {
    ebpf: &'a mut Ebpf,
    object: &'a [u8],
    btf: &'a Btf,
    /// Programs of other denyds, which are detached.
    others: Option<&'a Others>,
}

impl Session<'_> {
    /// Attaches one source by the first of its attachments that works.
    fn attach(
        self,
        kernel: &Kernel<Present>,
        source: &Source,
        options: &Options,
    ) -> (SourceReport, Vec<AttachedProgram>) {
        let Self { ebpf, object, btf, others } = self;
        let report =
            |state| SourceReport { name: source.name, state, failed: Vec::new(), missing: Vec::new() };
        if let Err(state) = kernel.wants(source, options) {
            return (report(state), Vec::new());
        }
        let detach_others = || {
            if let Some(others) = others {
                others.detach(source.id);
            }
        };
        let mut advice = source.advice;
        let mut tried = Vec::new();
        for attachment in source.attachments {
            let each_for_itself =
                matches!(attachment.programs[0].hook, Hook::LsmSlot(_) | Hook::LsmSession(_));
            let attached = kernel.programs(attachment).and_then(|programs| {
                session::attach(ebpf, object, btf, (source.id, &programs), each_for_itself, detach_others)
            });
            match attached {
                Ok((programs, failed)) => {
                    tried.extend(failed);
                    let hooks = programs.iter().map(|attached| attached.program.hook.to_string()).collect();
                    let state = State::Attached { hooks, caveat: attachment.caveat };
                    let missing = kernel.missing(attachment);
                    return (SourceReport { failed: tried, missing, ..report(state) }, programs);
                }
                Err((hook, error)) => {
                    match error {
                        AttachError::Paranoid(_) => advice = failure::PARANOID_ADVICE,
                        _ if error.is_refusal() => advice = source.advice_if_refused,
                        _ => {}
                    }
                    tracing::debug!(source = source.name, %hook, %error, "attachment failed");
                    tried.push(Failed { hook: hook.to_string(), reason: error.to_string() });
                }
            }
        }
        (SourceReport { failed: tried, ..report(State::Failed { advice }) }, Vec::new())
    }
}

/// A number that nobody can guess, and that is not 0.
fn secret() -> io::Result<u64> {
    let mut bytes = [0; 8];
    rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty())?;
    Ok(u64::from_ne_bytes(bytes) | 1)
}

/// Whether this process may load programs that trace the kernel.
fn privileged() -> bool {
    use rustix::thread::CapabilitySet;
    let effective = rustix::thread::capabilities(None).map_or(CapabilitySet::empty(), |sets| sets.effective);
    effective.contains(CapabilitySet::SYS_ADMIN)
        || effective.contains(CapabilitySet::BPF | CapabilitySet::PERFMON)
}

/// Before 5.11 the kernel counts maps against this limit. Where it can't be raised, creating the maps says so.
fn raise_memlock_limit() {
    use rustix::process::{Resource, Rlimit, setrlimit};
    if let Err(error) = setrlimit(Resource::Memlock, Rlimit { current: None, maximum: None }) {
        tracing::debug!(%error, "cannot raise the limit of locked memory");
    }
}
