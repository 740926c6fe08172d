//! Random denials: the line that the kernel logs, and the question to a compiled profile whether it allows them.

use std::fmt::Write as _;

use proptest::prelude::*;

use crate::compiled::{Class, Compiled};

/// A denial.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Denial {
    File { path: String, letters: String, owned: bool },
    Link { path: String, target: String, owned: bool },
    Capability(usize),
    Network { family: usize, kind: usize },
    Signal { number: usize, sends: bool, peer: String },
    Ptrace { right: usize, peer: String },
    Dbus { sends: bool, path: String, member: String, name: String, peer: String },
    ChangeProfile { target: String, stacks: bool },
    Mount { target: String, source: String, kind: String, flags: Vec<usize> },
    Bind { target: String, source: String },
    Umount { target: String },
    PivotRoot { root: String, old: String },
}

const CAPABILITIES: [(&str, u32); 5] =
    [("chown", 0), ("dac_override", 1), ("net_admin", 12), ("sys_admin", 21), ("syslog", 34)];
const FAMILIES: [(&str, u16); 4] = [("inet", 2), ("inet6", 10), ("netlink", 16), ("packet", 17)];
const TYPES: [(&str, u16); 4] = [("stream", 1), ("dgram", 2), ("raw", 3), ("seqpacket", 5)];
const SIGNALS: [(&str, u8); 4] = [("hup", 1), ("kill", 9), ("usr1", 10), ("term", 15)];
const RIGHTS: [(&str, u32); 4] = [("trace", 2), ("read", 4), ("tracedby", 8), ("readby", 16)];
const FLAGS: [(&str, u8); 4] = [("nosuid", 1), ("nodev", 2), ("noexec", 3), ("noatime", 10)];

/// A file's name, with what patterns and the parser hold for special.
fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z]{1,6}",
        "[a-z*?\\[\\]{}^\\\\\",@# ()=&|.<>;:~+-]{1,8}"
            .prop_filter("no dots alone", |name| !matches!(&**name, "." | "..")),
        "[äöü€a-z]{1,4}",
    ]
}

fn path() -> impl Strategy<Value = String> {
    let folders = prop::sample::select(vec![
        "/srv",
        "/etc",
        "/var/lib/x",
        "/home/ann",
        "/proc/12",
        "/run/user/1000",
        "/sys/class",
    ]);
    (folders, name()).prop_map(|(folder, name)| format!("{folder}/{name}"))
}

/// A profile's name.
fn label() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("unconfined".to_owned()),
        "[a-z]{1,5}",
        "[a-z]{1,3}//[a-z]{1,3}",
        "/usr/bin/[a-z]{1,4}",
        "[a-z] [a-z*]"
    ]
}

pub(crate) fn denial() -> impl Strategy<Value = Denial> {
    prop_oneof![
        6 => (path(), prop::sample::subsequence(vec!["r", "w", "k", "m"], 1..4), any::<bool>())
            .prop_map(|(path, letters, owned)| Denial::File { path, letters: letters.concat(), owned }),
        1 => path().prop_map(|path| Denial::File { path, letters: "x".to_owned(), owned: false }),
        2 => (path(), path(), any::<bool>())
            .prop_map(|(path, target, owned)| Denial::Link { path, target, owned }),
        1 => (0..CAPABILITIES.len()).prop_map(Denial::Capability),
        1 => (0..FAMILIES.len(), 0..TYPES.len()).prop_map(|(family, kind)| Denial::Network { family, kind }),
        2 => (0..SIGNALS.len(), any::<bool>(), label())
            .prop_map(|(number, sends, peer)| Denial::Signal { number, sends, peer }),
        2 => (0..RIGHTS.len(), label()).prop_map(|(right, peer)| Denial::Ptrace { right, peer }),
        2 => (any::<bool>(), "/[a-z]{1,4}(/[a-z]{1,4})?", "[A-Z][a-z]{1,4}", "org\\.[a-z]{1,4}", label())
            .prop_map(|(sends, path, member, name, peer)| Denial::Dbus { sends, path, member, name, peer }),
        1 => (label(), any::<bool>()).prop_map(|(target, stacks)| Denial::ChangeProfile { target, stacks }),
        1 => (path(), path(), "[a-z]{2,5}", prop::sample::subsequence((0..FLAGS.len()).collect::<Vec<_>>(), 1..4))
            .prop_map(|(target, source, kind, flags)| Denial::Mount { target: target + "/", source, kind, flags }),
        1 => (path(), path()).prop_map(|(target, source)| Denial::Bind { target: target + "/", source: source + "/" }),
        1 => path().prop_map(|target| Denial::Umount { target: target + "/" }),
        1 => (path(), path()).prop_map(|(root, old)| Denial::PivotRoot { root: root + "/", old: old + "/" }),
    ]
}

