//! What denyd counts, and the posture, at one moment: what `denyd status` shows of a running daemon.

use std::{borrow::Cow, collections::BTreeMap, fmt};

use jiff::Timestamp;
use monitor_event::event::Module;
use serde::{Deserialize, Serialize};

use crate::posture::Posture;

/// denyd and the machine at one moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    /// denyd's version.
    pub version: String,
    /// When it started.
    pub started: Timestamp,
    /// Every source.
    pub sources: Vec<SourceNow>,
    /// Records too damaged to determine their source.
    pub unattributed: u64,
    /// Who lost denials for want of room in the ring buffer, the one whose loss was found first at the front.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lost_by_subject: Vec<SubjectNow>,
    /// Every output.
    pub outputs: Vec<OutputNow>,
    /// Clients of the socket; absent if it is not served.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clients: Option<ClientsNow>,
    /// Every attached eBPF program.
    pub programs: Vec<ProgramNow>,
    /// Whether the kernel measures eBPF programs; absent if that can't be read.
    pub bpf_stats_enabled: Option<bool>,
    /// By which ways names of users and groups are looked up now, in the order in which they are asked; empty if an older
    /// denyd does not tell.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub names: Vec<NameWay>,
    /// What enforcement is in force.
    pub posture: Posture,
    /// Denials in the metrics, by module; absent if there are no metrics.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub denials: Option<BTreeMap<String, u64>>,
}

/// A way by which names of users and groups are looked up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NameWay {
    /// nscd, the cache of the machine's name service.
    Nscd,
    /// `/etc/passwd` and `/etc/group`.
    Files,
    /// The modules that `/etc/nsswitch.conf` names, in a denyd that was not linked statically.
    Nsswitch,
    /// `systemd-userdbd`, which knows the accounts of sssd and LDAP, too.
    Userdbd,
    /// systemd itself, which knows the users of units with `DynamicUser=`.
    DynamicUser,
}

impl NameWay {
    /// As people call it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Nscd => "nscd",
            Self::Files => "/etc/passwd and /etc/group",
            Self::Nsswitch => "nsswitch.conf",
            Self::Userdbd => "systemd-userdbd",
            Self::DynamicUser => "systemd (DynamicUser=)",
        }
    }
}

/// Clients of the socket at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientsNow {
    /// Clients served now.
    pub connected: u64,
    /// Clients served so far.
    pub accepted: u64,
    /// Clients refused: too many were connected, or one was not permitted.
    pub refused: u64,
    /// Events that clients lost because they read too slowly.
    pub lost: u64,
}

/// A source at one moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceNow {
    /// Its name.
    pub name: String,
    /// The module that it watches.
    pub module: Module,
    /// Whether it is attached.
    pub state: SourceState,
    /// Its balance, if it is attached.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<AccountNow>,
}

/// Whether a source is attached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SourceState {
    /// It is.
    Attached,
    /// The module is not active on this machine, so there is nothing to see.
    Inactive,
    /// It was not asked for.
    NotSelected,
    /// It could not be attached.
    Failed,
}

impl SourceState {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Attached, Self::Inactive, Self::NotSelected, Self::Failed];

    /// As it stands in JSON and metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Attached => "attached",
            Self::Inactive => "inactive",
            Self::NotSelected => "not_selected",
            Self::Failed => "failed",
        }
    }
}

/// A source's balance: `seen = emitted + folded + own + lost + pending`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountNow {
    /// Denials that reached the source.
    pub seen: u64,
    /// Events that they became.
    pub emitted: u64,
    /// Repeats of denials, of which events have the count.
    #[serde(default)]
    pub folded: u64,
    /// Denials of denyd's own, which are not handed on.
    pub own: u64,
    /// Denials that became none, by reason.
    pub lost: Vec<LossNow>,
    /// Denials on their way.
    pub pending: u64,
    /// Runs that the kernel skipped, of a source that runs for grants too.
    pub unexamined: u64,
    /// Denials, not lost, whose repeats could not be folded: no slot was free.
    #[serde(default)]
    pub unfolded: u64,
    /// Events in which a string or path is not whole.
    pub cut: u64,
    /// Events of which a part could not be read.
    pub read_faults: u64,
}

/// What was lost for one reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LossNow {
    /// Why.
    pub reason: String,
    /// How many.
    pub count: u64,
}

