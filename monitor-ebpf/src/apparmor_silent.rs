//! AppArmor: denials that the policy keeps out of the log, by `deny` rules and quiet modes, and repeats of a missing
//! capability that the kernel's cache swallows.
//!
//! They have no place of their own in the kernel. So the programs sit at the end of the functions that decide, which
//! run for allowed accesses, too, and return at once there. What was refused but has been logged on the way is the
//! audited source's: where the decision doesn't show whether it was, a [`Mark`] does.

use aya_ebpf::{
    helpers::generated,
    macros::{fentry, fexit, kprobe, kretprobe, map},
    maps::HashMap,
    programs::{FEntryContext, FExitContext, ProbeContext, RetProbeContext},
};
use monitor_common::{Apparmor, Flags, ObjectKind, SourceId, chunk::ChunkKind, counter::Counter};

use crate::{
    apparmor::{self, AUDIT_APPARMOR_DENIED, AUDIT_APPARMOR_KILL, Operation},
    finish, label,
    layout::{known, layout},
    memory::{Address, Arguments as _, argument_word, follow},
    object,
    output::{Record, count},
    probe, task,
};

// `AA_CLASS_*` (security/apparmor/include/apparmor.h).
const AA_CLASS_FILE: u16 = 2;
const AA_CLASS_CAP: u16 = 3;
const AA_CLASS_MOUNT: u16 = 7;

/// `CAP_OPT_NOAUDIT` (include/linux/security.h): the caller only wants to know.
const CAP_OPT_NOAUDIT: u64 = 2;

const EACCES: i32 = 13;

/// What was logged: a function that decides about it will end soon, and looks.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
enum Mark {
    /// By `aa_audit_file`.
    File = 1,
    /// Below `aa_capable`.
    Capability = 2,
    /// Below the hooks of mounts.
    Mount = 3,
}

/// The tasks of which a refusal has just been logged and whose deciding function has not ended yet. One that finds no
/// room has its refusal reported twice.
#[map]
static MARKS: HashMap<u64, u8> = HashMap::with_max_entries(4096, 0);

/// What is kept of functions that decide, while they run: of a task, by the function.
#[map]
static DECIDING: HashMap<u64, [u64; 4]> = HashMap::with_max_entries(4096, 0);

/// The arguments of `aa_audit_file` in words, while it runs with an error.
#[map]
static FILES: HashMap<u64, File> = HashMap::with_max_entries(4096, 0);

impl Mark {
    #[inline(always)]
    fn set(self) {
        // Where there is no room, see `MARKS`.
        let _full = MARKS.insert(key(self as u32), 0, 0);
    }

    /// Whether it is set; then it is no longer.
    #[inline(always)]
    fn take(self) -> bool {
        MARKS.remove(key(self as u32)).is_ok()
    }
}

/// A function that decides.
#[derive(Clone, Copy)]
#[repr(u32)]
enum Deciding {
    /// `aa_check_perms`.
    Check = 1,
    /// `aa_audit`.
    Audit = 2,
}

impl Deciding {
    /// Keeps what its end needs, and says whether there was room, as [`probe::both`] wants.
    #[inline(always)]
    fn keep(self, words: [u64; 4]) -> Option<u64> {
        keep(&DECIDING, key(self as u32), words).then_some(0)
    }

    /// What was kept; it is no longer.
    #[inline(always)]
    fn take(self) -> Option<[u64; 4]> {
        let words = take(&DECIDING, key(self as u32));
        if words.is_none() {
            unreadable();
        }
        words
    }
}

/// Keeps something of this task's function until that ends, and says whether there was room.
#[inline(always)]
fn keep<T>(map: &HashMap<u64, T>, key: u64, value: T) -> bool {
    let kept = map.insert(key, value, 0).is_ok();
    if !kept {
        unreadable();
    }
    kept
}

/// Takes what was kept of this task's function, if anything was.
#[inline(always)]
fn take<T: Copy>(map: &HashMap<u64, T>, key: u64) -> Option<T> {
    // SAFETY: the element is this task's, and no other task's program removes it.
    let value = unsafe { map.get(key) }.copied()?;
    let _gone = map.remove(key);
    Some(value)
}

/// The key of one of the things that are kept of this task.
#[inline(always)]
fn key(number: u32) -> u64 {
    this_task() | u64::from(number) << 32
}

