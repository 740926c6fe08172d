//! The records of one serial number, and the denials among them.

use std::{borrow::Cow, collections::BTreeSet};

use jiff::Timestamp;
use monitor_event::{
    event::{
        Action, Audit, Endpoint, Event, Fingerprint, Kind, Module, Object, Process, SCHEMA_VERSION, Subject,
        Text, Verdict,
    },
    names::syscall::{self, Abi},
    text,
};

use super::{
    BrokenLine, Denial, Problem, apparmor,
    head::{Head, Type},
    other, selinux,
};
use crate::record::Field;

/// Records of one event.
pub(super) struct Group {
    pub(super) head: Head,
    pub(super) parts: Vec<Part>,
    pub(super) bytes: usize,
}

/// One record.
pub(super) struct Part {
    pub(super) kind: Type,
    pub(super) line: u64,
    pub(super) permissions: BTreeSet<String>,
    pub(super) fields: Vec<(String, Field)>,
}

/// Of x86-64 and aarch64, as audit numbers machines (`AUDIT_ARCH_*`, include/uapi/linux/audit.h).
const ABIS: [(u32, Abi); 4] = [
    (0xc000_003e, Abi::X86_64),
    (0x4000_0003, Abi::I386),
    (0xc000_00b7, Abi::Aarch64),
    (0x4000_0028, Abi::Arm),
];

impl Group {
    pub(super) fn new(head: Head, part: Part, bytes: usize) -> Self {
        Self { head, parts: vec![part], bytes }
    }

    pub(super) fn is_of(&self, head: &Head) -> bool {
        let of = |head: &Head| (head.serial, head.time);
        of(&self.head) == of(head) && self.head.host == head.host
    }

    pub(super) fn push(&mut self, part: Part, bytes: usize) {
        self.parts.push(part);
        self.bytes += bytes;
    }

    /// The denials, each with what the other records say.
    pub(super) fn denials(&self) -> impl Iterator<Item = Result<Denial<'static>, BrokenLine>> {
        self.parts.iter().filter_map(|part| {
            let event = match part.kind {
                Type::Denial if part.field("apparmor").is_some() => apparmor::kernel(self, part),
                Type::Denial => selinux::denial(self, part),
                Type::SelinuxError => selinux::error(self, part),
                Type::Manager => selinux::manager(self, part),
                Type::Landlock => other::landlock(self, part),
                Type::Seccomp => other::seccomp(self, part),
                Type::Ipe => other::ipe(self, part),
                Type::Lockdown => other::lockdown(self, part),
                Type::Yama => other::yama(self, part),
                _ => return None,
            };
            Some(match event {
                Ok(mut event) => {
                    event.fingerprint = Fingerprint::new(&event);
                    let syscall = self.first(Type::SystemCall).and_then(system_call);
                    let timed = self.head.time.is_some();
                    Ok(Denial { event, timed, syscall, line: part.line })
                }
                Err(Some(problem)) => Err(BrokenLine { line: part.line, problem }),
                Err(None) => return None,
            })
        })
    }

    /// An event in which only the record's head and the process stand.
    pub(super) fn event(&self, module: Module, part: &Part) -> Event<'static> {
        Event {
            schema: SCHEMA_VERSION,
            time: self.head.time.unwrap_or(Timestamp::UNIX_EPOCH),
            host: self.head.host.clone().unwrap_or_default().into(),
            kind: Kind::Denial,
            module,
            verdict: Some(Verdict::Denied),
            silent: false,
            fingerprint: None,
            count: self.head.repeats,
            first: None,
            last: None,
            pids: Vec::new(),
            action: Action::default(),
            changes: Vec::new(),
            subject: Subject::default(),
            object: Object::default(),
            process: self.process(part),
            manager: None,
            unit: None,
            container: None,
            stack: None,
            audit: self.head.serial.map(|serial| Audit { serial }),
            advice: None,
            missing: Vec::new(),
        }
    }

    fn process(&self, part: &Part) -> Process<'static> {
        let call = self.first(Type::SystemCall);
        let parts = || [Some(part), call].into_iter().flatten();
        let number = |name: &str| parts().find_map(|part| part.unsigned(name));
        let text = |name: &str| parts().find_map(|part| part.text(name));
        let unset = |id: &u32| *id != u32::MAX;
        Process {
            pid: number("pid"),
            comm: text("comm"),
            exe: text("exe"),
            ppid: number("ppid"),
            uid: number("uid"),
            euid: number("euid"),
            fsuid: number("fsuid"),
            gid: number("gid"),
            egid: number("egid"),
            loginuid: number("auid").filter(unset),
            session: number("ses").filter(unset),
            cwd: self.first(Type::WorkingDirectory).and_then(|part| part.text("cwd")),
            cmdline: self.first(Type::Title).map(title).unwrap_or_default(),
            ..Process::default()
        }
    }

    pub(super) fn first(&self, kind: Type) -> Option<&Part> {
        self.parts.iter().find(|part| part.kind == kind)
    }

    /// Whether the system call succeeded: then what was refused was refused only by name.
    pub(super) fn succeeded(&self) -> bool {
        self.first(Type::SystemCall).and_then(|part| part.field("success")).map(Field::bare) == Some("yes")
    }

    /// The record of the file with this inode, and its path if it is whole.
    pub(super) fn path(&self, inode: i64) -> Option<(&Part, Option<Text<'static>>)> {
        let mut found = self
            .parts
            .iter()
            .filter(|part| part.kind == Type::Path && part.number("inode") == Some(inode))
            .filter(|part| part.text("name").is_some());
        let part = found.next()?;
        let name = part.field("name")?.bytes();
        let path = if name.starts_with(b"/") {
            Some(name)
        } else {
            let cwd = self.first(Type::WorkingDirectory).and_then(|part| part.field("cwd")).map(Field::bytes);
            let is_plain = !name.starts_with(b".") && !name.windows(2).any(|pair| pair == b"..");
            cwd.filter(|cwd| cwd.starts_with(b"/") && is_plain)
                .map(|cwd| [cwd.trim_ascii_end().strip_suffix(b"/").unwrap_or(&cwd), b"/", &name].concat())
        };
        Some((part, path.map(|path| owned(&path))))
    }
}

