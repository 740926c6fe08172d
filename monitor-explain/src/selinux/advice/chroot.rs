//! Paths as a process in a chroot sees them, where file contexts know the folder that is its root.

use monitor_event::event::Event;

use super::{
    candidates,
    folder::File,
    label::{self, type_of},
    question::Question,
    relabel,
};
use crate::{finding::Draft, place::Place};

/// What a path is if the process is in a chroot that file contexts know.
pub(super) struct Inside {
    /// The path below the chroot.
    pub(super) path: String,
    /// The type that file contexts have for that.
    pub(super) type_: String,
    /// Whether all in the chroot has that type.
    pub(super) is_of_all: bool,
}

/// Whether a path is one that audit wrote as the process sees it. denyd's own events have it whole.
fn is_as_seen(event: &Event<'_>) -> bool {
    event.process.start_time.is_none()
}

/// Says of a path that can't be looked at here that it may be another.
pub(super) fn tell(found: Draft, event: &Event<'_>, question: &Question<'_>, place: &Place) -> Draft {
    let Some(file) = label::file(event, question, place).filter(|_| is_as_seen(event)) else { return found };
    let path = file.path;
    if label::is_to_be_seen(event, place, path) {
        return found;
    }
    match of(event, &file, question).filter(|inside| !inside.is_of_all) {
        Some(Inside { path: inside, type_, .. }) => {
            let text =
                format!("if the process is in a chroot, the file is {inside}, which should have {type_}");
            relabel::doubt(found, &text)
        }
        None => found.because(format!(
            "{path} is as the process sees it: in a chroot, the file is another, below that"
        )),
    }
}

/// What the path is in the chroot of the domain's, if file contexts have one.
pub(super) fn of(event: &Event<'_>, file: &File<'_>, question: &Question<'_>) -> Option<Inside> {
    if !is_as_seen(event) {
        return None;
    }
    let stems = candidates::stems(question.source_type)?;
    file.contexts.roots().iter().find_map(|root| {
        let is_own = stems.iter().any(|stem| type_of(&root.context).starts_with(stem.as_str()));
        if !is_own || file.path.starts_with(root.path.as_str()) {
            return None;
        }
        let path = format!("{}{}", root.path, file.path);
        let found = file.contexts.find_without_local(path.as_bytes(), file.kind).ok()??;
        let type_ = type_of(found.context?).to_owned();
        Some(Inside { is_of_all: found.pattern == root.pattern, path, type_ })
    })
}
