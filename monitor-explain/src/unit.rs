//! What a systemd unit sets, asked of systemd where the denial is of this machine.

use std::{
    collections::{BTreeMap, HashMap},
    fs,
    io::Read as _,
    ops::ControlFlow,
    path::Path,
    process::{Command, Stdio},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime},
};

use monitor_event::event::Event;

use crate::finding::{Cause, Draft, Edit, Remedy, RemedyKind};

/// What is asked for.
const PROPERTIES: &str = "LoadState,User,SystemCallFilter,SystemCallArchitectures,RestrictNamespaces,RestrictAddressFamilies,\
    MemoryDenyWriteExecute,RestrictRealtime,RestrictSUIDSGID,LockPersonality,ProtectKernelModules,ProtectKernelLogs,\
    ProtectClock,ProtectHostname,ProtectKernelTunables,PrivateDevices,CapabilityBoundingSet,AmbientCapabilities,\
    NoNewPrivileges,RestrictFileSystems,DynamicUser,PrivateUsers,ActiveState,FragmentPath,DropInPaths,MainPID,\
    ExecMainStartTimestampMonotonic";

/// How much systemd may answer, in bytes.
const ANSWER: u64 = 1 << 20;

/// How many units are asked about; of what comes after, nothing is said.
const UNITS: usize = 64;

/// The units that were asked about.
#[derive(Debug, Default)]
pub(crate) struct Units(Mutex<HashMap<String, Option<Arc<Unit>>>>);

/// What a unit sets.
#[derive(Clone, Debug, Default)]
pub(crate) struct Unit {
    pub(crate) name: String,
    properties: BTreeMap<String, String>,
}

/// The service that a denial's process belongs to.
pub(crate) fn service(event: &Event<'_>) -> Option<String> {
    let unit = event.unit.as_ref().filter(|unit| unit.user_unit.is_none())?;
    // Its backslashes are systemd's own.
    let name = unit.name.as_deref()?;
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, ':' | '-' | '_' | '.' | '\\' | '@');
    (name.ends_with(".service") && name.chars().all(is_name) && !name.starts_with(['-', '.']))
        .then(|| name.to_owned())
}

impl Units {
    /// What a unit sets; None if that is not known, and systemd doesn't say, or may not be asked.
    pub(crate) fn get(&self, name: &str, may_ask: bool) -> Option<Arc<Unit>> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(unit) = known.get(name) {
            return unit.clone();
        }
        if !may_ask || known.len() >= UNITS {
            return None;
        }
        let unit = ask(name).map(|answer| Arc::new(Unit::read(name, &answer)));
        let unit = unit.filter(|unit| unit.get("LoadState") == Some("loaded"));
        known.insert(name.to_owned(), unit.clone());
        unit
    }

    /// Knows a unit without asking.
    #[cfg(test)]
    pub(crate) fn with(name: &str, answer: &str) -> Self {
        let unit = Some(Arc::new(Unit::read(name, answer)));
        Self(Mutex::new(HashMap::from([(name.to_owned(), unit)])))
    }
}

fn ask(name: &str) -> Option<String> {
    // Without systemd, there is nobody to ask.
    if !Path::new("/run/systemd/system").exists() {
        return None;
    }
    let mut systemctl = Command::new("systemctl");
    systemctl.args(["show", "--no-pager", "--property", PROPERTIES, "--", name]);
    systemctl.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = systemctl.spawn().ok()?;
    let mut answer = String::new();
    let read = child.stdout.take()?.take(ANSWER).read_to_string(&mut answer);
    child.wait().ok().filter(|status| status.success() && read.is_ok()).map(|_| answer)
}

impl Unit {
    fn read(name: &str, answer: &str) -> Self {
        let properties = answer.lines().filter_map(|line| line.split_once('='));
        let properties = properties.map(|(key, value)| (key.to_owned(), value.trim().to_owned())).collect();
        Self { name: name.to_owned(), properties }
    }

