//! An event as a request.

use monitor_event::{
    event::{Endpoint, Event, ObjectKind},
    text,
};

use super::{Key, Kind, Request};
use crate::apparmor::own;

/// What a denial asked for; None if it lacks what a rule needs, or has what no rule can say.
pub(crate) fn request(event: &Event<'_>) -> Option<Request> {
    let mut request = of_class(event)?;
    request.own = own::of(event, &request);
    Some(request)
}

fn of_class(event: &Event<'_>) -> Option<Request> {
    let action = &event.action;
    match action.class.as_deref()? {
        "file" => match action.operation.as_deref() {
            Some("change_profile" | "change_onexec" | "stack") => change_profile(event),
            _ => file(event),
        },
        "cap" => Some(Request::new(Kind::Capability, [name(event.object.capability.as_deref())?])),
        "net" if event.object.family.as_deref() == Some("unix") => unix(event),
        "net" => network(event),
        "dbus" => dbus(event),
        "ptrace" => peered(event, Kind::Ptrace),
        "signal" => {
            let request = peered(event, Kind::Signal)?;
            Some(match action.signal.as_deref() {
                Some(signal) => request.with(Key::Signal, name(Some(signal))?),
                None => request,
            })
        }
        "mount" => mount(event),
        "rlimits" => {
            let value = action.rlimit_value?.to_string();
            Some(Request::new(Kind::Rlimit, [value]).with(Key::Resource, name(action.rlimit.as_deref())?))
        }
        "namespace" => Some(Request::new(Kind::Userns, ["create".to_owned()])),
        "io_uring" => {
            let request = Request::new(Kind::IoUring, permissions(event)?);
            with(request, Key::Label, event.object.label.as_deref())
        }
        "posix_mqueue" => {
            let queue = plain(event.object.name.as_deref().or(event.object.path.as_deref())?)?;
            Some(Request::new(Kind::Mqueue, permissions(event)?).with(Key::Path, queue))
        }
        _ => None,
    }
}

/// A text as it is; None for what no rule can say.
fn plain(escaped: &str) -> Option<String> {
    let bytes = text::unescape(escaped).ok()?;
    let text = str::from_utf8(&bytes).ok()?;
    (!text.is_empty() && !text.chars().any(char::is_control)).then(|| text.to_owned())
}

/// A text of letters, digits, `_`, `.`, `-` and `+`; whatever else came must not be pasted.
fn name(text: Option<&str>) -> Option<String> {
    text.filter(|text| is_name(text)).map(str::to_owned)
}

pub(super) fn is_name(text: &str) -> bool {
    !text.is_empty()
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-' | b'+'))
}

/// The request with what is known of it.
fn with(request: Request, key: Key, value: Option<&str>) -> Option<Request> {
    match value {
        Some(value) => Some(request.with(key, plain(value)?)),
        None => Some(request),
    }
}

/// The other's profile; of what complain mode makes up, the one that it was made up for.
fn peer<'e>(event: &'e Event<'_>) -> Option<&'e str> {
    let label = event.object.label.as_deref()?;
    Some(label.split_once("//null-").map_or(label, |(outer, _)| outer))
}

fn permissions(event: &Event<'_>) -> Option<Vec<String>> {
    let names = &event.action.permissions;
    let named = !names.is_empty() && names.iter().all(|name| is_name(name) && !name.starts_with("perm_0x"));
    named.then(|| names.iter().map(ToString::to_string).collect())
}

fn file(event: &Event<'_>) -> Option<Request> {
    let (action, object, process) = (&event.action, &event.object, &event.process);
    if object.kind != ObjectKind::File || object.path_cut {
        return None;
    }
    let path = plain(object.name.as_deref().or(object.path.as_deref())?)?;
    let mut path = Some(path).filter(|path| path.starts_with('/'))?;
    let mask = action.denied_mask.as_deref()?;
    let owned = object.owner.is_some() && object.owner == event.subject.fsuid.or(process.fsuid);
    if action.operation.as_deref() == Some("link") {
        let target = plain(object.target.as_deref()?).filter(|target| target.starts_with('/'))?;
        if mask.contains('l') {
            let mut link = Request::new(Kind::Link, ["l".to_owned()]);
            link.owned = owned;
            return Some(link.with(Key::Path, path).with(Key::Second, target));
        }
        // The link may be made, but would have rights that the file itself has not (`profile_path_link`,
        // security/apparmor/file.c).
        path = target;
    }
    // The letters of aa_audit_file_mask() in security/apparmor/file.c: c(reate) and d(elete) are part of `w` in a rule.
    let mut access = Vec::new();
    for letter in mask.chars() {
        access.push(match letter {
            'c' | 'd' | 'w' => 'w',
            'r' | 'a' | 'l' | 'k' | 'm' | 'x' => letter,
            _ => return None,
        });
    }
    if access.contains(&'w') {
        access.retain(|letter| *letter != 'a');
    }
    if access.is_empty() {
        return None;
    }
    let mut request = Request::new(Kind::File, access.into_iter().map(String::from)).with(Key::Path, path);
    // Who may execute a program does not depend on whose it is.
    request.owned = owned && !request.access.contains("x");
    Some(request)
}