#[inline(always)]
fn unreadable() {
    count(SourceId::ApparmorSilent, Counter::Seen);
    count(SourceId::ApparmorSilent, Counter::Unreadable);
}

#[inline(always)]
fn this_task() -> u64 {
    // SAFETY: the helper has no preconditions.
    unsafe { generated::bpf_get_current_pid_tgid() & 0xffff_ffff }
}

/// `void common_lsm_audit(struct common_audit_data *a, ...)` (`security/lsm_audit.c`): notes what is logged.
#[fentry(function = "common_lsm_audit")]
pub fn apparmor_silent_logged(context: FEntryContext) -> i32 {
    logged(argument_word(&context, 0));
    0
}

/// As [`apparmor_silent_logged`], without being preempted.
#[kprobe(function = "common_lsm_audit")]
pub fn apparmor_silent_logged_kprobe(context: ProbeContext) -> u32 {
    logged(context.word(0));
    0
}

#[inline(always)]
fn logged(data: Address) {
    let details = follow(data, layout!(audit_data_apparmor));
    let kind = follow(details, layout!(apparmor_type)) as u32;
    // What complain mode lets pass is no refusal where it was decided, either.
    if kind != AUDIT_APPARMOR_DENIED && kind != AUDIT_APPARMOR_KILL {
        return;
    }
    let object = follow(data, layout!(audit_data_type)) as u8;
    // `aa_audit_file` alone has this pair; before 6.7, which has no classes, this object.
    let is_file = object == ObjectKind::Task as u8
        && (!known!(apparmor_class) || follow(details, layout!(apparmor_class)) as u16 == AA_CLASS_FILE);
    if is_file {
        Mark::File.set();
    } else if object == ObjectKind::Capability as u8 {
        Mark::Capability.set();
    } else if mounts_have_hooks() && is_mount(details) {
        Mark::Mount.set();
    }
}

/// Whether mounts are not decided in `aa_check_perms`, which they are since `aa_audit_perm_error` is there (7.3).
#[inline(always)]
fn mounts_have_hooks() -> bool {
    !known!(silent_mount_check)
}

#[inline(always)]
fn is_mount(details: Address) -> bool {
    Operation::of(follow(details, layout!(apparmor_op))) == Operation::Mount
}

/// The arguments of `aa_audit_file` (security/apparmor/file.c).
#[derive(Clone, Copy)]
#[repr(C)]
struct File {
    profile: Address,
    perms: Address,
    op: Address,
    request: u64,
    name: Address,
    target: Address,
    tlabel: Address,
    ouid: u64,
    info: Address,
    error: u64,
}

impl File {
    #[inline(always)]
    fn of(at: impl Fn(u32) -> u64) -> Self {
        Self {
            profile: at(layout!(aa_audit_file_profile)),
            perms: at(layout!(aa_audit_file_perms)),
            op: at(layout!(aa_audit_file_op)),
            request: at(layout!(aa_audit_file_request)),
            name: at(layout!(aa_audit_file_name)),
            target: at(layout!(aa_audit_file_target)),
            tlabel: at(layout!(aa_audit_file_tlabel)),
            ouid: at(layout!(aa_audit_file_ouid)),
            info: at(layout!(aa_audit_file_info)),
            error: at(layout!(aa_audit_file_error)),
        }
    }
}

/// `int aa_audit_file(const struct cred *subj_cred, struct aa_profile *profile, const struct aa_perms *perms, ...)`:
/// files, and changes of profile.
#[fexit(function = "aa_audit_file")]
pub fn apparmor_silent_file(context: FExitContext) -> i32 {
    let at = |index| argument_word(&context, index);
    if at(layout!(aa_audit_file_arguments)) as i32 == 0 || Mark::File.take() {
        return 0;
    }
    file_refused(&File::of(at));
    0
}

probe::session!(apparmor_silent_file_session at "aa_audit_file");

/// As [`apparmor_silent_file`], without being preempted.
fn apparmor_silent_file_session(context: ProbeContext) -> probe::AtExit {
    probe::both(
        &context,
        |context| keep_file(context).then_some(0),
        |context, _| file_ends(probe::returned(context)),
    )
}

/// The start of [`apparmor_silent_file`]'s function, where the kernel's trampolines can't take it (before 6.6).
#[kprobe(function = "aa_audit_file")]
pub fn apparmor_silent_file_kprobe(context: ProbeContext) -> u32 {
    keep_file(&context);
    0
}