/// A value as audit writes it.
fn value(text: &str) -> String {
    if text.bytes().all(|byte| (0x21..=0x7e).contains(&byte) && byte != b'"') {
        return format!("\"{text}\"");
    }
    text.bytes().fold(String::new(), |mut text, byte| {
        let _infallible = write!(text, "{byte:02X}");
        text
    })
}

impl Denial {
    /// The line in the log.
    pub(crate) fn line(&self, serial: usize) -> String {
        let fields = match self {
            Self::File { path, letters, owned } => format!(
                "operation=\"open\" class=\"file\" profile=\"app\" name={} pid=12 comm=\"app\" requested_mask=\"{letters}\" \
                 denied_mask=\"{letters}\" fsuid=7 ouid={}",
                value(path),
                if *owned { 7 } else { 0 }
            ),
            Self::Link { path, target, owned } => format!(
                "operation=\"link\" class=\"file\" profile=\"app\" name={} pid=12 comm=\"app\" requested_mask=\"l\" \
                 denied_mask=\"l\" fsuid=7 ouid={} target={}",
                value(path),
                if *owned { 7 } else { 0 },
                value(target)
            ),
            Self::Capability(index) => {
                let (name, number) = CAPABILITIES[*index];
                format!(
                    "operation=\"capable\" class=\"cap\" profile=\"app\" pid=12 comm=\"app\" capability={number} capname=\"{name}\""
                )
            }
            Self::Network { family, kind } => format!(
                "operation=\"create\" class=\"net\" profile=\"app\" pid=12 comm=\"app\" family=\"{}\" sock_type=\"{}\" protocol=0 \
                 requested_mask=\"create\" denied_mask=\"create\"",
                FAMILIES[*family].0, TYPES[*kind].0
            ),
            Self::Signal { number, sends, peer } => {
                let mask = if *sends { "send" } else { "receive" };
                format!(
                    "operation=\"signal\" class=\"signal\" profile=\"app\" pid=12 comm=\"app\" requested_mask=\"{mask}\" \
                     denied_mask=\"{mask}\" signal={} peer={}",
                    SIGNALS[*number].0,
                    value(peer)
                )
            }
            Self::Ptrace { right, peer } => {
                let mask = RIGHTS[*right].0;
                format!(
                    "operation=\"ptrace\" class=\"ptrace\" profile=\"app\" pid=12 comm=\"app\" requested_mask=\"{mask}\" \
                     denied_mask=\"{mask}\" peer={}",
                    value(peer)
                )
            }
            Self::Dbus { sends, path, member, name, peer } => {
                let mask = if *sends { "send" } else { "receive" };
                return format!(
                    "type=USER_AVC msg=audit(1.002:{serial}): pid=9 uid=100 auid=4294967295 ses=4294967295 subj=? \
                     msg='apparmor=\"DENIED\" operation=\"dbus_method_call\"  bus=\"system\" path=\"{path}\" interface=\"org.i\" \
                     member=\"{member}\" mask=\"{mask}\" name=\"{name}\" pid=12 label=\"app\" peer_pid=199 peer_label=\"{peer}\" \
                     exe=\"/usr/bin/dbus-daemon\" sauid=100 hostname=? addr=? terminal=?'\n"
                );
            }
            Self::ChangeProfile { target, stacks } => format!(
                "operation=\"{}\" class=\"file\" profile=\"app\" name={target} pid=12 comm=\"app\" target={target}",
                if *stacks { "stack" } else { "change_profile" },
                target = value(target)
            ),
            Self::Mount { target, source, kind, flags } => format!(
                "operation=\"mount\" class=\"mount\" profile=\"app\" name={} pid=12 comm=\"app\" fstype=\"{kind}\" srcname={} \
                 flags=\"rw, {}\"",
                value(target),
                value(source),
                flags.iter().map(|flag| FLAGS[*flag].0).collect::<Vec<_>>().join(", ")
            ),
            Self::Bind { target, source } => format!(
                "operation=\"mount\" class=\"mount\" profile=\"app\" name={} pid=12 comm=\"app\" srcname={} flags=\"rw, bind\"",
                value(target),
                value(source)
            ),
            Self::Umount { target } => {
                format!(
                    "operation=\"umount\" class=\"mount\" profile=\"app\" name={} pid=12 comm=\"app\"",
                    value(target)
                )
            }
            Self::PivotRoot { root, old } => format!(
                "operation=\"pivotroot\" class=\"mount\" profile=\"app\" name={} pid=12 comm=\"app\" srcname={} trans=\"app\"",
                value(root),
                value(old)
            ),
        };
        format!("audit: type=1400 audit(1.002:{serial}): apparmor=\"DENIED\" {fields}\n")
    }

