//! A guest in which a group of cases ran, and what came out of it.

use std::{
    env,
    path::{Path, PathBuf},
    sync::{Arc, LazyLock},
    time::Duration,
};

use serde_json::Value;
use tests::{
    actor::{
        allowed::Quiet,
        lengths::Hidden,
        session::{AuditMode, Line},
        step::StepReport,
        storm::Drop as StormDrop,
    },
    audit::Record,
    case::Module,
    kernel_message::Message,
    machine::Machine,
    report::Report,
};
use xtask::{
    architecture::Architecture,
    cache::Cache,
    kernel::Kernel,
    package::binary,
    setup,
    vm::{self, Guest, Policy},
    workspace::{self, Profile},
};

use crate::{arm64, confined, plan::Booted, signed::Signed, stage::Stage};

/// The environment variable that names a folder for everything that guests print.
const KEEP: &str = "DENYD_E2E_KEEP";

/// What a group's guest is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Setting {
    /// xtask's name of the kernel.
    pub kernel: &'static str,
    /// What is in force, and whose cases run.
    pub stage: &'static Stage,
    /// What audit does.
    pub audit: AuditMode,
    /// Whether denyd is asked for silent denials, too.
    pub silent: bool,
    /// More words for the kernel's command line.
    pub append: &'static str,
}

/// The cases that run in one guest.
pub(crate) struct Group {
    setting: Setting,
    guest: Arc<Booted<Session>>,
}

/// What came out of a guest.
#[derive(Default)]
pub(crate) struct Session {
    /// The cases, as they went.
    pub reports: Vec<Report>,
    /// The processes that had one number, one after another.
    pub heirs: Vec<Report>,
    /// The process in namespaces of its own.
    pub nested: Option<Report>,
    /// The process that told audit of refusals.
    pub manager: Option<Report>,
    /// The steps, as they went.
    pub steps: Vec<StepReport>,
    /// The processes of the storm.
    pub drops: Vec<StormDrop>,
    /// The processes that hid what they could.
    pub hidden: Vec<Hidden>,
    /// The runs of programs while nothing was refused.
    pub quiet: Option<Quiet>,
    /// denyd's events, in order.
    pub events: Vec<Value>,
    /// What denyd said, and how it ended.
    pub messages: Vec<String>,
    /// How denyd ended.
    pub ended: Option<String>,
    /// The records in the kernel's log.
    pub records: Vec<Record>,
    /// The modules' own messages in the kernel's log.
    pub kernel_messages: Vec<Message>,
    /// The kernel's log.
    pub log: Vec<String>,
}

impl Group {
    /// A group that has not run yet.
    pub(crate) fn new(setting: Setting, cases: Vec<&'static str>) -> Self {
        let guest = Booted::new(setting.name(), move || setting.run(&cases));
        Self { setting, guest }
    }

    /// The guest that it runs in.
    pub(crate) fn guest(&self) -> &Arc<Booted<Session>> {
        &self.guest
    }

    /// What came out of the guest.
    pub(crate) fn session(&self) -> Result<&Session, String> {
        self.guest.outcome()
    }

    /// The modules whose cases ran.
    pub(crate) fn modules(&self) -> &'static [Module] {
        self.setting.stage.modules
    }

    /// Whether denyd was asked for silent denials, too.
    pub(crate) fn silent(&self) -> bool {
        self.setting.silent
    }
}

impl Setting {
    /// Its guest's name.
    fn name(&self) -> String {
        let Self { kernel, stage, audit, silent, append } = self;
        let asked = if *silent { "-silent" } else { "" };
        format!("{kernel}-{}-{audit:?}{append}{asked}", stage.name)
    }