/// Keeps the arguments of `aa_audit_file`, if it was called with an error, and says whether they are kept.
#[inline(always)]
fn keep_file(context: &ProbeContext) -> bool {
    if context.word(layout!(aa_audit_file_error)) as i32 == 0 {
        return false;
    }
    let file = File::of(|index| context.word(index));
    keep(&FILES, this_task(), file)
}

/// The end of what [`apparmor_silent_file_kprobe`] is the start of.
#[kretprobe(function = "aa_audit_file")]
pub fn apparmor_silent_file_kretprobe(context: RetProbeContext) -> u32 {
    file_ends(context.ret::<i32>());
    0
}

/// Looks at the result of `aa_audit_file`, whose arguments were kept.
#[inline(always)]
fn file_ends(result: i32) {
    let Some(file) = take(&FILES, this_task()) else { return };
    if result != 0 && !Mark::File.take() {
        file_refused(&file);
    }
}

#[inline(always)]
fn file_refused(file: &File) {
    let Some(mut record) = reserve(AA_CLASS_FILE, file.error as i32) else { return };
    // What `aa_audit_file` takes for denied, before it masks off what is quiet.
    let denied = file.request as u32 & !(follow(file.perms, layout!(aa_perms_allow)) as u32);
    let body = record.body::<Apparmor>();
    body.requested = denied;
    body.denied = denied;
    // `fs.ouid`, after the pointer `fs.target`.
    body.details[8..12].copy_from_slice(&(file.ouid as u32).to_ne_bytes());
    label::subject_profile(&mut record, file.profile);
    record.string_chunk(ChunkKind::Operation, file.op);
    record.path_chunk(ChunkKind::Name, file.name);
    record.string_chunk(ChunkKind::Info, file.info);
    record.path_chunk(ChunkKind::Target, file.target);
    label::profile(&mut record, ChunkKind::Peer, file.tlabel);
    finish::submit(record);
}

/// `int aa_check_perms(struct aa_profile *profile, struct aa_perms *perms, u32 request, struct apparmor_audit_data *ad,
/// ...)` (security/apparmor/lib.c): sockets, signals, tracing and all that is newer.
#[fexit(function = "aa_check_perms")]
pub fn apparmor_silent_check(context: FExitContext) -> i32 {
    let at = |index| argument_word(&context, index);
    let error = at(5) as i32;
    if error != 0
        && let Some(check) = Check::silent(at)
    {
        check.refused(error);
    }
    0
}

probe::session!(apparmor_silent_check_session at "aa_check_perms");

/// As [`apparmor_silent_check`], without being preempted.
fn apparmor_silent_check_session(context: ProbeContext) -> probe::AtExit {
    probe::both(
        &context,
        |context| {
            let Check { profile, data, request, denied } = Check::silent(|index| context.word(index))?;
            Deciding::Check.keep([profile, data, request.into(), denied.into()])
        },
        |context, _| {
            let error = probe::returned(context);
            if let Some([profile, data, request, denied]) = Deciding::Check.take()
                && error != 0
            {
                Check { profile, data, request: request as u32, denied: denied as u32 }.refused(error);
            }
        },
    )
}

/// What `aa_check_perms` was asked.
struct Check {
    profile: Address,
    data: Address,
    request: u32,
    denied: u32,
}

impl Check {
    /// By the arguments; `None` if it is allowed or logged.
    #[inline(always)]
    fn silent(at: impl Fn(u32) -> u64) -> Option<Self> {
        let (profile, perms, request, data) = (at(0), at(1), at(2) as u32, at(3));
        // Without the data nothing is logged, but nothing is refused either: somebody only wants to know.
        if data == 0 {
            return None;
        }
        let allowed = follow(perms, layout!(aa_perms_allow)) as u32;
        let denied = request & (!allowed | follow(perms, layout!(aa_perms_deny)) as u32);
        let logged = denied & !(follow(perms, layout!(aa_perms_quiet)) as u32);
        (denied != 0 && logged == 0).then_some(Self { profile, data, request, denied })
    }

