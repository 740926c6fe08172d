//! A case: one refusal, how it comes about, and what a user must see.

use std::{fmt, io};

use serde::{Deserialize, Serialize};

use crate::{confinement::Confinement, expectation::Expectation, scene::Scene};

/// A security module, by the name that events use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Module {
    /// `SELinux`.
    Selinux,
    /// `AppArmor`.
    Apparmor,
    /// Landlock.
    Landlock,
    /// POSIX capabilities.
    Capability,
    /// seccomp.
    Seccomp,
    /// Yama.
    Yama,
    /// Lockdown.
    Lockdown,
    /// TOMOYO.
    Tomoyo,
    /// A BPF LSM program.
    Bpf,
    /// IPE.
    Ipe,
}

impl Module {
    /// Every module that has cases.
    pub const ALL: [Self; 10] = [
        Self::Selinux,
        Self::Apparmor,
        Self::Landlock,
        Self::Capability,
        Self::Seccomp,
        Self::Yama,
        Self::Lockdown,
        Self::Tomoyo,
        Self::Bpf,
        Self::Ipe,
    ];

    /// Whether the module itself writes each of its denials into the kernel's log or its own, and audit nothing.
    #[must_use]
    pub const fn writes_messages(self) -> bool {
        matches!(self, Self::Yama | Self::Lockdown | Self::Tomoyo)
    }

    /// The name that events and the command line use.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Selinux => "selinux",
            Self::Apparmor => "apparmor",
            Self::Landlock => "landlock",
            Self::Capability => "capability",
            Self::Seccomp => "seccomp",
            Self::Yama => "yama",
            Self::Lockdown => "lockdown",
            Self::Tomoyo => "tomoyo",
            Self::Bpf => "bpf",
            Self::Ipe => "ipe",
        }
    }
}

impl fmt::Display for Module {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A kernel's version, as far as cases depend on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    /// The first number.
    pub major: u16,
    /// The second number.
    pub minor: u16,
}

impl Version {
    /// Older than any kernel that is tested.
    pub const OLDEST: Self = Self { major: 0, minor: 0 };
    /// Newer than any kernel that is tested.
    pub const NEWEST: Self = Self { major: u16::MAX, minor: u16::MAX };

    /// Reads the start of a release such as `6.12.117+deb12-cloud-amd64`.
    #[must_use]
    pub fn of_release(release: &str) -> Option<Self> {
        let mut numbers = release.split(|c: char| !c.is_ascii_digit()).map(str::parse);
        Some(Self { major: numbers.next()?.ok()?, minor: numbers.next()?.ok()? })
    }
}

/// What becomes of the operation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// It succeeded: the module only reported.
    Done,
    /// It failed with this errno.
    Errno(i32),
    /// The process was killed by this signal.
    Killed(i32),
    /// The case could not be carried out, so it proves nothing.
    Broken(String),
}