    /// Whether a profile allows it.
    pub(crate) fn is_allowed(&self, profile: &Compiled) -> bool {
        match self {
            Self::File { path, letters, owned } => {
                let rights = profile.file(path, *owned);
                letters.chars().all(|letter| rights.contains(letter))
            }
            Self::Link { path, target, owned } => profile.link(path, target, *owned),
            Self::Capability(index) => profile.capabilities & 1 << CAPABILITIES[*index].1 != 0,
            Self::Network { family, kind } => {
                let [family, kind] = [FAMILIES[*family].1, TYPES[*kind].1].map(u16::to_be_bytes);
                profile.rights(Class::Net, &[family, kind].concat()) != 0
            }
            Self::Signal { number, sends, peer } => {
                let wanted = if *sends { 2 } else { 4 };
                profile.rights(Class::Signal, &[&[SIGNALS[*number].1], peer.as_bytes()].concat()) & wanted
                    != 0
            }
            Self::Ptrace { right, peer } => {
                profile.rights(Class::Ptrace, peer.as_bytes()) & RIGHTS[*right].1 != 0
            }
            Self::Dbus { sends, path, member, name, peer } => {
                let wanted = if *sends { 2 } else { 4 };
                let text = format!("system\0{name}\0{peer}\0{path}\0org.i\0{member}");
                profile.rights(Class::Dbus, text.as_bytes()) & wanted != 0
            }
            Self::ChangeProfile { target, stacks } => {
                profile.change_profile(&format!("{}{target}", if *stacks { "&" } else { "" }))
            }
            Self::Mount { target, source, kind, flags } => {
                let mut bytes = format!("{target}\0{source}\0{kind}\0").into_bytes();
                // Each flag by the number of its bit, from 1.
                bytes.extend(flags.iter().map(|flag| FLAGS[*flag].1 + 1));
                profile.rights(Class::Mount, &bytes) != 0
            }
            Self::Bind { target, source } => {
                profile.rights(Class::Mount, format!("{target}\0{source}\0\0\u{d}").as_bytes()) != 0
            }
            Self::Umount { target } => profile.rights(Class::Mount, target.as_bytes()) != 0,
            Self::PivotRoot { root, old } => {
                profile.rights(Class::Mount, format!("{root}\0{old}").as_bytes()) != 0
            }
        }
    }

    /// Whether it is among these denials, or a part of some.
    pub(crate) fn is_part_of(&self, denials: &[Self]) -> bool {
        let (path, letters, owned) = match self {
            Self::File { path, letters, owned } => (path, letters, owned),
            // What is allowed for all files is for one's own.
            Self::Link { path, target, .. } => {
                let of_all = Self::Link { path: path.clone(), target: target.clone(), owned: false };
                return denials.contains(self) || denials.contains(&of_all);
            }
            _ => return denials.contains(self),
        };
        letters.chars().all(|letter| {
            denials.iter().any(|denial| match denial {
                Self::File { path: other, letters, owned: of_owner } => {
                    let implied = letter == 'm' && letters == "x";
                    path == other && (letters.contains(letter) || implied) && (*owned || !of_owner)
                }
                Self::Link { path: other, .. } => path == other && letter == 'l',
                _ => false,
            })
        })
    }

