//! What the actor says about a case: the facts that the event must agree with.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    fs,
    io::{self, ErrorKind},
    os::unix::{ffi::OsStrExt as _, fs::MetadataExt as _},
    path::Path,
};

use rustix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::case::Outcome;

/// Facts that only the running case knows, by name: process ids, ports, inode numbers.
pub type Facts = BTreeMap<String, Value>;

/// One case, as it went.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Report {
    /// The case's name.
    pub case: String,
    /// What became of the operation.
    pub outcome: Outcome,
    /// What only the running case knows.
    pub facts: Facts,
    /// The process that was refused.
    pub process: ProcessFacts,
    /// Its ancestors, the parent first.
    pub ancestors: Vec<ProcessFacts>,
}

/// A process, as `/proc` shows it. Bytes that aren't UTF-8 are escaped as in events.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct ProcessFacts {
    /// Process id.
    pub pid: u32,
    /// Process id in its own pid namespace.
    pub ns_pid: u32,
    /// The parent's process id.
    pub ppid: u32,
    /// Name.
    pub comm: String,
    /// Path of the executable, absent for a kernel thread.
    pub exe: Option<String>,
    /// Command line.
    pub cmdline: Vec<String>,
    /// Working directory.
    pub cwd: Option<String>,
    /// Real, effective, saved and file-system user ids.
    pub uids: [u32; 4],
    /// Real, effective, saved and file-system group ids.
    pub gids: [u32; 4],
    /// Effective capabilities in hexadecimal.
    pub cap_effective: String,
    /// The user who logged in.
    pub loginuid: Option<u32>,
    /// The audit session.
    pub session: Option<u32>,
    /// When it started: seconds since 1970, exact to a clock tick.
    pub start_time: f64,
    /// Path of its cgroup in the default hierarchy.
    pub cgroup: String,
    /// Inode number of the cgroup's directory.
    pub cgroup_id: Option<u64>,
    /// Inode numbers of its namespaces, by their names in `/proc/PID/ns`.
    pub namespaces: BTreeMap<String, u64>,
    /// Its label, where a module gives one.
    pub label: Option<String>,
    /// The names that the guest has for its ids, by the field of the event that has them.
    pub names: BTreeMap<String, String>,
}

impl ProcessFacts {
    /// Reads what `/proc` says of a living process.
    ///
    /// # Errors
    /// Fails if the process is gone, or `/proc` does not read as it should.
    pub fn read(pid: u32) -> io::Result<Self> {
        let proc = Path::new("/proc").join(pid.to_string());
        let status = Status(fs::read_to_string(proc.join("status"))?);
        let stat = fs::read(proc.join("stat"))?;
        let cgroup = fs::read_to_string(proc.join("cgroup"))?;
        let cgroup = cgroup.lines().find_map(|line| line.strip_prefix("0::")).unwrap_or_default().to_owned();
        let mut namespaces = BTreeMap::new();
        for name in ["pid", "mnt", "net", "user"] {
            namespaces.insert(name.to_owned(), fs::metadata(proc.join("ns").join(name))?.ino());
        }
        let label = read_optional(&proc.join("attr/current"))?;
        let (uids, gids) = (status.numbers("Uid")?, status.numbers("Gid")?);
        let loginuid = read_audit_id(&proc.join("loginuid"))?;
        Ok(Self {
            pid,
            ns_pid: status.last_number("NSpid")?,
            ppid: status.number("PPid")?,
            comm: escape(fs::read(proc.join("comm"))?.trim_ascii_end()),
            exe: read_link(&proc.join("exe")),
            cmdline: read_arguments(&proc.join("cmdline"))?,
            cwd: read_link(&proc.join("cwd")),
            uids,
            gids,
            cap_effective: status.field("CapEff")?.to_owned(),
            loginuid,
            names: names(&uids, &gids, loginuid)?,
            session: read_audit_id(&proc.join("sessionid"))?,
            start_time: start_time(&stat)?,
            cgroup_id: fs::metadata(format!("/sys/fs/cgroup{cgroup}")).ok().map(|dir| dir.ino()),
            cgroup,
            namespaces,
            label: label
                .map(|label| label.trim_end_matches(['\0', '\n']).to_owned())
                .filter(|l| !l.is_empty()),
        })
    }

    /// Reads the ancestors of this process up to the first process of the system.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn ancestors(&self) -> io::Result<Vec<Self>> {
        let mut ancestors: Vec<Self> = Vec::new();
        let mut next = self.ppid;
        while next != 0 {
            let ancestor = Self::read(next)?;
            next = ancestor.ppid;
            ancestors.push(ancestor);
        }
        Ok(ancestors)
    }
}

/// Writes bytes as events do: `\xNN` for what isn't UTF-8, and `\\` for a backslash.
#[must_use]
pub fn escape(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        text.push_str(&chunk.valid().replace('\\', "\\\\"));
        for byte in chunk.invalid() {
            let _infallible = write!(text, "\\x{byte:02x}");
        }
    }
    text
}

