//! TOMOYO: what its policy refuses, or would.
//!
//! Each decision of a domain whose profile is not disabled comes to the place where TOMOYO looks whether it is to be
//! logged. The one that only logged decisions reach is passed twice by some of them (in learning mode, or where an
//! administrator is asked), and by none once TOMOYO's log of 1024 is full. So the program runs for allowed accesses,
//! too, and returns at once there; it is not among the default sources.

use aya_ebpf::{
    macros::{fentry, kprobe},
    programs::{FEntryContext, ProbeContext},
};
use monitor_common::{
    Flags, ObjectKind, SourceId, Tomoyo, TomoyoRequest,
    chunk::{ChunkKind, FLAG_CUT},
    counter::Counter,
};

use crate::{
    finish, label,
    layout::{known, layout, setting},
    memory::{Address, Fault, argument, follow, member, read, word},
    object,
    output::{BYTES_MAX, Record, count},
    task,
};

/// `TOMOYO_CONFIG_DISABLED` and `TOMOYO_CONFIG_ENFORCING` (security/tomoyo/common.h).
const DISABLED: u8 = 0;
const ENFORCING: u8 = 3;

const AF_UNIX: u16 = 1;
const AF_INET: u16 = 2;
const AF_INET6: u16 = 10;

/// `TOMOYO_NETWORK_LISTEN`: up to it, the address is the socket's own.
const LISTEN: u8 = 1;

/// `void tomoyo_write_log2(struct tomoyo_request_info *r, int len, const char *fmt, va_list args)`
/// (security/tomoyo/audit.c).
#[fentry(function = "tomoyo_write_log2")]
pub fn tomoyo_fentry(context: FEntryContext) -> i32 {
    decided(argument(&context, 0), argument(&context, 2));
    0
}

/// As [`tomoyo_fentry`], where the kernel refuses trampolines.
#[kprobe(function = "tomoyo_write_log2")]
pub fn tomoyo_kprobe(context: ProbeContext) -> u32 {
    let argument = |index| context.arg::<u64>(index).ok_or(Fault);
    decided(argument(0), argument(2));
    0
}

#[inline(always)]
fn decided(request: Result<u64, Fault>, format: Result<u64, Fault>) {
    let request = request.unwrap_or(0);
    let granted = member::<u8>(request, layout!(tomoyo_request_granted));
    let mode = member::<u8>(request, layout!(tomoyo_request_mode));
    let (Ok(granted), Ok(mode), Ok(format)) = (granted, mode, format) else {
        count(SourceId::Tomoyo, Counter::Seen);
        count(SourceId::Tomoyo, Counter::Unreadable);
        return;
    };
    if granted == 0 && mode != DISABLED && is_request(format) {
        refused(request, mode);
    }
}

/// Whether what is to be logged is a request (`file ...`, `network ...`, `misc ...`). A new domain's profile and group, and
/// that one could not be made, are logged as if they were refused.
#[inline(always)]
fn is_request(format: Address) -> bool {
    let first = word(format) as u8;
    first == b'f' || first == b'n' || first == b'm'
}

#[inline(always)]
fn refused(request: Address, mode: u8) {
    let Some(mut record) = Record::reserve::<Tomoyo>(SourceId::Tomoyo) else { return };
    task::describe(&mut record);
    label::task(&mut record);
    let kind = follow(request, layout!(tomoyo_request_type)) as u8;
    let body: &mut Tomoyo = record.body();
    body.mode = mode;
    body.request = kind;
    if mode == ENFORCING {
        body.asks = u8::from(read::<u32>(setting!(tomoyo_query_observers)).unwrap_or(0) != 0);
    } else {
        record.set(Flags::PERMITTED);
    }
    let profile = follow(request, layout!(tomoyo_request_profile)) as u8;
    record.body::<Tomoyo>().profile = profile;
    let domain = follow(request, layout!(tomoyo_request_domain));
    configs(&mut record, request, follow(domain, layout!(tomoyo_domain_namespace)), profile);
    text(&mut record, ChunkKind::TomoyoDomain, follow(domain, layout!(tomoyo_domain_name)));
    parameters(&mut record, request, kind);
    let object = follow(request, layout!(tomoyo_request_object));
    // Of a mount, it is the place; the source is only a name.
    let path = if kind == TomoyoRequest::Mount as u8 {
        object + u64::from(layout!(tomoyo_object_path2))
    } else {
        object + u64::from(layout!(tomoyo_object_path1))
    };
    if object != 0 && kind != TomoyoRequest::Environment as u8 && follow(path, layout!(path_dentry)) != 0 {
        record.object::<Tomoyo>().kind = ObjectKind::Path as u8;
        object::path_object::<Tomoyo>(&mut record, path);
    }
    finish::submit(record);
}

/// Fills in what the profile says of the request's operation (`tomoyo_get_audit`, security/tomoyo/audit.c).
#[inline(always)]
fn configs(record: &mut Record, request: Address, namespace: Address, profile: u8) {
    if !known!(tomoyo_profile_config, tomoyo_profile_default_config, tomoyo_operations) {
        return;
    }
    let profile = follow(namespace + u64::from(profile) * 8, layout!(tomoyo_namespace_profiles));
    let operation = follow(request, layout!(tomoyo_request_operation)) & 0xff;
    let operations = profile + u64::from(layout!(tomoyo_profile_config));
    record.body::<Tomoyo>().has_configs = u8::from(profile != 0);
    record.read_body::<Tomoyo, _>(|body| &mut body.config, operations + operation, 0);
    record.read_body::<Tomoyo, _>(|body| &mut body.category_configs, operations, layout!(tomoyo_operations));
    record.read_body::<Tomoyo, _>(
        |body| &mut body.default_config,
        profile,
        layout!(tomoyo_profile_default_config),
    );
}

