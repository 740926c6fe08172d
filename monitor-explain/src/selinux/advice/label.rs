//! Whether the object has the label that it should have.

use std::{ffi::OsStr, os::unix::ffi::OsStrExt as _, path::Path};

use monitor_event::event::{Event, ObjectKind, PathRoot};

use super::{
    boolean::Besides,
    candidates::Candidates,
    chroot, container, custom,
    folder::{self, File, Folder},
    question::Question,
};
use crate::{
    place::Place,
    selinux::{
        file_contexts::{FileKind, Match, Origin},
        policy::Policy,
    },
};

/// What there is to say of an object's label.
pub(super) enum Label {
    /// It is on disk as it should be by now, and with it the access is allowed.
    Corrected(String),
    /// It should be another, with which the access is allowed.
    Wrong(Wrong),
    /// A local rule of file contexts has it, and with the policy's own the access would be allowed.
    LocalRule { place: Folder, pattern: String, label_type: String, wanted: String },
    /// It is what file contexts say, and not made for the domain, or not for this: other types would do.
    Custom(Custom),
    /// It is in a folder of homes that file contexts don't know.
    Homes { path: String, type_: String },
    /// It is of no service, and where the file is, is not known.
    Unplaced,
    /// Nothing that helps; what was looked at.
    Fine(Option<String>),
}

/// Types that would do.
pub(super) struct Custom {
    pub(super) place: Folder,
    pub(super) candidates: Candidates,
    /// The boolean that is needed besides.
    pub(super) boolean: Option<Besides>,
    /// The type that a local rule for the same pattern has.
    pub(super) instead: Option<String>,
    pub(super) reason: Reason,
    /// Whether `restorecon` leaves files with the present label, unless it is told otherwise.
    pub(super) is_customizable: bool,
}

/// Why another type would do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reason {
    /// It is of no service.
    Nobodys,
    /// A local rule of file contexts gave it.
    LocalRule,
    /// The domain may only read it.
    ReadOnly,
    /// It is to be run, and not labelled as a program.
    Program,
    /// It is of a library whose code is changed when it is loaded.
    Relocation,
}

/// A label that should be another.
pub(super) struct Wrong {
    pub(super) place: Folder,
    /// The type that it should have.
    pub(super) wanted: String,
    /// The context that it should have.
    pub(super) context: String,
    /// What of file contexts says so.
    pub(super) pattern: String,
    /// The label that it has by now, if that is known.
    pub(super) on_disk: Option<String>,
    /// The boolean that is needed besides.
    pub(super) boolean: Option<Besides>,
    /// Whether the path leads to another file by now.
    pub(super) is_other: bool,
}

/// Types that are no service's own.
pub(super) const GENERIC: [&str; 16] = [
    "default_t",
    "unlabeled_t",
    "file_t",
    "user_home_t",
    "user_home_dir_t",
    "admin_home_t",
    "home_root_t",
    "tmp_t",
    "user_tmp_t",
    "var_t",
    "var_lib_t",
    "usr_t",
    "mnt_t",
    "root_t",
    "etc_t",
    "var_run_t",
];

/// Those of them that files of the system's own have: without a path, they are taken to be right.
const OF_SYSTEM: [&str; 4] = ["usr_t", "root_t", "etc_t", "user_home_dir_t"];

/// Types of the system's folders in which each service has a place of its own.
const SHARED: [&str; 3] = ["var_log_t", "var_spool_t", "var_lock_t"];

/// Whether a type is no service's own.
pub(super) fn is_nobodys(type_: &str) -> bool {
    GENERIC.contains(&type_) || SHARED.contains(&type_)
}

/// The path, if files by it can have labels of file contexts.
fn path<'e>(event: &'e Event<'_>, class: &str) -> Option<&'e str> {
    let object = &event.object;
    let of_file =
        matches!(class, "file" | "dir" | "lnk_file" | "chr_file" | "blk_file" | "sock_file" | "fifo_file");
    // audit has the folder of a file with a slash at its end.
    let path = object.path.as_deref().filter(|path| path.starts_with('/'))?.trim_end_matches('/');
    let is_plain = path.split('/').skip(1).all(|part| !matches!(part, "" | "." | ".."));
    let in_namespace = object.path_root.is_none_or(|root| root == PathRoot::MountNamespace);
    let has_labels = !["/proc/", "/sys/", "/memfd:", "/dev/fd/"].iter().any(|start| path.starts_with(start));
    (of_file
        && !path.is_empty()
        && is_plain
        && object.kind == ObjectKind::File
        && in_namespace
        && has_labels
        && !object.path_ambiguous
        && !object.path_cut
        && !object.deleted
        && !path.contains(|c: char| c.is_control() || c == '\\'))
    .then_some(path)
}