struct Status(String);

impl Status {
    fn field(&self, name: &str) -> io::Result<&str> {
        let mut lines = self.0.lines();
        let field = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        field.map(str::trim).ok_or_else(|| malformed("status", name))
    }

    fn numbers<const N: usize>(&self, name: &str) -> io::Result<[u32; N]> {
        let numbers: Result<Vec<u32>, _> = self.field(name)?.split_whitespace().map(str::parse).collect();
        numbers.ok().and_then(|numbers| numbers.try_into().ok()).ok_or_else(|| malformed("status", name))
    }

    /// The last of a list: that of the innermost namespace.
    fn last_number(&self, name: &str) -> io::Result<u32> {
        let last = self.field(name)?.split_whitespace().next_back();
        last.and_then(|number| number.parse().ok()).ok_or_else(|| malformed("status", name))
    }

    fn number(&self, name: &str) -> io::Result<u32> {
        self.numbers::<1>(name).map(|[number]| number)
    }
}

/// The names of ids, as the files of the guest have them.
fn names(uids: &[u32; 4], gids: &[u32; 4], loginuid: Option<u32>) -> io::Result<BTreeMap<String, String>> {
    let (users, groups) = (fs::read_to_string("/etc/passwd")?, fs::read_to_string("/etc/group")?);
    let ids = [
        ("user", &users, Some(uids[0])),
        ("euser", &users, Some(uids[1])),
        ("group", &groups, Some(gids[0])),
        ("egroup", &groups, Some(gids[1])),
        ("loginuser", &users, loginuid),
    ];
    let name = |file: &str, id: u32| {
        let mut lines = file.lines().map(|line| line.split(':').collect::<Vec<_>>());
        lines
            .find(|fields| fields.get(2) == Some(&id.to_string().as_str()))
            .map(|fields| fields[0].to_owned())
    };
    Ok(ids.into_iter().filter_map(|(field, file, id)| Some((field.to_owned(), name(file, id?)?))).collect())
}

fn malformed(file: &str, what: &str) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, format!("/proc/PID/{file} has no valid {what}"))
}

/// Field 22, counted after the name, which may hold spaces and parentheses.
fn start_time(stat: &[u8]) -> io::Result<f64> {
    let wrong = || malformed("stat", "start time");
    let after_name = stat.iter().rposition(|&byte| byte == b')').ok_or_else(wrong)? + 1;
    let rest = str::from_utf8(&stat[after_name..]).map_err(|_| wrong())?;
    let ticks: u32 =
        rest.split_whitespace().nth(19).and_then(|field| field.parse().ok()).ok_or_else(wrong)?;
    let per_second = u32::try_from(rustix::param::clock_ticks_per_second()).map_err(|_| wrong())?;
    Ok(boot_time() + f64::from(ticks) / f64::from(per_second))
}

/// How often two clocks are compared.
const LOOKS: u32 = 8;

/// When the machine was booted, in seconds since 1970: what the look at two clocks says that took the least time, since a
/// guest may be held up within one.
fn boot_time() -> f64 {
    let seconds = |clock| {
        let now = clock_gettime(clock);
        // Exact enough: 2^53 nanoseconds are a hundred days, and a clock tick is what the result is good for.
        #[expect(clippy::cast_precision_loss, reason = "a clock tick is all the precision there is")]
        let seconds = now.tv_sec as f64 + now.tv_nsec as f64 / 1e9;
        seconds
    };
    let look = |_| {
        let before = seconds(ClockId::Boottime);
        let now = seconds(ClockId::Realtime);
        let after = seconds(ClockId::Boottime);
        (after - before, now - f64::midpoint(before, after))
    };
    let least = (0..LOOKS).map(look).min_by(|(one, _), (other, _)| one.total_cmp(other));
    least.map_or(0.0, |(_, boot)| boot)
}

fn read_link(path: &Path) -> Option<String> {
    fs::read_link(path).ok().map(|target| escape(target.as_os_str().as_bytes()))
}

fn read_arguments(path: &Path) -> io::Result<Vec<String>> {
    let mut bytes = fs::read(path)?;
    // No test has an empty argument at its end: these zeros are what a title has left of the arguments.
    while bytes.ends_with(b"\0\0") {
        bytes.pop();
    }
    let arguments =
        bytes.strip_suffix(b"\0").map(|bytes| bytes.split(|&byte| byte == 0).map(escape).collect());
    Ok(arguments.unwrap_or_default())
}

/// An absent id is `u32::MAX`; the file itself is absent where the kernel has no audit.
fn read_audit_id(path: &Path) -> io::Result<Option<u32>> {
    let id = read_optional(path)?.and_then(|text| text.trim().parse().ok());
    Ok(id.filter(|&id| id != u32::MAX))
}

/// Absent, too, where no module answers (EINVAL).
fn read_optional(path: &Path) -> io::Result<Option<String>> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::InvalidInput) => Ok(None),
        Err(error) => Err(error),
    }
}
