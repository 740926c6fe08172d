//! The type of the same use that may be written, where the object has one that is only read.

use super::{
    boolean::Besides,
    candidates::{is_allowed, label_with},
    question::Question,
};
use crate::selinux::policy::Policy;

/// What changes a file or folder.
const WRITES: [&str; 10] = [
    "write",
    "append",
    "create",
    "add_name",
    "remove_name",
    "unlink",
    "rename",
    "setattr",
    "reparent",
    "rmdir",
];

/// How types of files are called that are only read, and those of the same use that may be written.
const SIBLINGS: [(&str, &[&str]); 7] = [
    ("_content_t", &["_rw_content_t", "_content_rw_t"]),
    ("_etc_t", &["_etc_rw_t", "_rw_etc_t"]),
    ("_conf_t", &["_conf_rw_t", "_rw_conf_t"]),
    ("_config_t", &["_config_rw_t", "_rw_config_t"]),
    ("_ro_t", &["_rw_t"]),
    ("dir_t", &["dir_rw_t"]),
    // Zones that the server changes by itself.
    ("_zone_t", &["_cache_t"]),
];

/// Parts of names of types that may be written or appended to already.
const WRITABLE: [&str; 2] = ["_rw_", "_ra_"];

/// Whether something is to be changed.
pub(super) fn is_to_be_written(question: &Question<'_>) -> bool {
    WRITES.iter().any(|permission| question.asks(permission))
}

/// The type of the same use that may be written, if this is one that may only be read, and the boolean that is needed
/// besides.
pub(super) fn writable(question: &Question<'_>, policy: &Policy) -> Option<(String, Option<Besides>)> {
    let type_ = question.target_type;
    if !is_to_be_written(question) || WRITABLE.iter().any(|part| type_.contains(part)) {
        return None;
    }
    let siblings = SIBLINGS.iter().filter_map(|(end, others)| Some((type_.strip_suffix(end)?, others)));
    let names = siblings.flat_map(|(stem, others)| others.iter().map(move |end| format!("{stem}{end}")));
    let names: Vec<String> = names.collect();
    let is_allowed = |name: &&String| is_allowed(question, policy, name);
    if let Some(name) = names.iter().find(is_allowed) {
        return Some((name.clone(), None));
    }
    names.into_iter().find_map(|name| {
        let boolean = Besides::of(question, policy, &label_with(question, &name)?)?;
        Some((name, Some(boolean)))
    })
}