    fn run(&self, cases: &[&str]) -> Result<Session, String> {
        let Self { kernel, stage, append, .. } = self;
        let words = format!("{} {append}", stage.append);
        let kernel = resolve(kernel)?;
        let signed = stage.ipe.map(|policy| Signed::policy(&kernel, policy)).transpose()?;
        let guest = match &signed {
            None => with_programs(kernel, stage.in_force)?,
            Some(signed) => with_programs(signed.kernel.clone(), stage.in_force)?.share(signed.shared()),
        };
        let guest = with_policy(guest).append(words);
        let guest = if self.is_confined() { confined::confine(guest)? } else { guest };
        let output = boot(&guest, &self.script(cases))?;
        Session::read(&output, &self.name())
    }

    /// Whether denyd runs under its own profile.
    fn is_confined(&self) -> bool {
        self.stage.in_force == vm::Module::Apparmor
    }

    /// The cases; then, where audit is as usual, what no case can do (unless silent denials are asked for) and a time of quiet.
    fn script(&self, cases: &[&str]) -> String {
        let Self { stage, audit, silent, .. } = *self;
        let audit_word = match audit {
            AuditMode::Record => "record",
            AuditMode::Exclude => "exclude",
            AuditMode::Leave => "leave",
        };
        let (module, sources, before) = (stage.modules[0], stage.sources, stage.before);
        let (prepare, enter) =
            if self.is_confined() { (confined::PREPARE, confined::ENTER) } else { ("", "") };
        let silent_word = if silent { " --silent" } else { "" };
        let more = match audit {
            AuditMode::Record if !stage.is_quiet() => String::new(),
            AuditMode::Record if silent => "--allowed".to_owned(),
            AuditMode::Record => {
                let manager = if stage.in_force == vm::Module::None { "" } else { "--manager --lengths" };
                format!("--storm {} --reuse {} --nested {manager} --allowed", crate::STORM, crate::HEIRS)
            }
            AuditMode::Exclude | AuditMode::Leave => String::new(),
        };
        let cases = cases.join(" ");
        format!(
            "{before}{prepare}actor run --module {module} --audit {audit_word} {more} --watch '{enter} denyd run --no-pin --no-fold --name-wait 10s --source {sources}{silent_word}' {cases}"
        )
    }
}

/// denyd, built once.
pub(crate) fn denyd() -> Result<&'static str, String> {
    static DENYD: LazyLock<Result<String, String>> = LazyLock::new(|| {
        let path = if architecture().is_host() {
            workspace::build_denyd(Profile::Dev).map_err(|error| error.to_string())?
        } else {
            let smallest = env::var_os(arm64::IN_SAMPLE).map_or(&[][..], |_| &["--no-default-features"]);
            build_foreign("monitor", "denyd", smallest)?
        };
        Ok(path.to_string_lossy().into_owned())
    });
    DENYD.as_deref().map_err(Clone::clone)
}

/// Boots a guest with the tests' policy and programs, runs a shell script in it, and returns what it prints.
pub(crate) fn run_in_guest(
    kernel: &str,
    module: vm::Module,
    append: &str,
    script: &str,
) -> Result<String, String> {
    boot(&guest_with_policy(kernel, module)?.append(append), script)
}

/// A guest with the tests' policy and programs.
pub(crate) fn guest_with_policy(kernel: &str, module: vm::Module) -> Result<Guest, String> {
    Ok(with_policy(guest(kernel, module)?))
}

/// The guest with the tests' policy.
fn with_policy(guest: Guest) -> Guest {
    let sources = workspace::root().join("tests");
    let policy = Policy {
        selinux: Some(sources.join("policy/selinux.cil")),
        apparmor: Some(sources.join("profiles")),
        prepare: None,
    };
    guest.policy(policy)
}

/// A guest with the tests' programs.
pub(crate) fn guest(kernel: &str, module: vm::Module) -> Result<Guest, String> {
    with_programs(resolve(kernel)?, module)
}

