//! TOMOYO's records.

use std::{
    borrow::Cow,
    net::{Ipv4Addr, Ipv6Addr},
};

use monitor_common::{ObjectKind, SourceId, Tomoyo, TomoyoRequest, chunk::ChunkKind};

use crate::{
    event::{Kind, Module, Text},
    record::{Record, RecordError},
    source::{
        Attachment, Hook, Program, Source,
        draft::{Draft, Finished},
        names::{
            socket,
            tomoyo::{self as names, Radix},
        },
        object,
    },
    text,
};

/// What there is to know of it before it is attached.
pub(super) const SOURCE: Source = Source {
    id: SourceId::Tomoyo,
    name: "tomoyo",
    module: Module::Tomoyo,
    lsm: Some("tomoyo"),
    kind: Kind::Denial,
    silent: false,
    about: "what TOMOYO's policy refused, or would have",
    attachments: &[
        Attachment {
            programs: &[Program { name: "tomoyo_kprobe", hook: Hook::Multi("tomoyo_write_log2") }],
            needs: NEEDS,
            reads: READS,
            caveat: None,
        },
        Attachment {
            programs: &[Program { name: "tomoyo_fentry", hook: Hook::Fentry("tomoyo_write_log2") }],
            needs: NEEDS,
            reads: READS,
            caveat: None,
        },
        Attachment {
            programs: &[Program { name: "tomoyo_kprobe", hook: Hook::Kprobe("tomoyo_write_log2") }],
            needs: NEEDS,
            reads: READS,
            caveat: None,
        },
    ],
    cost: Some(
        "runs at each decision of TOMOYO about a process whose profile is not disabled, also one that allows",
    ),
    advice: super::TRAMPOLINES,
    advice_if_refused: super::TRAMPOLINES,
    decode,
};

const NEEDS: &[&str] = &["tomoyo_request_granted", "tomoyo_request_mode", "tomoyo_request_type"];
const READS: &[&str] = &["tomoyo_"];

/// `TOMOYO_CONFIG_ENFORCING`, `_USE_DEFAULT` and `_WANT_REJECT_LOG` (security/tomoyo/common.h).
const ENFORCING: u8 = 3;
const USE_DEFAULT: u8 = 255;
const WANT_REJECT_LOG: u8 = 64;

/// The names in a request, as TOMOYO writes them: without spaces and control characters, which it escapes.
#[derive(Default)]
struct Names<'a> {
    first: Option<Text<'a>>,
    second: Option<Text<'a>>,
    mount_source: Option<Text<'a>>,
    mount_type: Option<Text<'a>>,
}

/// Decodes a record of TOMOYO.
pub(super) fn decode<'a>(draft: &mut Draft<'a>, record: &Record<'a>) -> Result<Finished, RecordError> {
    let (body, chunks) = record.body::<Tomoyo>()?;
    object::describe(draft, &body.object);
    let mut names = Names::default();
    for chunk in chunks {
        let chunk = chunk?;
        let (field, to) = match chunk.kind {
            ChunkKind::TomoyoDomain => ("subject.label", &mut draft.event.subject.label),
            ChunkKind::Name => ("object.name", &mut names.first),
            ChunkKind::Target => ("object.target", &mut names.second),
            ChunkKind::MountSource => ("object.mount_source", &mut names.mount_source),
            ChunkKind::MountType => ("object.mount_type", &mut names.mount_type),
            _ => {
                draft.take(&chunk)?;
                continue;
            }
        };
        *to = Some(text::escape(chunk.bytes));
        draft.note_defect(field, &chunk);
    }
    let event = &mut draft.event;
    event.subject.profile = Some(body.profile);
    event.subject.mode = names::mode(body.mode).map(Cow::Borrowed);
    event.action.errno = (body.mode == ENFORCING).then_some(libc::EPERM.unsigned_abs());
    if let Some(request) = names::request(body.request) {
        describe(draft, body, request, names);
    } else {
        draft.missing("action", format!("TOMOYO's request of type {} is unknown", body.request));
    }
    if body.asks != 0 {
        draft.missing("verdict", "an administrator was asked, who may have allowed it (tomoyo-queryd)");
    }
    Ok(draft.finish())
}