fn change_profile(event: &Event<'_>) -> Option<Request> {
    let target = event.object.target.as_deref().or(event.object.name.as_deref())?;
    let stacks = if event.action.operation.as_deref() == Some("stack") { "&" } else { "" };
    let request = Request::new(Kind::ChangeProfile, ["change_profile".to_owned()]);
    Some(request.with(Key::Profile, format!("{stacks}{}", plain(target)?)))
}

fn network(event: &Event<'_>) -> Option<Request> {
    let family = name(event.object.family.as_deref())?;
    let kind = name(event.object.socket_type.as_deref())?;
    // A rule has no rights.
    let access = permissions(event).unwrap_or_else(|| vec!["create".to_owned()]);
    Some(Request::new(Kind::Network, access).with(Key::Family, family).with(Key::Type, kind))
}

fn unix(event: &Event<'_>) -> Option<Request> {
    let (action, object) = (&event.action, &event.object);
    let mut request = Request::new(Kind::Unix, permissions(event)?);
    if let Some(kind) = name(object.socket_type.as_deref()) {
        request = request.with(Key::Type, kind);
    }
    request = with(request, Key::Peer, peer(event))?;
    // Logs say whose name it is. Otherwise it is the peer's where something is done to it, and else the socket's own.
    let is = |end: &Option<Endpoint<'_>>| {
        end.as_ref().is_some_and(|end| end.address.is_some() && end.address == object.abstract_name)
    };
    let is_peers = match (is(&object.local), is(&object.remote)) {
        (false, false) => matches!(action.operation.as_deref(), Some("connect" | "sendmsg")),
        (_, is_remote) => is_remote,
    };
    with(request, if is_peers { Key::PeerAddress } else { Key::Address }, object.abstract_name.as_deref())
}

fn dbus(event: &Event<'_>) -> Option<Request> {
    let message = event.object.dbus.as_ref()?;
    let access = permissions(event)?;
    let binds = access.iter().any(|right| right == "bind");
    let mut request = Request::new(Kind::Dbus, access);
    request = with(request, Key::Bus, message.bus.as_deref())?;
    request = with(request, Key::Object, message.path.as_deref())?;
    request = with(request, Key::Interface, message.interface.as_deref())?;
    request = with(request, Key::Member, message.member.as_deref())?;
    request = with(request, Key::Peer, peer(event))?;
    // A connection's own name (`:1.23`) is another each time.
    let name = message.name.as_deref().filter(|name| !name.starts_with(':'));
    with(request, if binds { Key::Name } else { Key::PeerName }, name)
}

fn peered(event: &Event<'_>, kind: Kind) -> Option<Request> {
    let peer = plain(peer(event)?)?;
    Some(Request::new(kind, permissions(event)?).with(Key::Peer, peer))
}

fn mount(event: &Event<'_>) -> Option<Request> {
    let (action, object) = (&event.action, &event.object);
    let target = plain(object.name.as_deref().or(object.path.as_deref())?)?;
    let options = action.mount_options.as_deref();
    let is_remount = options.is_some_and(|options| options.split(", ").any(|option| option == "remount"));
    let kind = match action.operation.as_deref()? {
        "umount" => Kind::Umount,
        "pivotroot" => Kind::PivotRoot,
        "mount" if is_remount => Kind::Remount,
        "mount" => Kind::Mount,
        _ => return None,
    };
    let request = Request::new(kind, [kind_name(kind).to_owned()]).with(Key::Path, target);
    let request = match kind {
        Kind::Umount => return Some(request),
        // A remount has neither.
        Kind::Remount => request,
        _ => with(request, Key::Second, object.mount_source.as_deref())?,
    };
    let request = with(request, Key::Fstype, object.mount_type.as_deref())?;
    with(request, Key::Options, options)
}

fn kind_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Umount => "umount",
        Kind::PivotRoot => "pivot_root",
        Kind::Remount => "remount",
        _ => "mount",
    }
}