impl Part {
    pub(super) fn field(&self, name: &str) -> Option<&Field> {
        self.fields.iter().find_map(|(known, field)| (known == name).then_some(field))
    }

    pub(super) fn number(&self, name: &str) -> Option<i64> {
        self.field(name)?.number()
    }

    pub(super) fn unsigned(&self, name: &str) -> Option<u32> {
        self.number(name)?.try_into().ok()
    }

    /// A field that may hold any bytes; what audit writes for none is none.
    pub(super) fn text(&self, name: &str) -> Option<Text<'static>> {
        let field = self.field(name)?;
        if matches!(field, Field::Bare(bare) if matches!(bare.as_str(), "(null)" | "?" | "")) {
            return None;
        }
        Some(owned(&field.bytes()))
    }

    /// An end of a connection, of which these fields have the address and the port.
    pub(super) fn endpoint(&self, address: &str, port: &str) -> Option<Endpoint<'static>> {
        let address = self.word(address);
        let port = self.number(port).and_then(|port| u16::try_from(port).ok()).filter(|port| *port > 0);
        (address.is_some() || port.is_some()).then_some(Endpoint { address, port })
    }

    /// A field of the kernel's own words, which are never in hexadecimal.
    pub(super) fn word(&self, name: &str) -> Option<Text<'static>> {
        let bare = self.field(name)?.bare();
        (!bare.is_empty() && bare != "(null)").then(|| owned(bare.as_bytes()))
    }
}

pub(super) fn owned(bytes: &[u8]) -> Text<'static> {
    Cow::Owned(text::escape(bytes).into_owned())
}

/// Why a record gives no event: a problem, or that it is none of a denial.
pub(super) type Made = Result<Event<'static>, Option<Problem>>;

/// The words of a command line.
fn title(part: &Part) -> Vec<Text<'static>> {
    let Some(field) = part.field("proctitle") else { return Vec::new() };
    let bytes = field.bytes();
    let bytes = bytes.strip_suffix(b"\0").unwrap_or(&bytes);
    bytes.split(|byte| *byte == 0).map(owned).collect()
}

fn system_call(part: &Part) -> Option<String> {
    // ENRICHED logs have its name.
    if let Some(name) = part.field("SYSCALL") {
        return Some(name.bare().to_owned());
    }
    // `ausearch -i` writes it in the number's place.
    let field = part.field("syscall")?.bare();
    if other::is_name(field) {
        return Some(field.to_owned());
    }
    let abi = abi(part)?;
    Some(syscall::name(abi, part.number("syscall")?.try_into().ok()?).into_owned())
}

/// The rules by which the record's number is a system call's; `ausearch -i` writes the machine's name.
pub(super) fn abi(part: &Part) -> Option<Abi> {
    let arch = part.field("arch")?.bare();
    let number = u32::from_str_radix(arch, 16).ok();
    ABIS.iter().find_map(|(known, abi)| (Some(*known) == number || abi.name() == arch).then_some(*abi))
}
