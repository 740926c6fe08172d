//! AppArmor's records.

use monitor_common::{
    Apparmor, ObjectKind as AuditKind, SourceId,
    chunk::{ChunkKind, FLAG_CUT},
};

use crate::{
    event::{Event, Kind, Module, ObjectKind, PathRoot, Verdict},
    record::{Chunk, Record, RecordError},
    source::{
        Attachment, Hook, Program, Source,
        draft::{Draft, Finished, stack},
        names::{
            apparmor::{self as names, Class},
            socket,
        },
        object,
        selinux::UNKNOWN_TARGET,
    },
    text,
};

/// `AUDIT_APPARMOR_ALLOWED`: complain mode let it pass.
const ALLOWED: u32 = 1;
/// Errors that complain mode hides from the caller (`complain_error`).
const HIDDEN_BY_COMPLAIN_MODE: [u32; 2] = [1, 13];

/// System calls of POSIX message queues: `mq_open` and `mq_unlink` (`arch/x86/entry/syscalls/syscall_64.tbl`,
/// `scripts/syscall.tbl`).
const CALLS_OF_QUEUES: [u16; 2] = if cfg!(target_arch = "aarch64") { [180, 181] } else { [240, 241] };

/// What there is to know of it before it is attached.
pub(super) const SOURCE: Source = Source {
    id: SourceId::Apparmor,
    name: "apparmor",
    module: Module::Apparmor,
    lsm: Some("apparmor"),
    kind: Kind::Denial,
    silent: false,
    about: "AppArmor's DENIED, ALLOWED (complain) and KILLED",
    attachments: &[
        Attachment {
            programs: &[Program { name: "apparmor_session", hook: Hook::Session("common_lsm_audit") }],
            needs: NEEDS,
            reads: READS,
            caveat: None,
        },
        Attachment {
            programs: &[Program { name: "apparmor_fexit", hook: Hook::Fexit("common_lsm_audit") }],
            needs: NEEDS,
            reads: READS,
            caveat: None,
        },
        Attachment {
            programs: &[Program { name: "apparmor_kprobe", hook: Hook::Kprobe("common_lsm_audit") }],
            needs: NEEDS,
            reads: READS,
            caveat: None,
        },
    ],
    cost: None,
    advice: super::TRAMPOLINES,
    advice_if_refused: super::TRAMPOLINES,
    decode,
};

/// Without these a program can't tell what was refused.
const NEEDS: &[&str] = &["audit_data_apparmor", "apparmor_type", "apparmor_label", "apparmor_op"];

/// Entries of the layout that only AppArmor's sources use.
pub(super) const READS: &[&str] = &["apparmor_", "aa_", "audit_data_apparmor"];

/// Decodes a record of AppArmor.
pub(super) fn decode<'a>(draft: &mut Draft<'a>, record: &Record<'a>) -> Result<Finished, RecordError> {
    let (body, chunks) = record.body::<Apparmor>()?;
    object::describe(draft, &body.object);
    let mut class = Class::from_number(body.class);
    let mut mount_data = None;
    for chunk in chunks {
        let chunk = chunk?;
        match chunk.kind {
            ChunkKind::Operation => {
                if class == Class::Other(0) && body.object.kind == AuditKind::Net as u8 {
                    class = Class::Net;
                } else if class == Class::Other(0) {
                    class = Class::from_operation(chunk.bytes);
                }
                draft.event.action.operation = Some(text::escape(chunk.bytes));
            }
            ChunkKind::MountData => mount_data = Some(text::escape(chunk.bytes)),
            _ => take(draft, &chunk)?,
        }
    }

    // The operations on files are also those on sockets that were opened before; and a file has a name, or there is
    // information on why it has none.
    let unnamed = draft.event.object.name.is_none() && draft.event.action.info.is_none();
    if body.class == 0 && class == Class::File && unnamed {
        class = Class::Net;
    }

    // For a file, the peer is the label that an exec or a change of profile asked for.
    if class == Class::File && draft.event.object.target.is_none() {
        draft.event.object.target = draft.event.object.label.take();
    }

    if body.audit_type == ALLOWED {
        draft.event.verdict = Some(Verdict::Permitted);
    }
    let errno = body.error.unsigned_abs();
    let hidden = draft.event.verdict == Some(Verdict::Permitted) && HIDDEN_BY_COMPLAIN_MODE.contains(&errno);
    let action = &mut draft.event.action;
    action.errno = (body.error < 0 && !hidden).then_some(errno);
    action.class = class.name();
    action.permissions = class.permissions(body.denied);
    if body.requested != body.denied {
        action.requested = class.permissions(body.requested);
    }
    action.requested_mask = class.mask(body.requested);
    action.denied_mask = class.mask(body.denied);
    describe_class(draft, class, body);
    if class == Class::Mount {
        let flags = names::mount_flags(Details(&body.details).mount_flags());
        draft.event.action.mount_options = match (flags, mount_data) {
            (Some(flags), Some(data)) => Some(format!("{flags}, {data}").into()),
            (Some(flags), None) => Some(flags.into()),
            (None, data) => data,
        };
    }
    if class == Class::Other(0) {
        draft.missing("action.class", "neither the class nor a known operation was given");
    }
    name_is_path(draft, body.call_plus_one.checked_sub(1));
    whose_label(&mut draft.event);
    if matches!(class, Class::Signal | Class::Ptrace) && draft.event.object.process.is_none() {
        draft.missing("object.process", UNKNOWN_TARGET);
    }
    if draft.event.silent {
        describe_silent(draft, class);
    }
    if draft.event.subject.label.is_none() {
        draft.missing("subject.label", "the profile's name could not be read");
    }
    Ok(draft.finish())
}