    #[inline(always)]
    fn refused(&self, error: i32) {
        let (data, details) = both(self.data);
        // Where capabilities are decided here, `aa_capable` comes after it.
        if follow(data, layout!(audit_data_type)) as u8 == ObjectKind::Capability as u8 {
            Mark::Capability.set();
        }
        let Some(mut record) = reserve(0, error) else { return };
        let body = record.body::<Apparmor>();
        body.requested = self.request;
        body.denied = self.denied;
        label::subject_profile(&mut record, self.profile);
        apparmor::describe(&mut record, data, details);
        finish::submit(record);
    }
}

/// `int aa_audit(int type, struct aa_profile *profile, struct apparmor_audit_data *ad, ...)`
/// (security/apparmor/audit.c): what the audit mode of all profiles keeps out of the log, and no other program sees:
/// resource limits.
#[fexit(function = "aa_audit")]
pub fn apparmor_silent_mode(context: FExitContext) -> i32 {
    let at = |index| argument_word(&context, index);
    let error = at(4) as i32;
    if error != 0 && !is_others(at(2)) {
        kept_out(at(1), at(2), error);
    }
    0
}

probe::session!(apparmor_silent_mode_session at "aa_audit");

/// As [`apparmor_silent_mode`], without being preempted.
fn apparmor_silent_mode_session(context: ProbeContext) -> probe::AtExit {
    probe::both(
        &context,
        |context| {
            let (profile, data) = (context.word(1), context.word(2));
            if is_others(data) { None } else { Deciding::Audit.keep([profile, data, 0, 0]) }
        },
        |context, _| {
            let error = probe::returned(context);
            if let Some([profile, data, ..]) = Deciding::Audit.take()
                && error != 0
            {
                kept_out(profile, data, error);
            }
        },
    )
}

/// Whether another program sees what `aa_audit` decides.
#[inline(always)]
fn is_others(data: Address) -> bool {
    let (data, details) = both(data);
    let object = follow(data, layout!(audit_data_type)) as u8;
    object == ObjectKind::Task as u8
        || object == ObjectKind::Capability as u8
        || mounts_have_hooks() && is_mount(details)
}

/// Reports what `aa_audit` has refused, unless it has logged it.
#[inline(always)]
fn kept_out(profile: Address, data: Address, error: i32) {
    let (data, details) = both(data);
    // Logging sets the type.
    if follow(details, layout!(apparmor_type)) as u32 != 0 {
        return;
    }
    let Some(mut record) = reserve(0, error) else { return };
    record.read_body::<Apparmor, _>(|body| &mut body.requested, details, layout!(apparmor_request));
    record.read_body::<Apparmor, _>(|body| &mut body.denied, details, layout!(apparmor_denied));
    label::subject_profile(&mut record, profile);
    apparmor::describe(&mut record, data, details);
    finish::submit(record);
}

/// The `common_audit_data` and the `apparmor_audit_data`, of which functions take the one before 6.7 and the other since.
#[inline(always)]
fn both(data: Address) -> (Address, Address) {
    if known!(silent_data_common) {
        (data + u64::from(layout!(silent_data_common)), data)
    } else {
        (data, follow(data, layout!(audit_data_apparmor)))
    }
}

/// `int aa_capable(const struct cred *subj_cred, struct aa_label *label, int cap, unsigned int opts)`
/// (security/apparmor/capability.c).
#[fexit(function = "aa_capable")]
pub fn apparmor_silent_capable(context: FExitContext) -> i32 {
    let at = |index| argument_word(&context, index);
    let error = at(layout!(aa_capable_arguments)) as i32;
    if error != 0 {
        let only_asks = at(layout!(aa_capable_options)) & CAP_OPT_NOAUDIT != 0;
        incapable(at(layout!(aa_capable_label)), at(layout!(aa_capable_capability)) as u32, only_asks, error);
    }
    0
}

probe::session!(apparmor_silent_capable_session at "aa_capable");

/// As [`apparmor_silent_capable`], without being preempted.
fn apparmor_silent_capable_session(context: ProbeContext) -> probe::AtExit {
    /// `CAP_OPT_NOAUDIT` beside the capability.
    const ONLY_ASKS: u8 = 1 << 7;
    probe::both(
        &context,
        |context| {
            let only_asks = context.word(layout!(aa_capable_options)) & CAP_OPT_NOAUDIT != 0;
            let capability = context.word(layout!(aa_capable_capability)) as u8 & !ONLY_ASKS;
            let byte = if only_asks { capability | ONLY_ASKS } else { capability };
            Some(probe::pack(context.word(layout!(aa_capable_label)), byte))
        },
        |context, kept| {
            let error = probe::returned(context);
            if error != 0 {
                let (label, byte) = probe::unpack(kept);
                incapable(label, u32::from(byte & !ONLY_ASKS), byte & ONLY_ASKS != 0, error);
            }
        },
    )
}

