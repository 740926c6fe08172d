//! Whether the object has the label that it should have.

use std::{borrow::Cow, ffi::OsStr, os::unix::ffi::OsStrExt as _, path::Path};

use monitor_event::{
    event::{Event, ObjectKind, PathRoot},
    text,
};

use super::question::Question;
use crate::{
    place::Place,
    selinux::{
        file_contexts::{FileContexts, FileKind},
        policy::Policy,
    },
};

/// What there is to say of an object's label.
pub(super) enum Label {
    /// It is on disk as it should be by now, and with it the access is allowed.
    Corrected(String),
    /// It should be another, with which the access is allowed.
    Wrong { path: String, wanted: String, pattern: String, on_disk: Option<String> },
    /// It is what file contexts say, and no domain was made for it: other types would do.
    Custom { path: String, candidates: Vec<String> },
    /// Nothing that helps; what was looked at.
    Fine(Option<String>),
}

/// Types that are no service's own.
const GENERIC: [&str; 16] = [
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

/// How many types are named that would do.
const CANDIDATES: usize = 4;

/// The path, if files by it can have labels of file contexts.
fn path<'e>(event: &'e Event<'_>, class: &str) -> Option<&'e str> {
    let object = &event.object;
    let of_file =
        matches!(class, "file" | "dir" | "lnk_file" | "chr_file" | "blk_file" | "sock_file" | "fifo_file");
    let path = object.path.as_deref().filter(|path| path.starts_with('/') && *path != "/")?;
    let in_namespace = object.path_root.is_none_or(|root| root == PathRoot::MountNamespace);
    let has_labels = !["/proc/", "/sys/", "/memfd:", "/dev/fd/"].iter().any(|start| path.starts_with(start));
    (of_file
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

/// Looks at the object's label.
pub(super) fn of(event: &Event<'_>, question: &Question<'_>, policy: &Policy, place: &Place) -> Label {
    let Some(path) = path(event, question.class) else { return Label::Fine(None) };
    let Some(contexts) = &place.contexts else {
        return Label::Fine(Some(format!("no file contexts: not known which label {path} should have")));
    };
    if place.customizable.contains(question.target_type) {
        let note =
            format!("{} is customizable: an administrator may give it to any file", question.target_type);
        return Label::Fine(Some(note));
    }
    let bytes = text::unescape(path).unwrap_or(Cow::Borrowed(path.as_bytes()));
    let wanted = match wanted(contexts, &bytes, kind(event, question.class)) {
        Ok(Some(wanted)) => wanted,
        Ok(None) => {
            return custom(path, question, policy)
                .unwrap_or_else(|| Label::Fine(Some(format!("file contexts say nothing of {path}"))));
        }
        Err(note) => return Label::Fine(Some(note)),
    };
    let (context, pattern) = wanted;
    let type_ = context.split(':').nth(2).unwrap_or_default();
    if type_ == question.target_type {
        return custom(path, question, policy).unwrap_or_else(|| {
            Label::Fine(Some(format!(
                "the label {type_} is the one that file contexts have for {path} ({pattern})"
            )))
        });
    }
    if !question.is_allowed_with(policy, &context) {
        return custom(path, question, policy).unwrap_or_else(|| {
            Label::Fine(Some(format!(
                "file contexts have {type_} for {path} ({pattern}), which {} may not access so either",
                question.source_type
            )))
        });
    }
    let on_disk = if is_here(event, place) && place.shows(path) { on_disk(&bytes) } else { None };
    let on_disk_type = on_disk.as_deref().and_then(|label| label.split(':').nth(2));
    if on_disk_type == Some(type_) {
        return Label::Corrected(format!(
            "{path} has the label {type_} by now, which {} may access so",
            question.source_type
        ));
    }
    Label::Wrong { path: path.to_owned(), wanted: type_.to_owned(), pattern, on_disk }
}

type Wanted = (String, String);

fn wanted(contexts: &FileContexts, path: &[u8], kind: Option<FileKind>) -> Result<Option<Wanted>, String> {
    match contexts.find(path, kind) {
        Ok(found) => Ok(found.and_then(|found| Some((found.context?.to_owned(), found.pattern.to_owned())))),
        Err(error) => Err(format!("it could not be checked which label it should have: {error}")),
    }
}

/// Whether the denial was on this machine, as far as it says.
fn is_here(event: &Event<'_>, place: &Place) -> bool {
    let own = place.host.split('.').next();
    let is_named = !event.host.is_empty();
    place.here && (is_named && event.host.split('.').next() == own || !is_named && place.unnamed_here)
}

/// The label that the file has now.
fn on_disk(path: &[u8]) -> Option<String> {
    let mut label = vec![0; 4096];
    let path = Path::new(OsStr::from_bytes(path));
    let length = rustix::fs::lgetxattr(path, "security.selinux", &mut label[..]).ok()?;
    label.truncate(length);
    while label.last() == Some(&0) {
        label.pop();
    }
    String::from_utf8(label).ok()
}

/// Types of the subject's own that would do, where the object has one of nobody's.
fn custom(path: &str, question: &Question<'_>, policy: &Policy) -> Option<Label> {
    if !GENERIC.contains(&question.target_type) {
        return None;
    }
    let stem = question.source_type.strip_suffix('t')?;
    let rest = question.target.splitn(3, ':').nth(2)?.strip_prefix(question.target_type)?;
    let attribute = policy.attribute("file_type")?;
    let mut names: Vec<&str> =
        policy.types_with(attribute).map(|type_| policy.symbols.types.name(type_)).collect();
    names.retain(|name| name.starts_with(stem) && !name.ends_with("_exec_t"));
    let hints = hints(path);
    let rank = |name: &str| hints.iter().position(|hint| name.contains(hint)).unwrap_or(hints.len());
    names.sort_by_key(|name| (rank(name), name.len(), *name));
    let allowed = |name: &&str| question.is_allowed_with(policy, &format!("system_u:object_r:{name}{rest}"));
    let candidates: Vec<String> =
        names.into_iter().filter(allowed).take(CANDIDATES).map(str::to_owned).collect();
    (!candidates.is_empty()).then(|| Label::Custom { path: path.to_owned(), candidates })
}

/// What types of files in such a place are called.
fn hints(path: &str) -> &'static [&'static str] {
    const HINTS: [(&str, &[&str]); 6] = [
        ("/etc/", &["_etc_", "_conf"]),
        ("/var/log/", &["_log_"]),
        ("/tmp/", &["_tmp_"]),
        ("/var/tmp/", &["_tmp_"]),
        ("/var/cache/", &["_cache_"]),
        ("/run/", &["run_t"]),
    ];
    let known = HINTS.iter().find(|(start, _)| path.starts_with(start));
    known.map_or(&["_sys_content_", "_content_", "_data_", "_db_", "_var_lib_"], |(_, hints)| hints)
}

/// A path as a file context that matches it alone has it.
pub(super) fn pattern(path: &str) -> String {
    let mut pattern = String::with_capacity(path.len());
    for c in path.chars() {
        if ".^$?*+|[](){}\\".contains(c) {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern
}
