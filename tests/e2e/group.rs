//! A guest in which a group of cases ran, and what came out of it.

use std::sync::{LazyLock, Mutex, OnceLock};

use serde::de::DeserializeOwned;
use serde_json::Value;
use tests::{
    actor::session::{AuditMode, Line, Purpose},
    audit::Record,
    case::Module,
    report::Report,
};
use xtask::{
    cache::Cache,
    kernel::Kernel,
    vm::{self, Guest, Policy},
    workspace,
};

/// What a group's guest is.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// xtask's name of the kernel.
    pub kernel: &'static str,
    /// The module whose cases run.
    pub module: Module,
    /// What audit does.
    pub audit: AuditMode,
    /// More words for the kernel's command line.
    pub append: &'static str,
}

/// A guest that boots when it is first needed.
pub struct Group {
    setting: Setting,
    cases: Vec<&'static str>,
    output: OnceLock<Result<Vec<Session>, String>>,
}

/// What came out of one session.
pub struct Session {
    purpose: Purpose,
    reports: Vec<Value>,
    /// denyd's events, in order.
    pub events: Vec<Value>,
    /// What denyd said, and how it ended.
    pub messages: Vec<String>,
    /// How denyd ended.
    pub ended: Option<String>,
    /// The records in the kernel's log.
    pub records: Vec<Record>,
    /// The kernel's log.
    pub log: Vec<String>,
}

impl Group {
    /// A group that has not run yet.
    pub fn new(setting: Setting, cases: Vec<&'static str>) -> Self {
        Self { setting, cases, output: OnceLock::new() }
    }

    /// The session of this purpose, for which the guest boots if it has not yet.
    pub fn session(&self, purpose: Purpose) -> Result<&Session, String> {
        let sessions = self.output.get_or_init(|| self.run()).as_ref().map_err(Clone::clone)?;
        let session = sessions.iter().find(|session| session.purpose == purpose);
        session.ok_or_else(|| format!("the guest did not come to the session {purpose:?}"))
    }

    /// What the workload of a session reported.
    pub fn reports<T: DeserializeOwned>(&self, purpose: Purpose) -> Result<Vec<T>, String> {
        let reports = self.session(purpose)?.reports.iter();
        reports.map(|report| T::deserialize(report).map_err(|error| format!("{error}: {report}"))).collect()
    }

    /// The report of a case.
    pub fn report(&self, case: &str) -> Result<Report, String> {
        let session = self.session(Purpose::Cases)?;
        let report = session.reports.iter().find(|report| report["case"] == case);
        let report = report.ok_or_else(|| format!("the actor did not report {case}"))?;
        serde_json::from_value(report.clone()).map_err(|error| format!("{error}: {report}"))
    }

    /// The module whose cases ran.
    pub fn module(&self) -> Module {
        self.setting.module
    }

    fn run(&self) -> Result<Vec<Session>, String> {
        let Setting { kernel, module, audit, append } = self.setting;
        let in_force = match module {
            Module::Selinux => vm::Module::Selinux,
            Module::Apparmor => vm::Module::Apparmor,
            Module::Landlock | Module::Capability => vm::Module::None,
        };
        let output = run_in_guest(kernel, in_force, append, &self.script())?;
        sessions(&output).map_err(|error| {
            format!("{error} in the output of {kernel} {module} {audit:?} {append}:\n{output}")
        })
    }

    /// All sessions of the group, one after another; the later ones only where audit is as usual.
    fn script(&self) -> String {
        let Setting { module, audit, .. } = self.setting;
        let audit_word = match audit {
            AuditMode::Record => "record",
            AuditMode::Exclude => "exclude",
            AuditMode::Leave => "leave",
        };
        let sources = if module == Module::Capability { "default,capability" } else { "default" };
        let watch = format!("--module {module} --watch 'denyd run --source {sources}'");
        let cases = self.cases.join(" ");
        let mut script = format!("actor run {watch} --audit {audit_word} {cases}");
        if audit == AuditMode::Record && module != Module::Capability {
            script += &format!("\nactor storm {watch} {}\nactor allowed {watch}", crate::STORM);
        }
        script
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
pub fn run_in_guest(
    kernel: &str,
    module: vm::Module,
    append: &str,
    script: &str,
) -> Result<String, String> {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let cache = Cache::open().map_err(|error| error.to_string())?;
    let kernel = Kernel::resolve(kernel, &cache).map_err(|error| error.to_string())?;
    let sources = workspace::root().join("tests");
    let policy = Policy {
        selinux: Some(sources.join("policy/selinux.cil")),
        apparmor: Some(sources.join("profiles")),
        prepare: None,
    };
    let guest = Guest::new(kernel, module)
        .policy(policy)
        .binary(denyd()?)
        .binary(env!("CARGO_BIN_EXE_actor"))
        .append("log_buf_len=16M")
        .append(append);
    let _one = ONE_AT_A_TIME.lock().map_err(|error| error.to_string())?;
    let outcome =
        guest.run(["sh", "-c", script], &mut std::io::sink()).map_err(|error| error.to_string())?;
    Ok(String::from_utf8_lossy(&outcome.output).into_owned())
}

/// Takes the output apart. What is no [`Line`] is somebody's complaint, and stands among denyd's messages.
fn sessions(output: &str) -> Result<Vec<Session>, String> {
    let mut sessions: Vec<Session> = Vec::new();
    for text in output.lines() {
        let line = serde_json::from_str(text).unwrap_or_else(|_| Line::Message(text.to_owned()));
        if let Line::Session(purpose) = line {
            sessions.push(Session::new(purpose));
            continue;
        }
        let Some(session) = sessions.last_mut() else { return Err(format!("`{text}` before any session")) };
        match line {
            Line::Session(_) => {}
            Line::Report(report) => session.reports.push(report),
            Line::Event(event) => {
                let event = serde_json::from_str(&event);
                session.events.push(event.map_err(|error| format!("an event that is no JSON ({error})"))?);
            }
            Line::Message(message) => session.messages.push(message),
            Line::Ended(status) => session.ended = Some(status),
            Line::Log(line) => {
                let record = Record::parse(&line).transpose();
                session.records.extend(record.map_err(|error| format!("{error} (`{line}`)"))?);
                session.log.push(line);
            }
        }
    }
    if sessions.is_empty() { Err("no session".to_owned()) } else { Ok(sessions) }
}

impl Session {
    fn new(purpose: Purpose) -> Self {
        Self {
            purpose,
            reports: Vec::new(),
            events: Vec::new(),
            messages: Vec::new(),
            ended: None,
            records: Vec::new(),
            log: Vec::new(),
        }
    }
}