fn kind(event: &Event<'_>, class: &str) -> Option<FileKind> {
    let mode = event.object.mode.as_deref().and_then(|mode| u32::from_str_radix(mode, 8).ok());
    mode.and_then(FileKind::of_mode).or(match class {
        "file" => Some(FileKind::Regular),
        "dir" => Some(FileKind::Directory),
        "lnk_file" => Some(FileKind::Link),
        "chr_file" => Some(FileKind::Character),
        "blk_file" => Some(FileKind::Block),
        "sock_file" => Some(FileKind::Socket),
        "fifo_file" => Some(FileKind::Pipe),
        _ => None,
    })
}

/// The object as a file of which file contexts say something.
pub(super) fn file<'e>(event: &'e Event<'_>, question: &Question<'_>, place: &'e Place) -> Option<File<'e>> {
    let path = path(event, question.class)?;
    Some(File { path, kind: kind(event, question.class), contexts: place.contexts.as_ref()? })
}

/// Looks at the object's label.
pub(super) fn of(event: &Event<'_>, question: &Question<'_>, policy: &Policy, place: &Place) -> Label {
    let Some(path) = path(event, question.class) else {
        let is_unplaced = event.object.path.is_none()
            && event.object.kind == ObjectKind::File
            && GENERIC.contains(&question.target_type)
            && !OF_SYSTEM.contains(&question.target_type)
            && !container::has_process(event, question, policy);
        return if is_unplaced { Label::Unplaced } else { Label::Fine(None) };
    };
    if container::has_process(event, question, policy) {
        return Label::Fine(Some(format!("{path} is as the container sees it, and no path of the host's")));
    }
    let Some(contexts) = &place.contexts else {
        return Label::Fine(Some(format!("no file contexts: not known which label {path} should have")));
    };
    let is_customizable = place.customizable.contains(question.target_type);
    if policy.type_(question.target_type).is_some_and(|type_| policy.is_of_unlabelled_files(type_)) {
        return Label::Fine(Some(format!(
            "{} is the label of whole file systems, in which no file has one of its own",
            question.target_type
        )));
    }
    let kind = kind(event, question.class);
    let file = File { path, kind, contexts };
    let found = match contexts.find(&file.bytes(), kind) {
        Ok(found) => found,
        Err(error) => {
            return Label::Fine(Some(format!("it could not be checked which label it should have: {error}")));
        }
    };
    let outside = found.and_then(|found| found.context).map(type_of);
    let inside = chroot::of(event, &file, question)
        .filter(|inside| inside.type_ == question.target_type && outside != Some(inside.type_.as_str()));
    if let Some(inside) = inside {
        return Label::Fine(Some(format!(
            "the label {} is the one that file contexts have for {}: the process is in that chroot",
            inside.type_, inside.path
        )));
    }
    if is_customizable {
        let custom = custom::written(&file, found, question, policy)
            .map(|custom| Label::Custom(Custom { is_customizable, ..custom }));
        let note =
            format!("{} is customizable: an administrator may give it to any file", question.target_type);
        return custom.unwrap_or(Label::Fine(Some(note)));
    }
    let custom = || custom::of(&file, found, question, policy);
    let Some((found, context)) = found.and_then(|found| Some((found, found.context?))) else {
        return custom().unwrap_or_else(|| Label::Fine(Some(format!("file contexts say nothing of {path}"))));
    };
    let type_ = type_of(context);
    if let Some(label) = local_rule(&file, &found, question, policy) {
        return label;
    }
    if type_ == question.target_type {
        let note =
            format!("the label {type_} is the one that file contexts have for {path} ({})", found.pattern);
        return custom().unwrap_or(Label::Fine(Some(note)));
    }
    // What is in a folder of no service's own is refused next.
    let is_generic_folder = kind == Some(FileKind::Directory) && GENERIC.contains(&type_);
    if let Some(label) = custom().filter(|_| is_generic_folder) {
        return label;
    }
    let is_allowed = question.is_allowed_with(policy, context);
    let boolean =
        if is_allowed || GENERIC.contains(&type_) { None } else { Besides::of(question, policy, context) };
    if boolean.is_none() && !is_allowed {
        let note = format!(
            "file contexts have {type_} for {path} ({}), which {} may not access so either",
            found.pattern, question.source_type
        );
        // It has a label of its own, with which it is to stay refused.
        let is_kept = |label: &Label| match label {
            Label::Custom(custom) => custom.reason != Reason::Nobodys || is_nobodys(type_),
            _ => true,
        };
        return custom().filter(is_kept).unwrap_or(Label::Fine(Some(note)));
    }
    let on_disk = on_disk(event, place, path);
    if boolean.is_none() && on_disk.as_deref().map(type_of) == Some(type_) {
        return Label::Corrected(format!(
            "{path} has the label {type_} by now, which {} may access so",
            question.source_type
        ));
    }
    Label::Wrong(Wrong {
        place: file.itself(),
        wanted: type_.to_owned(),
        context: context.to_owned(),
        pattern: found.pattern.to_owned(),
        on_disk,
        boolean,
        is_other: other(event, place).is_some(),
    })
}