fn describe<'a>(draft: &mut Draft<'a>, body: &Tomoyo, request: TomoyoRequest, names: Names<'a>) {
    let event = &mut draft.event;
    let category = names::category(request);
    let operation = names::operation(request, body.operation)
        .map_or_else(|| Cow::Owned(format!("operation_{}", body.operation)), Cow::Borrowed);
    event.action.info = line(body, request, &operation, &names);
    event.action.class = Some(category.into());
    event.action.permissions = vec![operation];
    if request == TomoyoRequest::PathNumber && body.operation == names::IOCTL {
        event.action.ioctl_command = u32::try_from(body.number).ok();
    }
    if body.has_configs != 0 {
        event.silent = !logs_refusals(body, category);
    } else {
        draft.missing("silent", "the profile could not be read");
    }
    let to = &mut draft.event.object;
    if body.object.kind == ObjectKind::Net as u8 {
        to.socket_type = Some(socket::kind(u32::from(body.protocol)));
        // TOMOYO does not tell it.
        to.protocol = None;
    }
    to.name = names.first.filter(|name| to.path.as_ref() != Some(name));
    to.target = names.second;
    to.mount_source = names.mount_source;
    to.mount_type = names.mount_type;
}

/// Whether the profile has refusals of this operation logged (`tomoyo_get_audit`, security/tomoyo/audit.c).
fn logs_refusals(body: &Tomoyo, category: &str) -> bool {
    let [file, network, misc] = body.category_configs;
    let of_category = match category {
        "network" => network,
        "misc" => misc,
        _ => file,
    };
    let settings = [body.config, of_category, body.default_config];
    let setting = settings.into_iter().find(|&setting| setting != USE_DEFAULT);
    setting.is_some_and(|setting| setting & WANT_REJECT_LOG != 0)
}

/// The request as TOMOYO's log has it, and its policy would allow it; `None` if a part of it is not known.
fn line<'a>(body: &Tomoyo, request: TomoyoRequest, operation: &str, names: &Names<'a>) -> Option<Text<'a>> {
    let name = names.first.as_ref();
    let line = match request {
        TomoyoRequest::Path => format!("file {operation} {}", name?),
        TomoyoRequest::Path2 => format!("file {operation} {} {}", name?, names.second.as_ref()?),
        TomoyoRequest::PathNumber => match names::radix(body.operation) {
            Radix::Octal => format!("file {operation} {} 0{:o}", name?, body.number),
            Radix::Decimal => format!("file {operation} {} {}", name?, body.number),
            Radix::Hexadecimal => format!("file {operation} {} 0x{:X}", name?, body.number),
        },
        TomoyoRequest::Device => {
            let [mode, major, minor] = body.device;
            format!("file {operation} {} 0{mode:o} {major} {minor}", name?)
        }
        TomoyoRequest::Mount => {
            let (from, kind) = (names.mount_source.as_ref()?, names.mount_type.as_ref()?);
            format!("file mount {from} {} {kind} 0x{:X}", name?, body.number)
        }
        TomoyoRequest::Inet => {
            let socket = &body.object.socket;
            let bytes = if body.operation <= names::LISTEN { socket.source } else { socket.destination };
            let address = if body.is_ipv6 == 0 {
                Ipv4Addr::from_octets(*bytes.first_chunk()?).to_string()
            } else {
                Ipv6Addr::from_octets(bytes).to_string()
            };
            let kind = socket::kind(u32::from(body.protocol));
            format!("network inet {kind} {operation} {address} {}", body.port)
        }
        TomoyoRequest::Unix => {
            let kind = socket::kind(u32::from(body.protocol));
            format!("network unix {kind} {operation} {}", name?)
        }
        TomoyoRequest::Environment => format!("misc env {}", name?),
    };
    Some(line.into())
}

#[cfg(test)]
mod tests {
    use zerocopy::FromZeros as _;

    use super::*;

    #[test]
    fn the_nearest_setting_says_whether_a_refusal_is_logged() {
        let logs = WANT_REJECT_LOG | ENFORCING;
        let with = |config, network, default_config| {
            let category_configs = [0, network, 0];
            Tomoyo { config, category_configs, default_config, ..Tomoyo::new_zeroed() }
        };
        assert!(logs_refusals(&with(logs, 0, 0), "network"));
        assert!(!logs_refusals(&with(ENFORCING, logs, logs), "network"));
        assert!(logs_refusals(&with(USE_DEFAULT, logs, 0), "network"));
        assert!(!logs_refusals(&with(USE_DEFAULT, logs, logs), "file"));
        assert!(logs_refusals(&with(USE_DEFAULT, USE_DEFAULT, logs), "network"));
    }
}