    /// What is like it, and was not refused.
    pub(crate) fn others(&self) -> Vec<Self> {
        let longer = |text: &str| match text.strip_suffix('/') {
            Some(folder) => format!("{folder}Q/"),
            None => format!("{text}Q"),
        };
        let next = |index: &usize, length: usize| (index + 1) % length;
        match self {
            Self::File { path, letters, owned } => {
                let mut others =
                    vec![Self::File { path: longer(path), letters: letters.clone(), owned: *owned }];
                if *owned {
                    others.push(Self::File { path: path.clone(), letters: letters.clone(), owned: false });
                }
                // What is executed with `ix` may be mapped.
                let implied = |letter: &str| letters.contains(letter) || letter == "m" && letters == "x";
                for letter in ["r", "w", "k", "m", "l", "x"].into_iter().filter(|letter| !implied(letter)) {
                    others.push(Self::File { path: path.clone(), letters: letter.to_owned(), owned: *owned });
                }
                others
            }
            Self::Link { path, target, owned } => {
                let other = |path: &str, target: &str, owned| {
                    let [path, target] = [path, target].map(str::to_owned);
                    Self::Link { path, target, owned }
                };
                let mut others =
                    vec![other(&longer(path), target, *owned), other(path, &longer(target), *owned)];
                if *owned {
                    others.push(other(path, target, false));
                }
                others
            }
            Self::Capability(index) => vec![Self::Capability(next(index, CAPABILITIES.len()))],
            Self::Network { family, kind } => vec![
                Self::Network { family: next(family, FAMILIES.len()), kind: *kind },
                Self::Network { family: *family, kind: next(kind, TYPES.len()) },
            ],
            Self::Signal { number, sends, peer } => vec![
                Self::Signal { number: next(number, SIGNALS.len()), sends: *sends, peer: peer.clone() },
                Self::Signal { number: *number, sends: !sends, peer: peer.clone() },
                Self::Signal { number: *number, sends: *sends, peer: longer(peer) },
            ],
            Self::Ptrace { right, peer } => vec![
                Self::Ptrace { right: next(right, RIGHTS.len()), peer: peer.clone() },
                Self::Ptrace { right: *right, peer: longer(peer) },
            ],
            Self::Dbus { sends, path, member, name, peer } => {
                let other = |sends, path: &str, member: &str, name: &str, peer: &str| {
                    let [path, member, name, peer] = [path, member, name, peer].map(str::to_owned);
                    Self::Dbus { sends, path, member, name, peer }
                };
                vec![
                    other(!sends, path, member, name, peer),
                    other(*sends, &longer(path), member, name, peer),
                    other(*sends, path, &longer(member), name, peer),
                    other(*sends, path, member, &longer(name), peer),
                    other(*sends, path, member, name, &longer(peer)),
                ]
            }
            Self::ChangeProfile { target, stacks } => vec![
                Self::ChangeProfile { target: longer(target), stacks: *stacks },
                Self::ChangeProfile { target: target.clone(), stacks: !stacks },
            ],
            Self::Mount { target, source, kind, flags } => {
                let other = |target: &str, source: &str, kind: &str| {
                    let [target, source, kind] = [target, source, kind].map(str::to_owned);
                    Self::Mount { target, source, kind, flags: flags.clone() }
                };
                vec![
                    other(&longer(target), source, kind),
                    other(target, &longer(source), kind),
                    other(target, source, &longer(kind)),
                    Self::Mount {
                        target: target.clone(),
                        source: source.clone(),
                        kind: kind.clone(),
                        flags: Vec::new(),
                    },
                ]
            }
            Self::Bind { target, source } => vec![
                Self::Bind { target: longer(target), source: source.clone() },
                Self::Bind { target: target.clone(), source: longer(source) },
            ],
            Self::Umount { target } => vec![Self::Umount { target: longer(target) }],
            Self::PivotRoot { root, old } => vec![
                Self::PivotRoot { root: longer(root), old: old.clone() },
                Self::PivotRoot { root: root.clone(), old: longer(old) },
            ],
        }
    }
}