/// The label that file contexts have for the object in whole, if it is another than it had, and the policy would allow it
/// with that.
pub(super) fn whole(
    event: &Event<'_>,
    question: &Question<'_>,
    policy: &Policy,
    place: &Place,
) -> Option<Wrong> {
    let file = file(event, question, place).filter(|_| !container::has_process(event, question, policy))?;
    let found = file.contexts.find(&file.bytes(), file.kind).ok()??;
    let context = found.context.filter(|context| *context != question.target)?;
    question.is_allowed_with(policy, context).then(|| Wrong {
        place: file.itself(),
        wanted: type_of(context).to_owned(),
        context: context.to_owned(),
        pattern: found.pattern.to_owned(),
        on_disk: on_disk(event, place, file.path),
        boolean: None,
        is_other: other(event, place).is_some(),
    })
}

/// The type in a label.
pub(super) fn type_of(label: &str) -> &str {
    label.split(':').nth(2).unwrap_or_default()
}

/// Says of a local rule that it is wrong.
fn local_rule(file: &File<'_>, found: &Match<'_>, question: &Question<'_>, policy: &Policy) -> Option<Label> {
    let label_type = type_of(found.context?);
    if found.origin != Origin::Local
        || found.kind.is_some()
        || question.is_allowed_with(policy, found.context?)
    {
        return None;
    }
    let own = file.contexts.find_without_local(&file.bytes(), file.kind).ok()??;
    let wanted = type_of(own.context?);
    (!GENERIC.contains(&wanted) && question.is_allowed_with(policy, own.context?)).then(|| Label::LocalRule {
        place: file.of_pattern(found.pattern),
        pattern: found.pattern.to_owned(),
        label_type: label_type.to_owned(),
        wanted: wanted.to_owned(),
    })
}

/// Whether the denial was on this machine, as far as it says.
fn is_here(event: &Event<'_>, place: &Place) -> bool {
    let own = place.host.split('.').next();
    let is_named = !event.host.is_empty();
    place.here && (is_named && event.host.split('.').next() == own || !is_named && place.unnamed_here)
}

/// Whether the file that a path leads to here may be the one that was refused, and can be looked at.
pub(super) fn is_to_be_seen(event: &Event<'_>, place: &Place, path: &str) -> bool {
    is_here(event, place) && place.shows(path)
}

/// The path of what was refused, if it leads to another file here, as far as can be seen. The process may have another
/// root, or the file was replaced.
pub(super) fn other<'e>(event: &'e Event<'_>, place: &Place) -> Option<&'e str> {
    let path = event.object.path.as_deref().filter(|path| is_to_be_seen(event, place, path))?;
    let inode = event.object.inode?;
    let bytes = folder::bytes(path);
    let found = rustix::fs::lstat(Path::new(OsStr::from_bytes(&bytes))).ok()?;
    // On a block device, stat(2) tells the kernel's own number; overlayfs and the like tell another.
    (rustix::fs::major(found.st_dev) != 0 && found.st_ino != inode).then_some(path)
}

/// The label that the file has now, if it is this machine's, and can be seen.
pub(super) fn on_disk(event: &Event<'_>, place: &Place, path: &str) -> Option<String> {
    if !is_to_be_seen(event, place, path) {
        return None;
    }
    let bytes = folder::bytes(path);
    let mut label = vec![0; 4096];
    let path = Path::new(OsStr::from_bytes(&bytes));
    let length = rustix::fs::lgetxattr(path, "security.selinux", &mut label[..]).ok()?;
    label.truncate(length);
    while label.last() == Some(&0) {
        label.pop();
    }
    String::from_utf8(label).ok()
}
