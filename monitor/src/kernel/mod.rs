//! The kernel side: load and attach the programs, and read what they write.
//!
//! [`attach`] does it all once at start: it resolves the layout from BTF ([`types`]), reads the kernel variables that
//! are needed (`memory`), and then tries each source's attachments, the best first. One source that can't be
//! attached never stops the others.

mod classes;
mod counters;
mod failure;
mod lockdown;
mod lsm_hooks;
mod memory;
mod modules;
mod object;
mod program_log;
mod program_stats;
mod report;
mod ring;
mod symbols;
pub mod types;

use std::{collections::HashMap, io, ops::Range, os::fd::AsFd as _};

use aya::{
    Btf, Ebpf, EbpfError, EbpfLoader,
    maps::Map,
    programs::{BtfTracePoint, FEntry, FExit, KProbe, ProgramError},
};
use monitor_common::{
    BPF_LSM_SLOTS, HookCall, SourceId,
    layout::{ABSENT, ENTRIES, Layout, Settings, Spec},
};
use zerocopy::IntoBytes as _;

pub use self::{
    counters::Counters,
    modules::{ModulesError, active as active_modules},
    program_stats::{ProgramCounts, ProgramStats, measured as measures_programs},
    report::{Failed, Report, SourceReport, State},
    ring::{RingError, RingReader},
    types::{KernelTypes, TypesError},
};
use self::{failure::AttachError, lsm_hooks::LsmHook, memory::KernelMemory, program_log::ProgramLog};
use crate::{
    privilege::{self, PrivilegeError, Privileged, Unprivileged},
    source::{
        self, Attachment, Hook, Program, Source, Tables,
        bpf_lsm::WatchedHook,
        context::EbitmapLayout,
        names::{ipe::Numbers, lockdown::Reasons, selinux::ClassMap},
    },
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
    /// What decoding needs to know of this kernel.
    pub facts: Facts,
    /// What was attached, and what not.
    pub report: Report,
    /// The programs themselves.
    pub programs: Programs,
}

