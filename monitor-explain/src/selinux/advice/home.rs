//! Homes that are not below `/home`.

use super::{
    candidates::is_allowed,
    label::{GENERIC, type_of},
    question::Question,
};
use crate::selinux::{
    file_contexts::{FileContexts, Origin},
    policy::Policy,
};

/// A folder of homes that file contexts don't know, or the type that the file would have in a home.
pub(super) enum Home {
    /// It is to be as `/home` is.
    Folder { path: String, type_: String },
    /// The file is in one home elsewhere.
    File { type_: String },
}

/// Whether the path is one that file contexts know below `/home`, where such a file may be used so.
pub(super) fn home(
    path: &str,
    contexts: &FileContexts,
    question: &Question<'_>,
    policy: &Policy,
) -> Option<Home> {
    let is_of_home = |part: &str| part.starts_with('.') || matches!(part, "public_html" | "Maildir");
    // The folder of the homes, one home, and what is in it.
    let (above, rest) =
        path.match_indices('/').skip(1).map(|(at, _)| path.split_at(at)).find(|(_, rest)| {
            let mut parts = rest.split('/').skip(1);
            parts.next().is_some_and(|user| !is_of_home(user)) && parts.next().is_some_and(is_of_home)
        })?;
    let found = contexts.find_without_local(format!("/home{rest}").as_bytes(), None).ok()??;
    let type_ = type_of(found.context?);
    let is_specific = found.origin == Origin::Homes && !GENERIC.contains(&type_);
    if !is_specific || above == "/home" || !is_allowed(question, policy, type_) {
        return None;
    }
    let is_of_homes = matches!(above.rsplit('/').next(), Some("home" | "homes" | "users"));
    let type_ = type_.to_owned();
    Some(if is_of_homes { Home::Folder { path: above.to_owned(), type_ } } else { Home::File { type_ } })
}