/// Takes a chunk that only AppArmor writes.
pub(super) fn take<'a>(draft: &mut Draft<'a>, chunk: &Chunk<'a>) -> Result<(), RecordError> {
    let text = || Some(text::escape(chunk.bytes));
    let event = &mut draft.event;
    let field = match chunk.kind {
        ChunkKind::Profile => {
            stack(&mut event.subject.label, chunk.bytes);
            "subject.label"
        }
        ChunkKind::Namespace => {
            event.subject.namespace = text();
            "subject.namespace"
        }
        // Of names that are too long, the end is there.
        ChunkKind::Name => {
            event.object.name = text();
            event.object.path_cut = chunk.has(FLAG_CUT);
            return Ok(());
        }
        ChunkKind::Target if chunk.has(FLAG_CUT) => {
            event.object.target = text();
            draft.missing("object.target", "its start did not fit");
            return Ok(());
        }
        ChunkKind::Target | ChunkKind::MountTransition => {
            event.object.target = text();
            "object.target"
        }
        ChunkKind::Info => {
            event.action.info = text();
            "action.info"
        }
        ChunkKind::Peer => {
            stack(&mut event.object.label, chunk.bytes);
            "object.label"
        }
        ChunkKind::MountSource => {
            event.object.mount_source = text();
            "object.mount_source"
        }
        ChunkKind::MountType => {
            event.object.mount_type = text();
            "object.mount_type"
        }
        _ => return draft.take(chunk),
    };
    draft.note_defect(field, chunk);
    Ok(())
}

/// Fills in what only this class has.
fn describe_class(draft: &mut Draft<'_>, class: Class, body: &Apparmor) {
    let details = Details(&body.details);
    let kind = match class {
        // Changes of profile are of this class, too, without a file and its letters.
        Class::File if class.mask(body.requested).is_none() => ObjectKind::Other,
        Class::File => {
            draft.event.object.owner = Some(details.owner());
            ObjectKind::File
        }
        Class::Capability => {
            draft.event.action.permissions.extend(draft.event.object.capability.clone());
            ObjectKind::Capability
        }
        Class::Net => {
            if object::has_socket(&body.object.socket) {
                object::describe_socket(draft, &body.object.socket);
            }
            let object = &mut draft.event.object;
            object.socket_type = Some(socket::kind(details.word(0)));
            let family =
                [body.object.socket.family, body.object.socket.socket_family].into_iter().find(|&f| f != 0);
            object.protocol = socket::protocol(family.unwrap_or_default(), details.word(1));
            ObjectKind::Socket
        }
        Class::Rlimits => {
            draft.event.action.rlimit = Some(names::rlimit(details.word(0)));
            draft.event.action.rlimit_value = Some(details.limit());
            ObjectKind::Rlimit
        }
        Class::Mount => {
            // Only the newest kernels have a mask for mounts, and audit doesn't write it: the operation says it.
            let permission = match draft.event.action.operation.as_deref() {
                Some("umount") => Some("umount"),
                Some("pivotroot") => Some("pivot_root"),
                Some("mount") => Some("mount"),
                _ => None,
            };
            draft.event.action.permissions.extend(permission.map(Into::into));
            draft.event.action.requested.clear();
            ObjectKind::File
        }
        Class::Signal => {
            let signal = names::signal(details.word(0), details.word(1).cast_signed());
            draft.event.action.signal = Some(signal);
            ObjectKind::Process
        }
        Class::Ptrace => ObjectKind::Process,
        Class::IoUring | Class::Namespace | Class::Other(_) => ObjectKind::Other,
    };
    // The kernel's audit data says "task" for files, and "none" for some sockets.
    draft.event.object.kind = kind;
}