/// Fills in the request's parameters, and appends their names.
#[inline(always)]
fn parameters(record: &mut Record, request: Address, kind: u8) {
    // A chain of comparisons: a match on many values becomes a jump table, which BPF doesn't have.
    let is = |wanted: TomoyoRequest| kind == wanted as u8;
    if is(TomoyoRequest::Path) {
        operation(record, request, layout!(tomoyo_path_operation));
        text(record, ChunkKind::Name, follow(request, layout!(tomoyo_path_name)));
    } else if is(TomoyoRequest::Path2) {
        operation(record, request, layout!(tomoyo_path2_operation));
        text(record, ChunkKind::Name, follow(request, layout!(tomoyo_path2_name1)));
        text(record, ChunkKind::Target, follow(request, layout!(tomoyo_path2_name2)));
    } else if is(TomoyoRequest::PathNumber) {
        operation(record, request, layout!(tomoyo_number_operation));
        record.read_body::<Tomoyo, _>(|body| &mut body.number, request, layout!(tomoyo_number_number));
        text(record, ChunkKind::Name, follow(request, layout!(tomoyo_number_name)));
    } else if is(TomoyoRequest::Device) {
        operation(record, request, layout!(tomoyo_device_operation));
        record.read_body::<Tomoyo, _>(|body| &mut body.device[0], request, layout!(tomoyo_device_mode));
        record.read_body::<Tomoyo, _>(|body| &mut body.device[1], request, layout!(tomoyo_device_major));
        record.read_body::<Tomoyo, _>(|body| &mut body.device[2], request, layout!(tomoyo_device_minor));
        text(record, ChunkKind::Name, follow(request, layout!(tomoyo_device_name)));
    } else if is(TomoyoRequest::Mount) {
        record.read_body::<Tomoyo, _>(|body| &mut body.number, request, layout!(tomoyo_mount_flags));
        text(record, ChunkKind::Name, follow(request, layout!(tomoyo_mount_directory)));
        text(record, ChunkKind::MountSource, follow(request, layout!(tomoyo_mount_device)));
        text(record, ChunkKind::MountType, follow(request, layout!(tomoyo_mount_type)));
    } else if is(TomoyoRequest::Inet) {
        operation(record, request, layout!(tomoyo_inet_operation));
        record.read_body::<Tomoyo, _>(|body| &mut body.port, request, layout!(tomoyo_inet_port));
        record.read_body::<Tomoyo, _>(|body| &mut body.protocol, request, layout!(tomoyo_inet_protocol));
        record.read_body::<Tomoyo, _>(|body| &mut body.is_ipv6, request, layout!(tomoyo_inet_is_ipv6));
        inet(record, follow(request, layout!(tomoyo_inet_address)));
    } else if is(TomoyoRequest::Unix) {
        operation(record, request, layout!(tomoyo_unix_operation));
        record.read_body::<Tomoyo, _>(|body| &mut body.protocol, request, layout!(tomoyo_unix_protocol));
        let object = record.object::<Tomoyo>();
        object.kind = ObjectKind::Net as u8;
        object.socket.family = AF_UNIX;
        text(record, ChunkKind::Name, follow(request, layout!(tomoyo_unix_address)));
    } else if is(TomoyoRequest::Environment) {
        text(record, ChunkKind::Name, follow(request, layout!(tomoyo_environment_name)));
    }
}

#[inline(always)]
fn operation(record: &mut Record, request: Address, offset: u32) {
    record.read_body::<Tomoyo, _>(|body| &mut body.operation, request, offset);
}

/// Fills in the address of an internet socket, of which the body already has the rest.
#[inline(always)]
fn inet(record: &mut Record, address: Address) {
    let body: &mut Tomoyo = record.body();
    let (is_ipv6, operation, port) = (body.is_ipv6, body.operation, body.port);
    let object = record.object::<Tomoyo>();
    object.kind = ObjectKind::Net as u8;
    object.socket.family = if is_ipv6 == 0 { AF_INET } else { AF_INET6 };
    if operation <= LISTEN {
        object.socket.source_port = port;
    } else {
        object.socket.destination_port = port;
    }
    object::address::<Tomoyo>(record, address, is_ipv6 != 0, operation <= LISTEN);
}

/// Appends a `struct tomoyo_path_info`, which is a name of `const_len` bytes unless it is a pattern, which no request's
/// is.
#[inline(never)]
fn text(record: &mut Record, kind: ChunkKind, info: Address) {
    if info == 0 {
        return;
    }
    let len = follow(info, layout!(tomoyo_path_info_len)) & 0xffff;
    let Some(chunk) = record.begin(kind) else { return };
    if record.bytes(follow(info, layout!(tomoyo_path_info_name)), len).is_err() {
        record.cancel(chunk);
        return record.fault();
    }
    if len > BYTES_MAX {
        record.flag(chunk, FLAG_CUT);
    }
    record.end(chunk);
}
