//! A guest in which a group of cases ran, and what came out of it.

use std::{
    path::Path,
    sync::{LazyLock, Mutex, OnceLock},
};

use serde_json::Value;
use tests::{
    actor::{
        allowed::Quiet,
        session::{AuditMode, Line},
        step::StepReport,
        storm::Drop as StormDrop,
    },
    audit::Record,
    case::Module,
    kernel_message::Message,
    report::Report,
};
use xtask::{
    cache::Cache,
    kernel::Kernel,
    vm::{self, Guest, Policy},
    workspace,
};

use crate::stage::Stage;

/// The environment variable that names a folder for everything that guests print.
const KEEP: &str = "DENYD_E2E_KEEP";

/// What a group's guest is.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
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

/// A guest that boots when it is first needed.
pub struct Group {
    setting: Setting,
    cases: Vec<&'static str>,
    output: OnceLock<Result<Session, String>>,
}

/// What came out of a guest.
#[derive(Default)]
pub struct Session {
    /// The cases, as they went.
    pub reports: Vec<Report>,
    /// The steps, as they went.
    pub steps: Vec<StepReport>,
    /// The processes of the storm.
    pub drops: Vec<StormDrop>,
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
    pub fn new(setting: Setting, cases: Vec<&'static str>) -> Self {
        Self { setting, cases, output: OnceLock::new() }
    }

    /// What came out of the guest, which boots if it has not yet.
    pub fn session(&self) -> Result<&Session, String> {
        self.output.get_or_init(|| self.run()).as_ref().map_err(Clone::clone)
    }

    /// The modules whose cases ran.
    pub fn modules(&self) -> &'static [Module] {
        self.setting.stage.modules
    }

    /// Whether denyd was asked for silent denials, too.
    pub fn silent(&self) -> bool {
        self.setting.silent
    }

    fn run(&self) -> Result<Session, String> {
        let Setting { kernel, stage, audit, silent, append } = self.setting;
        let words = format!("{} {append}", stage.append);
        let asked = if silent { "-silent" } else { "" };
        let output = run_in_guest(kernel, stage.in_force, &words, &self.script())?;
        Session::read(&output, &format!("{kernel}-{}-{audit:?}{append}{asked}", stage.name))
    }

    /// The cases; then, where audit is as usual, a storm and a time of quiet.
    fn script(&self) -> String {
        let Setting { stage, audit, silent, .. } = self.setting;
        let audit_word = match audit {
            AuditMode::Record => "record",
            AuditMode::Exclude => "exclude",
            AuditMode::Leave => "leave",
        };
        let (module, sources) = (stage.modules[0], stage.sources);
        let silent_word = if silent { " --silent" } else { "" };
        let more = if audit == AuditMode::Record && !silent && stage.is_quiet() {
            format!("--storm {} --allowed", crate::STORM)
        } else {
            String::new()
        };
        let cases = self.cases.join(" ");
        format!(
            "actor run --module {module} --audit {audit_word} {more} --watch 'denyd run --name-wait 10s --source {sources}{silent_word}' {cases}"
        )
    }
}

/// denyd, built once.
pub fn denyd() -> Result<&'static str, String> {
    static DENYD: LazyLock<Result<String, String>> = LazyLock::new(|| {
        let path = workspace::build_denyd().map_err(|error| error.to_string())?;
        Ok(path.to_string_lossy().into_owned())
    });
    DENYD.as_deref().map_err(Clone::clone)
}

/// Boots a guest with the tests' policy and programs, runs a shell script in it, and returns what it prints.
pub fn run_in_guest(kernel: &str, module: vm::Module, append: &str, script: &str) -> Result<String, String> {
    let sources = workspace::root().join("tests");
    let policy = Policy {
        selinux: Some(sources.join("policy/selinux.cil")),
        apparmor: Some(sources.join("profiles")),
        prepare: None,
    };
    boot(&guest(kernel, module)?.policy(policy).append(append), script)
}

/// A guest with the tests' programs.
pub fn guest(kernel: &str, module: vm::Module) -> Result<Guest, String> {
    let cache = Cache::open().map_err(|error| error.to_string())?;
    let kernel = Kernel::resolve(kernel, &cache).map_err(|error| error.to_string())?;
    let guest = Guest::new(kernel, module).binary(denyd()?).binary(env!("CARGO_BIN_EXE_actor"));
    Ok(guest.append("log_buf_len=16M"))
}

/// Boots a guest, runs a shell script in it, and returns what it prints.
pub fn boot(guest: &Guest, script: &str) -> Result<String, String> {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _one = ONE_AT_A_TIME.lock().map_err(|error| error.to_string())?;
    let outcome = guest.run(["sh", "-c", script], &mut std::io::sink()).map_err(|error| error.to_string())?;
    Ok(String::from_utf8_lossy(&outcome.output).into_owned())
}

impl Session {
    /// Takes the output of a guest apart, and keeps it under `name` if it is asked for.
    pub fn read(output: &str, name: &str) -> Result<Self, String> {
        if let Some(folder) = std::env::var_os(KEEP) {
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
                Line::Step(step) => session.steps.push(step),
                Line::Drop(drop) => session.drops.push(drop),
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