/// Whether the profile that was judged is one of the process's own. Where AppArmor judges a receiver or a tracee, it is the
/// other side's.
fn whose_label(event: &mut Event<'_>) {
    let (Some(own), Some(judged)) = (&event.process.label, &event.subject.label) else { return };
    if own == judged || own.split("//&").any(|own| own == &**judged) {
        event.process.label = None;
    } else {
        event.subject.not_process = true;
    }
}

/// What a silent denial's program could not see as AppArmor does. Capabilities, and mounts before Linux 7.3, are seen where
/// AppArmor has decided for all profiles of the process.
fn describe_silent(draft: &mut Draft<'_>, class: Class) {
    let event = &mut draft.event;
    let is_stack = event.subject.label.as_ref().is_some_and(|label| label.contains("//&"));
    // The path was walked, and AppArmor ends that of a directory with a slash.
    if class == Class::Mount
        && let Some(path) = &mut event.object.path
        && event.object.mode.as_ref().is_some_and(|mode| mode.starts_with("004"))
        && !path.ends_with('/')
    {
        path.to_mut().push('/');
    }
    if is_stack && matches!(class, Class::Capability | Class::Mount) {
        draft.missing(
            "subject.label",
            "these are all profiles of the process: which of them refused is not known",
        );
    }
}

/// AppArmor's name of a file is its path, from the root of the mount namespace, unless it was disconnected from it.
fn name_is_path(draft: &mut Draft<'_>, call: Option<u16>) {
    let Event { object, action, .. } = &mut draft.event;
    // No directory is executed, and a name that could not be looked up is the one that was given: the file is in no
    // directory, and only a file that is in none is what the system call executes.
    let has_no_name = object.name.as_deref() == Some("/")
        || action.info.as_deref().is_some_and(|info| info.starts_with("Failed name lookup"));
    if has_no_name && action.operation.as_deref() == Some("exec") {
        if object.path_root != Some(PathRoot::KernelMount) {
            (object.path, object.path_root, object.deleted) = (None, None, false);
            (object.inode, object.mode) = (None, None);
            (object.device, object.device_number) = (None, None);
            draft.missing("object.path", "AppArmor has no path of it: the file is in no directory");
        }
        return;
    }
    if object.kind == ObjectKind::File
        && object.path.is_none()
        && object.name.as_ref().is_some_and(|name| name.starts_with('/') || object.path_cut)
    {
        object.path = object.name.take();
        // The name of a queue is one in the queues' own file system.
        let is_queue = call.is_some_and(|call| CALLS_OF_QUEUES.contains(&call));
        let root = if is_queue { PathRoot::FileSystem } else { PathRoot::MountNamespace };
        if is_queue {
            object.device = Some("mqueue".into());
        }
        object.path_root = (!object.path_cut).then_some(root);
    } else if object.path_cut && object.path.is_none() {
        object.path_cut = false;
        draft.missing("object.name", "its start did not fit");
    }
}

/// The union at the end of `struct apparmor_audit_data` (security/apparmor/include/audit.h), from `fs` on. Its members
/// keep their places from 5.10 to 7.3.
struct Details<'a>(&'a [u8; 64]);

impl Details<'_> {
    /// The `n`th 32-bit word: `rlim.rlim`; `signal`, `unmappedsig`; `net.type`, `net.protocol`.
    fn word(&self, n: usize) -> u32 {
        let (words, _) = self.0.as_chunks();
        words.get(n).map_or(0, |&word| u32::from_le_bytes(word))
    }

    fn double_word(&self, n: usize) -> u64 {
        let (words, _) = self.0.as_chunks();
        words.get(n).map_or(0, |&word| u64::from_le_bytes(word))
    }

    /// `fs.ouid`, after the pointer `fs.target`.
    fn owner(&self) -> u32 {
        self.word(2)
    }

    /// `rlim.max`.
    fn limit(&self) -> u64 {
        self.double_word(1)
    }

    /// `mnt.flags`: `mnt` begins one pointer before `fs`, with `src_name`, `type`, `trans` and `data`.
    fn mount_flags(&self) -> u64 {
        self.double_word(3)
    }
}