fn with_programs(kernel: Kernel, module: vm::Module) -> Result<Guest, String> {
    let guest = Guest::new(kernel, module).append("log_buf_len=16M").binary(denyd()?);
    if architecture().is_host() {
        return Ok(guest.binary(env!("CARGO_BIN_EXE_actor")));
    }
    let cache = Cache::open().map_err(|error| error.to_string())?;
    let programs = setup::machine(architecture(), &cache).map_err(|error| error.to_string())?;
    Ok(guest.programs(programs).binary(actor()?).timeout(FOREIGN_TIMEOUT))
}

/// How long a guest of another kind of machine may take.
const FOREIGN_TIMEOUT: Duration = Duration::from_mins(20);

/// The machines that the guests are.
pub(crate) fn architecture() -> Architecture {
    match Machine::tested() {
        Machine::X86_64 => Architecture::Amd64,
        Machine::Aarch64 => Architecture::Arm64,
    }
}

/// The actor for another kind of machine, built once.
fn actor() -> Result<PathBuf, String> {
    static ACTOR: LazyLock<Result<PathBuf, String>> = LazyLock::new(|| build_foreign("tests", "actor", &[]));
    ACTOR.clone()
}

fn build_foreign(package: &str, name: &str, more: &[&str]) -> Result<PathBuf, String> {
    binary::build_foreign(package, name, architecture(), Profile::Dev, more)
        .map_err(|error| error.to_string())
}

fn resolve(kernel: &str) -> Result<Kernel, String> {
    let cache = Cache::open().map_err(|error| error.to_string())?;
    Kernel::resolve(kernel, architecture(), &cache).map_err(|error| error.to_string())
}

/// Boots a guest, runs a shell script in it, and returns what it prints.
pub(crate) fn boot(guest: &Guest, script: &str) -> Result<String, String> {
    let outcome = guest.run(["sh", "-c", script], &mut std::io::sink()).map_err(|error| error.to_string())?;
    Ok(String::from_utf8_lossy(&outcome.output).into_owned())
}

impl Session {
    /// Takes the output of a guest apart, and keeps it under `name` if it is asked for.
    pub(crate) fn read(output: &str, name: &str) -> Result<Self, String> {
        if let Some(folder) = env::var_os(KEEP) {
            std::fs::create_dir_all(&folder).map_err(|error| error.to_string())?;
            let file = Path::new(&folder).join(format!("{name}.jsonl").to_lowercase());
            std::fs::write(file, output).map_err(|error| error.to_string())?;
        }
        Self::parse(output).map_err(|error| format!("{error} in the output of {name}:\n{output}"))
    }

    /// Takes the output apart. What is no [`Line`] is somebody's complaint, and stands among denyd's messages.
    fn parse(output: &str) -> Result<Self, String> {
        let mut session = Self::default();
        for text in output.lines() {
            match serde_json::from_str(text).unwrap_or_else(|_| Line::Message(text.to_owned())) {
                Line::Report(report) => session.reports.push(*report),
                Line::Heir(report) => session.heirs.push(*report),
                Line::Nested(report) => session.nested = Some(*report),
                Line::Manager(report) => session.manager = Some(*report),
                Line::Step(step) => session.steps.push(step),
                Line::Drop(drop) => session.drops.push(drop),
                Line::Hidden(hidden) => session.hidden.push(*hidden),
                Line::Quiet(quiet) => session.quiet = Some(quiet),
                Line::Event(event) => {
                    let event = serde_json::from_str(&event);
                    session
                        .events
                        .push(event.map_err(|error| format!("an event that is no JSON ({error})"))?);
                }
                Line::Message(message) => session.messages.push(message),
                Line::Ended(status) => session.ended = Some(status),
                Line::Log(line) => {
                    let record = Record::parse(&line).transpose();
                    session.kernel_messages.extend(Message::parse(&line));
                    session.records.extend(record.map_err(|error| format!("{error} (`{line}`)"))?);
                    session.log.push(line);
                }
            }
        }
        if session.ended.is_some() { Ok(session) } else { Err("denyd was not ended".to_owned()) }
    }
}