    /// A property, if it is set.
    pub(crate) fn get(&self, property: &str) -> Option<&str> {
        self.properties.get(property).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// Whether a list of the unit leaves something out: one of what is allowed doesn't have it, or one of what is forbidden
    /// (`~`) has it.
    pub(crate) fn leaves_out(&self, property: &str, word: &str) -> bool {
        let Some(list) = self.get(property) else { return false };
        let (forbids, list) = list.strip_prefix('~').map_or((false, list), |list| (true, list));
        // `call:EPERM` names the error that is returned.
        let has = list.split_whitespace().any(|item| item.split(':').next() == Some(word));
        has == forbids
    }

    /// Whether its processes have what only root has.
    pub(crate) fn is_root(&self) -> bool {
        let is_dynamic = self.get("DynamicUser") == Some("yes");
        !is_dynamic && self.get("User").is_none_or(|user| matches!(user, "root" | "0"))
    }

    /// The newest of its files, and when that was changed.
    fn changed(&self) -> Option<(SystemTime, &str)> {
        let files = ["FragmentPath", "DropInPaths"].into_iter().filter_map(|property| self.get(property));
        let files = files.flat_map(str::split_whitespace);
        files.filter_map(|file| Some((fs::metadata(file).ok()?.modified().ok()?, file))).max()
    }

    /// When its process was started, if it has one.
    fn started(&self) -> Option<SystemTime> {
        self.get("MainPID").filter(|pid| *pid != "0")?;
        let started = self.get("ExecMainStartTimestampMonotonic")?.parse().ok()?;
        let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
        let age = Duration::try_from(now).ok()?.checked_sub(Duration::from_micros(started))?;
        SystemTime::now().checked_sub(age)
    }

    /// What is said where the unit forbids nothing of it by now, and was changed since the last denial, or since its process
    /// was started.
    pub(crate) fn allowed(&self, last: Option<SystemTime>, draft: Draft) -> ControlFlow<Draft, Draft> {
        let Some((changed, file)) = self.changed() else { return ControlFlow::Continue(draft) };
        let runs_as_before = self.started().is_some_and(|started| started < changed);
        let (when, remedy) = if runs_as_before {
            let text = format!("start {} again: it runs as it was before", self.name);
            let restart = format!("systemctl restart {}", shell_words::quote(&self.name));
            ("it was started", Remedy::new(RemedyKind::Restart, text).run(restart))
        } else if last.is_some_and(|last| last < changed) {
            let text = "nothing: the unit was changed after the denial";
            ("the denial", Remedy::new(RemedyKind::Nothing, text))
        } else {
            return ControlFlow::Continue(draft);
        };
        let mut draft = draft.because(format!("{file} was changed after {when}")).remedy(remedy);
        draft.key.push_str("\0changed");
        draft.finding.cause = Cause::Allowed;
        draft.finding.summary += "; by now ";
        draft.finding.summary += &self.name;
        draft.finding.summary += " does not forbid it";
        ControlFlow::Break(draft)
    }

    /// The remedy that a directive is put into a file beside the unit's.
    pub(crate) fn set(&self, directive: &str) -> Remedy {
        let (folder, name) = (format!("/etc/systemd/system/{}.d", self.name), shell_words::quote(&self.name));
        let edit = Edit {
            file: format!("{folder}/denyd.conf"),
            line: None,
            remove: Vec::new(),
            add: std::iter::once("[Service]").chain(directive.lines()).map(str::to_owned).collect(),
            reload: "systemctl daemon-reload".to_owned(),
            restart: Some(self.name.clone()),
        };
        let lines: Vec<_> = edit.add.iter().map(|line| shell_words::quote(line)).collect();
        let text = format!("set {} for {}", directive.replace('\n', " and "), self.name);
        let mut remedy = Remedy::new(RemedyKind::Setting, text)
            .run(format!("mkdir -p {}", shell_words::quote(&folder)))
            .run(format!("printf '%s\\n' {} >>{}", lines.join(" "), shell_words::quote(&edit.file)))
            .run(edit.reload.clone())
            .run(format!("systemctl restart {name}"));
        remedy.edit = Some(edit);
        remedy
    }
}