/// Reports a capability that a label doesn't have, unless that was logged or somebody only asks.
#[inline(always)]
fn incapable(label: Address, capability: u32, only_asks: bool, error: i32) {
    if Mark::Capability.take() || only_asks {
        return;
    }
    let Some(mut record) = reserve(AA_CLASS_CAP, error) else { return };
    let object = &mut record.body::<Apparmor>().object;
    object.kind = ObjectKind::Capability as u8;
    object.number = capability;
    label::subject_label(&mut record, label);
    record.literal(ChunkKind::Operation, *b"capable");
    finish::submit(record);
}

/// `static int apparmor_sb_mount(const char *dev_name, const struct path *path, const char *type, unsigned long flags,
/// void *data)` (security/apparmor/lsm.c).
#[fexit(function = "apparmor_sb_mount")]
pub fn apparmor_silent_mount(context: FExitContext) -> i32 {
    let at = |index| argument_word(&context, index);
    let Some(mut record) = mount_refused(at(5)) else { return 0 };
    // `mnt.flags`, three pointers after `mnt.type`, where the details begin.
    record.body::<Apparmor>().details[24..32].copy_from_slice(&at(3).to_ne_bytes());
    record.literal(ChunkKind::Operation, *b"mount");
    record.string_chunk(ChunkKind::MountSource, at(0));
    record.string_chunk(ChunkKind::MountType, at(2));
    object::path_object::<Apparmor>(&mut record, at(1));
    finish::submit(record);
    0
}

/// `static int apparmor_move_mount(const struct path *from_path, const struct path *to_path)`, from 6.7 on.
#[fexit(function = "apparmor_move_mount")]
pub fn apparmor_silent_move_mount(context: FExitContext) -> i32 {
    let at = |index| argument_word(&context, index);
    let Some(mut record) = mount_refused(at(2)) else { return 0 };
    record.literal(ChunkKind::Operation, *b"mount");
    object::path_object::<Apparmor>(&mut record, at(1));
    finish::submit(record);
    0
}

/// `static int apparmor_sb_umount(struct vfsmount *mnt, int flags)`.
#[fexit(function = "apparmor_sb_umount")]
pub fn apparmor_silent_umount(context: FExitContext) -> i32 {
    let at = |index| argument_word(&context, index);
    let Some(mut record) = mount_refused(at(2)) else { return 0 };
    record.literal(ChunkKind::Operation, *b"umount");
    object::mount_root::<Apparmor>(&mut record, at(0));
    finish::submit(record);
    0
}

/// `static int apparmor_sb_pivotroot(const struct path *old_path, const struct path *new_path)`.
#[fexit(function = "apparmor_sb_pivotroot")]
pub fn apparmor_silent_pivotroot(context: FExitContext) -> i32 {
    let at = |index| argument_word(&context, index);
    let Some(mut record) = mount_refused(at(2)) else { return 0 };
    record.literal(ChunkKind::Operation, *b"pivotroot");
    object::path_object::<Apparmor>(&mut record, at(1));
    finish::submit(record);
    0
}

/// A record of a mount that was refused and not logged.
#[inline(always)]
fn mount_refused(error: u64) -> Option<Record> {
    let error = error as i32;
    if error == 0 || Mark::Mount.take() || error != -EACCES {
        return None;
    }
    let mut record = reserve(AA_CLASS_MOUNT, error)?;
    label::subject_label(&mut record, label::label(task::acting_credentials(task::current())));
    Some(record)
}

/// A record of a silent denial, with the process.
#[inline(always)]
fn reserve(class: u16, error: i32) -> Option<Record> {
    let mut record = Record::reserve::<Apparmor>(SourceId::ApparmorSilent)?;
    task::describe(&mut record);
    record.set(Flags::SILENT);
    let body = record.body::<Apparmor>();
    body.audit_type = AUDIT_APPARMOR_DENIED;
    body.error = error;
    body.class = class;
    body.object.kind = ObjectKind::None as u8;
    Some(record)
}