/// What a subject, a user in a cgroup, lost for want of room in the ring buffer. Sources count the same by reason
/// (`ring_full`, `share`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubjectNow {
    /// The user's id.
    pub uid: u32,
    /// The cgroup's id: the inode number of its directory.
    pub cgroup: u64,
    /// The cgroup's path; absent if no event of it was reported.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Denials, since the programs were attached.
    pub lost: u64,
}

impl SubjectNow {
    /// The cgroup's path, or what can be said instead.
    #[must_use]
    pub fn cgroup_name(&self) -> Cow<'_, str> {
        match &self.path {
            Some(path) => path.into(),
            None => format!("id:{}", self.cgroup).into(),
        }
    }
}

impl fmt::Display for SubjectNow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "uid {} in {}: {}", self.uid, self.cgroup_name(), self.lost)
    }
}

/// An output at one moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutputNow {
    /// Its name.
    pub name: String,
    /// Events handed to it.
    pub received: u64,
    /// Events that its filter kept from it.
    pub filtered: u64,
    /// Events that it wrote.
    pub written: u64,
    /// Events that it lost, by reason.
    pub lost: Vec<LossNow>,
    /// Events that wait in its queue or are being written.
    pub queued: u64,
    /// Events that its queue can hold.
    pub capacity: u64,
    /// Which events it gets; absent if all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filter: Option<String>,
}

/// An eBPF program at one moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProgramNow {
    /// The source that it belongs to.
    pub source: String,
    /// Its name.
    pub name: String,
    /// Where it is attached.
    pub hook: String,
    /// Nanoseconds that it ran, as far as the kernel measured them.
    pub run_time_ns: u64,
    /// How often it ran, as far as the kernel counted.
    pub runs: u64,
    /// Runs that the kernel skipped because it was already running on that CPU; absent where the kernel doesn't say
    /// (before 5.12).
    pub skipped: Option<u64>,
}

impl Snapshot {
    /// Losses of all sources and outputs.
    #[must_use]
    pub fn lost(&self) -> u64 {
        let accounts = self.sources.iter().filter_map(|source| source.account.as_ref());
        let sources = accounts.flat_map(|account| &account.lost);
        let outputs = self.outputs.iter().flat_map(|output| &output.lost);
        sources.chain(outputs).map(|loss| loss.count).sum::<u64>() + self.unattributed
    }
}

impl Snapshot {
    /// One of each, for the tests of those who read it.
    #[doc(hidden)]
    #[must_use]
    pub fn example() -> Self {
        let lost = |reason: &str, count| LossNow { reason: reason.to_owned(), count };
        let account =
            AccountNow { seen: 10, emitted: 7, lost: vec![lost("ring_full", 3)], ..AccountNow::default() };
        let source =
            |name: &str, module, state, account| SourceNow { name: name.to_owned(), module, state, account };
        Self {
            version: "1.2.3".to_owned(),
            started: "2026-01-02T03:04:05Z".parse().unwrap_or(Timestamp::UNIX_EPOCH),
            sources: vec![
                source("selinux", Module::Selinux, SourceState::Attached, Some(account)),
                source("landlock", Module::Landlock, SourceState::NotSelected, None),
            ],
            unattributed: 0,
            lost_by_subject: vec![SubjectNow {
                uid: 1000,
                cgroup: 4711,
                path: Some("/user.slice".to_owned()),
                lost: 3,
            }],
            outputs: vec![OutputNow {
                name: "stdout".to_owned(),
                received: 7,
                filtered: 0,
                written: 6,
                lost: vec![lost("queue_full", 0)],
                queued: 1,
                capacity: 8192,
                filter: None,
            }],
            clients: Some(ClientsNow { connected: 1, accepted: 3, refused: 0, lost: 2 }),
            programs: vec![ProgramNow {
                source: "selinux".to_owned(),
                name: "selinux_fexit".to_owned(),
                hook: "fexit/common_lsm_audit".to_owned(),
                run_time_ns: 1_500_000_000,
                runs: 3,
                skipped: Some(0),
            }],
            bpf_stats_enabled: Some(true),
            names: vec![NameWay::Files, NameWay::Userdbd],
            posture: Posture::default(),
            denials: None,
        }
    }
}