impl<P> Attached<P> {
    /// What was attached, and what not.
    #[must_use]
    pub fn report(&self) -> &Report {
        &self.parts.report
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

/// What decoding needs to know of this kernel.
#[derive(Debug, Default)]
pub struct Facts {
    /// SELinux's classes and permissions, in the kernel's numbering.
    pub classes: Option<ClassMap>,
    /// How the kernel lays out SELinux's sets of categories.
    pub ebitmap: Option<EbitmapLayout>,
    /// What a locked-down kernel refuses.
    pub lockdown: Reasons,
    /// IPE's numbers.
    pub ipe: Numbers,
    /// The LSM hooks that have BPF programs, by their slots.
    pub bpf_lsm: Vec<WatchedHook>,
}

impl Facts {
    /// What decoding needs to know of this machine.
    #[must_use]
    pub fn tables(self) -> Tables {
        let Self { classes, ebitmap, lockdown, ipe, bpf_lsm } = self;
        let classes = classes.unwrap_or_default();
        Tables { classes, ebitmap, lockdown, ipe, bpf_lsm, ..Tables::of_this_machine() }
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
    if !privileged() {
        return Err(KernelError::NotPrivileged);
    }
    raise_memlock_limit();
    let types = KernelTypes::from_file(types::VMLINUX)?;
    let modules = modules::active()?;
    let layout = types.layout();
    let btf = Btf::from_sys_fs()?;
    let cpus = aya::util::nr_cpus().map_err(|(_path, error)| KernelError::Counters(error))?;

    let mut notes = Vec::new();
    let object = if types.has_function("bpf_loop") { object::with_loops() } else { object::bounded() };
    let object = object.as_bytes();
    let (mut settings, mut facts) = variables(object, &btf, &types, &layout, &modules, &mut notes)?;
    settings.silent = options.silent.into();
    if options.stack && !types.has_function("bpf_get_current_task_btf") {
        notes.push("this kernel can't give stacks to programs: use Linux 5.11 or newer".to_owned());
    } else {
        settings.stack = options.stack.into();
    }
    let hooks = if options.sources.contains(&SourceId::BpfLsm) && modules.iter().any(|name| name == "bpf") {
        lsm_hooks::find(&types, &mut notes)
    } else {
        Vec::new()
    };
    let mut ebpf = load(object, &btf, &layout, &settings, &hooks, options.ring_size, cpus)?;
    let kernel = Kernel { btf, types, layout, settings, modules, hooks };
    let mut sources = Vec::new();
    let mut attached = Vec::new();
    for source in &source::ALL {
        let (report, programs) = attach_source(&mut ebpf, &kernel, source, options);
        sources.push(report);
        attached.extend(programs.into_iter().map(|program| (source.id, program)));
    }
    facts.bpf_lsm = kernel.hooks.into_iter().map(|hook| hook.watched).collect();
    let release = rustix::system::uname().release().to_string_lossy().into_owned();
    let report = Report { kernel: release, modules: kernel.modules, sources, notes };
    if attached.is_empty() {
        return Err(KernelError::NothingAttached(Box::new(report)));
    }

    let reader = RingReader::new(ebpf.take_map("EVENTS").ok_or(KernelError::NoMap("EVENTS"))?)?;
    let counters = match ebpf.map("COUNTERS") {
        Some(Map::Array(map)) => Counters::map(map.fd().as_fd(), cpus).map_err(KernelError::Counters)?,
        _ => return Err(KernelError::NoMap("COUNTERS")),
    };
    let programs = Programs { ebpf, attached, log: None };
    let parts = Parts { reader, counters, facts, report, programs };
    Ok(Attached { parts, privileges: Privileged::unexamined() })
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

/// Creates the maps. No program is loaded yet.
fn load(
    object: &[u8],
    btf: &Btf,
    layout: &Layout,
    settings: &Settings,
    hooks: &[LsmHook],
    ring_size: u32,
    cpus: usize,
) -> Result<Ebpf, KernelError> {
    let mut calls = [HookCall::default(); BPF_LSM_SLOTS];
    for (call, hook) in calls.iter_mut().zip(hooks) {
        *call = hook.call;
    }
    let log_level = program_log::level();
    EbpfLoader::new()
        .btf(Some(btf))
        .override_global("LAYOUT", layout.as_bytes(), true)
        .override_global("SETTINGS", settings.as_bytes(), true)
        .override_global("HOOKS", calls.as_bytes(), true)
        .override_global(aya_log::LEVEL, &log_level, true)
        .map_max_entries(program_log::MAP, program_log::ring_size(log_level))
        .map_max_entries("EVENTS", ring_size)
        .map_max_entries("COUNTERS", u32::try_from(cpus).unwrap_or(u32::MAX))
        .load(object)
        .map_err(KernelError::Object)
}

/// Reads the kernel variables that the programs and the decoders need. What can't be had is noted and left out.
fn variables(
    object: &[u8],
    btf: &Btf,
    types: &KernelTypes,
    layout: &Layout,
    modules: &[String],
    notes: &mut Vec<String>,
) -> Result<(Settings, Facts), KernelError> {
    let mut settings = Settings::UNKNOWN;
    let mut facts = Facts { classes: None, ebitmap: ebitmap(layout), ..Facts::default() };
    let active = |name: &str| modules.iter().any(|module| module == name);
    let (selinux, apparmor, lockdown) = (active("selinux"), active("apparmor"), active("lockdown"));
    let names = [
        "secclass_map",
        "selinux_state",
        "selinux_blob_sizes",
        "apparmor_blob_sizes",
        "selinux_inode_permission",
        "security_vm_enough_memory_mm",
        "net_namespace_list",
        "ptrace_scope",
        "tomoyo_query_observers",
        "enforce",
        "lockdown_reasons",
        "__per_cpu_offset",
        "__preempt_count",
        "pcpu_hot",
    ];
    let symbols = symbols::find(&names).unwrap_or_else(|error| {
        notes.push(format!(
            "/proc/kallsyms: {error}: labels of processes and SELinux's names will be missing"
        ));
        HashMap::default()
    });
    let of = |symbol: &str| symbols.get(symbol).cloned().unwrap_or_default();
    settings.yama_ptrace_scope = of("ptrace_scope").start;
    settings.tomoyo_query_observers = of("tomoyo_query_observers").start;
    settings.per_cpu_offset = of("__per_cpu_offset").start;
    settings.preempt_count = preempt_count(types, &symbols);
    if active("ipe") {
        settings.ipe_enforce = of("enforce").start;
        facts.ipe = Numbers {
            operations: types.enumeration("ipe_op_type"),
            hooks: types.enumeration("ipe_hook_type"),
            matches: types.enumeration("ipe_match"),
            properties: types.enumeration("ipe_prop_type"),
        };
    }
    if lockdown {
        facts.lockdown.names = types.enumeration("lockdown_reason");
    }
    if !selinux && !apparmor && !lockdown {
        return Ok((settings, facts));
    }
    let mut ebpf = load(object, btf, layout, &settings, &[], 4096, 1)?;
    let mut memory = match KernelMemory::open(&mut ebpf) {
        Ok(memory) => memory,
        Err(error) => {
            notes.push(format!("{error}: labels of processes and SELinux's names will be missing"));
            return Ok((settings, facts));
        }
    };
    let mut blob = |symbol: &str, size: u32| -> u32 {
        let Some(range) = symbols.get(symbol).filter(|_| size != ABSENT) else { return 0 };
        memory.u32(range.start + u64::from(size)).map_or(0, |offset| offset.saturating_add(1))
    };
    if apparmor {
        settings.apparmor_cred_blob_plus_one = blob("apparmor_blob_sizes", layout.lsm_blob_sizes_cred);
    }
    if selinux {
        settings.selinux_cred_blob_plus_one = blob("selinux_blob_sizes", layout.lsm_blob_sizes_cred);
        settings.selinux_inode_blob_plus_one = blob("selinux_blob_sizes", layout.lsm_blob_sizes_inode);
        settings.selinux_task_blob_plus_one = blob("selinux_blob_sizes", layout.lsm_blob_sizes_task);
        let code = of("selinux_inode_permission");
        (settings.selinux_inode_permission, settings.selinux_inode_permission_end) = (code.start, code.end);
        let code = of("security_vm_enough_memory_mm");
        (settings.vm_enough_memory, settings.vm_enough_memory_end) = (code.start, code.end);
        settings.net_namespaces = of("net_namespace_list").start;
        settings.selinux_state = of("selinux_state").start;
        if settings.selinux_state == 0 {
            notes.push(hidden("selinux_state", "SELinux contexts"));
        }
        if let Some(range) = symbols.get("secclass_map") {
            facts.classes = classes::read(&mut memory, layout, range.start).unwrap_or_else(|error| {
                notes.push(format!("secclass_map: {error}: SELinux classes and permissions will be numbers"));
                None
            });
        } else {
            notes.push(hidden("secclass_map", "the names of SELinux classes and permissions"));
        }
        if let Some(classes) = &facts.classes {
            settings.selinux_dir = classes.number("dir").unwrap_or(0);
            settings.selinux_dir_read = classes.bit("dir", "read").unwrap_or(0);
            settings.selinux_dir_write = classes.bit("dir", "write").unwrap_or(0);
            settings.selinux_dir_search = classes.bit("dir", "search").unwrap_or(0);
            settings.selinux_audit_access = classes.bit("file", "audit_access").unwrap_or(0);
            settings.selinux_capability = classes.number("capability").unwrap_or(0);
        }
    }
    if let Some(address) = symbols.get("lockdown_reasons").filter(|_| lockdown).map(|range| range.start) {
        facts.lockdown.texts =
            lockdown::texts(&mut memory, &facts.lockdown.names, address).unwrap_or_else(|error| {
                notes.push(format!(
                    "lockdown_reasons: {error}: action.info of lockdown's events will be missing"
                ));
                Vec::new()
            });
    }
    Ok((settings, facts))
}

/// Where each CPU counts preemption and interrupts, before the CPU's offset is added; 0 if that is unknown.
fn preempt_count(types: &KernelTypes, symbols: &HashMap<&str, Range<u64>>) -> u64 {
    let at = |symbol| symbols.get(symbol).map(|range| range.start);
    let in_hot = || {
        let offset = types.resolve(Spec::Member("pcpu_hot", "preempt_count"))?;
        Some(at("pcpu_hot")? + u64::from(offset))
    };
    at("__preempt_count").or_else(in_hot).unwrap_or(0)
}

fn hidden(symbol: &str, what: &str) -> String {
    format!(
        "/proc/kallsyms doesn't show {symbol}, so {what} will be missing: use a kernel with CONFIG_KALLSYMS_ALL=y, and \
         give denyd CAP_SYSLOG"
    )
}

fn ebitmap(layout: &Layout) -> Option<EbitmapLayout> {
    let fields = [
        layout.ebitmap_node_size,
        layout.ebitmap_node_maps,
        layout.ebitmap_node_maps_count,
        layout.ebitmap_node_startbit,
    ];
    if fields.contains(&ABSENT) {
        return None;
    }
    let [node_size, maps_offset, maps_len, startbit_offset] = fields.map(|field| field as usize);
    Some(EbitmapLayout { node_size, maps_offset, maps_len, startbit_offset })
}

/// What attaching needs to know of this kernel.
struct Kernel {
    btf: Btf,
    types: KernelTypes,
    layout: Layout,
    settings: Settings,
    modules: Vec<String>,
    hooks: Vec<LsmHook>,
}

/// Attaches one source by the first of its attachments that works.
fn attach_source(
    ebpf: &mut Ebpf,
    kernel: &Kernel,
    source: &Source,
    options: &Options,
) -> (SourceReport, Vec<&'static str>) {
    let mut report =
        SourceReport { name: source.name, state: State::Inactive, failed: Vec::new(), missing: Vec::new() };
    if source.lsm.is_some_and(|lsm| !kernel.modules.iter().any(|module| module == lsm)) {
        return (report, Vec::new());
    }
    if !options.sources.contains(&source.id) {
        report.state = State::NotSelected { cost: source.cost, silent: source.silent };
        return (report, Vec::new());
    }
    let mut advice = source.advice;
    for attachment in source.attachments {
        match attach_all(ebpf, kernel, attachment) {
            Ok((programs, failed)) => {
                log_verified(ebpf, &programs);
                report.missing = missing_members(&kernel.layout, attachment);
                report.failed.extend(failed);
                report.state = State::Attached {
                    hooks: programs.iter().map(|program| program.hook.to_string()).collect(),
                    caveat: attachment.caveat,
                };
                return (report, programs.iter().map(|program| program.name).collect());
            }
            Err((hook, error)) => {
                match error {
                    AttachError::Paranoid(_) => advice = failure::PARANOID_ADVICE,
                    _ if error.is_refusal() => advice = source.advice_if_refused,
                    _ => {}
                }
                tracing::debug!(source = source.name, %hook, %error, "attachment failed");
                report.failed.push(Failed { hook: hook.to_string(), reason: error.to_string() });
            }
        }
    }
    report.state = State::Failed { advice };
    (report, Vec::new())
}

/// Notes what the verifier had to do, which is most of the time that starting takes.
fn log_verified(ebpf: &Ebpf, programs: &[Program]) {
    for program in programs {
        let info = ebpf.program(program.name).and_then(|program| program.info().ok());
        let verified = info.and_then(|info| info.verified_instruction_count());
        tracing::debug!(program = program.name, hook = %program.hook, verified, "attached");
    }
}

/// The entries of the layout that the attachment's programs read and that this kernel doesn't have.
fn missing_members(layout: &Layout, attachment: &Attachment) -> Vec<String> {
    absent(layout)
        .filter(|name| attachment.reads(name.0) || source::is_shared(name.0))
        .map(|(_, spec)| spec)
        .collect()
}

/// The entries of the layout that this kernel doesn't have: the name, and what it should be.
fn absent(layout: &Layout) -> impl Iterator<Item = (&'static str, String)> {
    let values = layout.as_bytes().chunks_exact(size_of::<u32>());
    let absent = ENTRIES.iter().zip(values).filter(|(_, value)| *value == ABSENT.to_ne_bytes());
    absent.map(|(entry, _)| (entry.name, entry.specs[0].to_string()))
}

/// Attaches all programs of an attachment, or none. Of those on hooks that have BPF LSM programs, which have nothing to
/// do with each other, as many as can be; the others are given with the reasons.
fn attach_all(
    ebpf: &mut Ebpf,
    kernel: &Kernel,
    attachment: &Attachment,
) -> Result<(Vec<Program>, Vec<Failed>), (Hook, AttachError)> {
    let first = attachment.programs[0].hook;
    let needs = |name: &str| attachment.needs.contains(&name);
    let absent: Vec<String> =
        absent(&kernel.layout).filter(|(name, _)| needs(name)).map(|(_, spec)| spec).collect();
    if !absent.is_empty() {
        return Err((first, AttachError::NoMember(absent)));
    }
    let unknown: Vec<&str> =
        kernel.settings.known().filter(|(name, known)| !known && needs(name)).map(|(name, _)| name).collect();
    if !unknown.is_empty() {
        return Err((first, AttachError::Unknown(unknown)));
    }
    let mut attached: Vec<Program> = Vec::new();
    let mut failed = Vec::new();
    let mut last = AttachError::NoLsmProgram;
    for &program in attachment.programs {
        let slot = matches!(program.hook, Hook::LsmSlot(_));
        let Some(program) = on_its_hook(program, &kernel.hooks) else { continue };
        match attach_program(ebpf, &kernel.btf, &kernel.types, &program) {
            Ok(()) => attached.push(program),
            Err(error) if slot => {
                failed.push(Failed { hook: program.hook.to_string(), reason: error.to_string() });
                last = error;
            }
            Err(error) => {
                for earlier in attached {
                    unload(ebpf, earlier.name);
                }
                return Err((program.hook, error));
            }
        }
    }
    if attached.is_empty() { Err((first, last)) } else { Ok((attached, failed)) }
}

/// A program with the function of its slot's hook; `None` if its slot is empty.
fn on_its_hook(program: Program, hooks: &[LsmHook]) -> Option<Program> {
    match program.hook {
        Hook::LsmSlot(slot) => {
            hooks.get(slot).map(|hook| Program { hook: Hook::Fexit(hook.function), ..program })
        }
        _ => Some(program),
    }
}

fn attach_program(
    ebpf: &mut Ebpf,
    btf: &Btf,
    types: &KernelTypes,
    program: &Program,
) -> Result<(), AttachError> {
    let found = ebpf.program_mut(program.name).ok_or(AttachError::NoProgram)?;
    match program.hook {
        Hook::Fentry(target) => {
            has(types.has_function(target), "such function")?;
            let found: &mut FEntry = found.try_into().map_err(AttachError::Load)?;
            found.load(target, btf).map_err(AttachError::Load)?;
            finish(found.attach().map(drop), || found.unload())
        }
        Hook::Fexit(target) => {
            has(types.has_function(target), "such function")?;
            let found: &mut FExit = found.try_into().map_err(AttachError::Load)?;
            found.load(target, btf).map_err(AttachError::Load)?;
            finish(found.attach().map(drop), || found.unload())
        }
        Hook::Tracepoint(target) => {
            has(types.has_tracepoint(target), "such tracepoint")?;
            let found: &mut BtfTracePoint = found.try_into().map_err(AttachError::Load)?;
            found.load(target, btf).map_err(AttachError::Load)?;
            finish(found.attach().map(drop), || found.unload())
        }
        // `on_its_hook` gave it a function.
        Hook::LsmSlot(_) => Err(AttachError::NoLsmProgram),
        Hook::Kprobe(target) | Hook::Kretprobe(target) => {
            let found: &mut KProbe = found.try_into().map_err(AttachError::Load)?;
            found.load().map_err(AttachError::Load)?;
            finish(found.attach(target, 0).map(drop), || found.unload()).map_err(failure::of_kprobe)
        }
    }
}

fn has(there: bool, what: &'static str) -> Result<(), AttachError> {
    if there { Ok(()) } else { Err(AttachError::NoTarget(what)) }
}

/// Unloads a program that was loaded but could not be attached.
fn finish(
    attached: Result<(), ProgramError>,
    unload: impl FnOnce() -> Result<(), ProgramError>,
) -> Result<(), AttachError> {
    attached.map_err(|error| {
        if let Err(error) = unload() {
            tracing::warn!(%error, "cannot unload a program that could not be attached");
        }
        AttachError::Attach(error)
    })
}

fn unload(ebpf: &mut Ebpf, name: &str) {
    let result = match ebpf.program_mut(name) {
        Some(aya::programs::Program::FEntry(program)) => program.unload(),
        Some(aya::programs::Program::FExit(program)) => program.unload(),
        Some(aya::programs::Program::BtfTracePoint(program)) => program.unload(),
        Some(aya::programs::Program::KProbe(program)) => program.unload(),
        _ => Ok(()),
    };
    if let Err(error) = result {
        tracing::warn!(name, %error, "cannot unload a program");
    }
}

/// The attached programs.
pub struct Programs {
    ebpf: Ebpf,
    attached: Vec<(SourceId, &'static str)>,
    /// Dropped last: it passes on what they logged.
    log: Option<ProgramLog>,
}

impl Programs {
    /// Passes on what they log, if they log anything.
    fn start_log(&mut self) {
        if program_log::level() == 0 {
            return;
        }
        match ProgramLog::start(&mut self.ebpf) {
            Ok(log) => self.log = Some(log),
            Err(error) => tracing::warn!(%error, "nobody will see what the programs log"),
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
        ProgramStats::of(self.attached.iter().filter_map(|(source, name)| {
            let fd = self.ebpf.program(name)?.fd().ok()?.as_fd().try_clone_to_owned().ok()?;
            Some((*source, *name, fd))
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