/// What audit has to say about the case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuditRecords {
    /// One record for each denial, and one for each profile that was changed.
    EachEvent,
    /// Another number of records, and why.
    Number(usize, &'static str),
    /// No record, and why.
    None(&'static str),
}

/// A step of a case. It works on the scene, and fails with the error of the system call that failed.
pub type Step = fn(&mut Scene) -> io::Result<()>;

/// One refusal, how it comes about, and what a user must see.
#[derive(Clone)]
pub struct Case {
    /// What a user sees, as a sentence: `selinux_denied_write_reports_full_path`.
    pub name: &'static str,
    /// What refuses.
    pub module: Module,
    /// The first kernel that refuses it.
    pub since: Version,
    /// The first kernel that no longer does.
    pub until: Version,
    /// What must be there before: run by the actor, unconfined.
    pub given: Step,
    /// What the process must have before it is confined: run by the process itself.
    pub before: Step,
    /// The user that the process runs as.
    pub uid: u32,
    /// What confines the process.
    pub confinement: Confinement,
    /// The one operation that is refused.
    pub when: Step,
    /// What becomes of it.
    pub outcome: Outcome,
    /// The events that must follow, no more and no fewer, in any order.
    pub events: Vec<Expectation>,
    /// What audit says.
    pub record: AuditRecords,
    /// How often the operation is refused, if audit records only some of these times, which the module chooses. Each time
    /// is the one event of [`Self::events`]: silent if audit has no record of it.
    pub repeats: Option<usize>,
    /// Whether it runs also where denyd is asked for silent denials, though none of its own is silent.
    pub with_silent: bool,
    /// Whether denyd sees it only where audit writes it.
    pub by_audit: bool,
    /// The label of the subject by which its events and records are known, where the kernel refuses it in an interrupt,
    /// which may come while any process runs; no other case has it.
    pub in_interrupt_of: Option<&'static str>,
}

#[expect(clippy::unnecessary_wraps, reason = "it is a step")]
fn nothing(_: &mut Scene) -> io::Result<()> {
    Ok(())
}

impl Case {
    /// A case in which nothing happens yet; by default the operation is refused with EACCES.
    #[must_use]
    pub fn new(module: Module, name: &'static str, confinement: Confinement) -> Self {
        Self {
            name,
            module,
            since: Version::OLDEST,
            until: Version::NEWEST,
            given: nothing,
            before: nothing,
            uid: 0,
            confinement,
            when: nothing,
            outcome: Outcome::Errno(libc::EACCES),
            events: Vec::new(),
            record: AuditRecords::EachEvent,
            repeats: None,
            with_silent: false,
            by_audit: false,
            in_interrupt_of: None,
        }
    }

    /// The case is for this kernel and newer ones.
    #[must_use]
    pub const fn since(mut self, major: u16, minor: u16) -> Self {
        self.since = Version { major, minor };
        self
    }

    /// The case is for kernels older than this.
    #[must_use]
    pub const fn until(mut self, major: u16, minor: u16) -> Self {
        self.until = Version { major, minor };
        self
    }

    /// What must be there before, set up by the unconfined actor.
    #[must_use]
    pub fn given(mut self, step: Step) -> Self {
        self.given = step;
        self
    }

    /// What the process must have before it is confined.
    #[must_use]
    pub fn before(mut self, step: Step) -> Self {
        self.before = step;
        self
    }

    /// It is refused in an interrupt, whatever process runs then; this label is its subject's alone.
    #[must_use]
    pub fn in_interrupt_of(mut self, label: &'static str) -> Self {
        self.in_interrupt_of = Some(label);
        self
    }

    /// Whether an event or a record with this label of a subject is of this case, whatever process ran.
    #[must_use]
    pub fn is_known_by(&self, label: Option<&str>) -> bool {
        self.in_interrupt_of.is_some() && self.in_interrupt_of == label
    }

    /// The process runs as this user, not as root.
    #[must_use]
    pub const fn as_user(mut self, uid: u32) -> Self {
        self.uid = uid;
        self
    }

    /// The process is confined by this, not by the default of its module.
    #[must_use]
    pub fn confined_by(mut self, confinement: Confinement) -> Self {
        self.confinement = confinement;
        self
    }

    /// The one operation that is refused.
    #[must_use]
    pub fn when(mut self, step: Step) -> Self {
        self.when = step;
        self
    }

    /// The operation fails with this errno, not with EACCES.
    #[must_use]
    pub fn fails_with(mut self, errno: i32) -> Self {
        self.outcome = Outcome::Errno(errno);
        self
    }

    /// The operation succeeds: the module only reports.
    #[must_use]
    pub fn succeeds(mut self) -> Self {
        self.outcome = Outcome::Done;
        self
    }

    /// The process is killed by this signal.
    #[must_use]
    pub fn killed_by(mut self, signal: i32) -> Self {
        self.outcome = Outcome::Killed(signal);
        self
    }

    /// An event that must follow.
    #[must_use]
    pub fn expect(mut self, event: Expectation) -> Self {
        self.events.push(event);
        self
    }

    /// An event that must follow so many times.
    #[must_use]
    pub fn expect_times(mut self, times: usize, event: &Expectation) -> Self {
        self.events.extend(std::iter::repeat_n(event.clone(), times));
        self
    }

    /// Audit has not one record for each event, but so many, for this reason.
    #[must_use]
    pub const fn with_records(mut self, records: usize, why: &'static str) -> Self {
        self.record = AuditRecords::Number(records, why);
        self
    }

    /// Audit has no record, for this reason.
    #[must_use]
    pub const fn without_record(mut self, why: &'static str) -> Self {
        self.record = AuditRecords::None(why);
        self
    }

    /// The operation is refused this often, and audit records only some of these times.
    #[must_use]
    pub const fn repeated(mut self, times: usize) -> Self {
        self.repeats = Some(times);
        self
    }

    /// The case runs also where denyd is asked for silent denials: what it shows is that nothing is reported twice.
    #[must_use]
    pub const fn also_with_silent(mut self) -> Self {
        self.with_silent = true;
        self
    }

    /// denyd sees it only where audit writes it.
    #[must_use]
    pub const fn by_audit_alone(mut self) -> Self {
        self.by_audit = true;
        self
    }

    /// Whether the case is for this kernel.
    #[must_use]
    pub fn runs_on(&self, kernel: Version) -> bool {
        self.since <= kernel && kernel < self.until
    }

    /// Whether one of its events comes only with `--silent`.
    #[must_use]
    pub fn is_silent(&self) -> bool {
        self.repeats.is_some() || self.events.iter().any(Expectation::is_silent)
    }

    /// How many audit records there must be, but for AppArmor's of changes.
    #[must_use]
    pub fn records(&self) -> usize {
        match self.record {
            // AppArmor's records of changes are compared with what changed, not with events.
            AuditRecords::EachEvent if self.module == Module::Apparmor => {
                self.events.iter().filter(|event| !event.is_of_change()).count()
            }
            AuditRecords::EachEvent => self.events.len(),
            AuditRecords::Number(count, _) => count,
            AuditRecords::None(_) => 0,
        }
    }
}
