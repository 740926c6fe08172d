//! Types that would do for a path whose label is not made for what uses it.

use super::{
    boolean::Besides,
    candidates::{self, Candidates},
    folder::File,
    home::{self, Home},
    label::{Custom, GENERIC, Label, Reason, is_nobodys, type_of},
    question::Question,
    sibling,
};
use crate::selinux::{
    file_contexts::{FileKind, Match, Origin},
    policy::Policy,
};

/// The type of libraries whose code is changed when they are loaded.
const RELOCATED: &str = "textrel_shlib_t";

/// Folders in which anybody may put programs.
const ANYBODYS: [&str; 4] = ["/tmp/", "/var/tmp/", "/dev/shm/", "/run/"];

/// Types that would do, where the object has one of nobody's, one that a local rule gave it, one that may only be read, or
/// one that is not run.
pub(super) fn of(
    file: &File<'_>,
    found: Option<Match<'_>>,
    question: &Question<'_>,
    policy: &Policy,
) -> Option<Label> {
    let alone = |type_: &str, reason| Custom {
        place: file.itself(),
        candidates: Candidates::only(type_.to_owned()),
        boolean: None,
        instead: None,
        reason,
        is_customizable: false,
    };
    if question.asks("execmod") && candidates::is_allowed(question, policy, RELOCATED) {
        return Some(Label::Custom(alone(RELOCATED, Reason::Relocation)));
    }
    if let Some(custom) = written(file, found, question, policy) {
        return Some(Label::Custom(custom));
    }
    if let Some((type_, boolean)) = run(file, question, policy) {
        return Some(Label::Custom(Custom { boolean, ..alone(&type_, Reason::Program) }));
    }
    let local = found.filter(is_local);
    let is_folder = file.kind == Some(FileKind::Directory);
    let is_entry = question.asks("entrypoint");
    let by_default = found.and_then(|found| found.context).map(type_of);
    let is_generic = |type_: &str| GENERIC.contains(&type_);
    let is_nobodys = is_generic(question.target_type)
        || is_folder && by_default.is_some_and(is_generic)
        // What is only read there is another service's.
        || is_nobodys(question.target_type) && sibling::is_to_be_written(question);
    let is_known = !is_folder && found.is_some_and(|found| file.is_by_name(&found));
    if (!is_nobodys || is_known) && !is_entry && local.is_none() {
        return None;
    }
    let home = local.is_none().then(|| home::home(file.path, file.contexts, question, policy)).flatten();
    let mut candidates = match home {
        Some(Home::Folder { path, type_ }) => return Some(Label::Homes { path, type_ }),
        Some(Home::File { type_ }) => Candidates::only(type_),
        None => candidates::of(file, question, policy, is_entry)?,
    };
    let is_of_homes = found.is_some_and(|found| found.origin == Origin::Homes);
    candidates.is_of_home = is_of_homes && by_default == Some(question.target_type);
    // A label for a folder that others use, too, would take it from them.
    let place = match local {
        Some(found) => file.of_pattern(found.pattern),
        None if is_entry || candidates.is_alone => file.itself(),
        None => file.folder()?,
    };
    let reason = if local.is_some() { Reason::LocalRule } else { Reason::Nobodys };
    let instead = local.and_then(type_of_rule);
    Some(Label::Custom(Custom { place, candidates, boolean: None, instead, reason, is_customizable: false }))
}

/// The type beside the object's that may be written, if that is what was refused.
pub(super) fn written(
    file: &File<'_>,
    found: Option<Match<'_>>,
    question: &Question<'_>,
    policy: &Policy,
) -> Option<Custom> {
    let (type_, boolean) = sibling::writable(question, policy)?;
    // No more than has to be written: programs may be beside it.
    let is_folder = file.kind == Some(FileKind::Directory);
    let place = if is_folder { file.folder()? } else { file.itself() };
    let local = found.filter(is_local).filter(|found| found.pattern == place.pattern);
    Some(Custom {
        place,
        candidates: Candidates::only(type_),
        boolean,
        instead: local.and_then(type_of_rule),
        reason: Reason::ReadOnly,
        is_customizable: false,
    })
}

/// The type of programs or libraries, if one without is to be run from where not anybody may put some, and the boolean that
/// is needed besides.
fn run(file: &File<'_>, question: &Question<'_>, policy: &Policy) -> Option<(String, Option<Besides>)> {
    let is_run = question.asks("execute") || question.asks("execute_no_trans");
    if !is_run || question.class != "file" || ANYBODYS.iter().any(|folder| file.path.starts_with(folder)) {
        return None;
    }
    if let Some(stem) = question.target_type.strip_suffix("_content_t") {
        // What is written may have been uploaded.
        let is_written = stem.ends_with("_rw") || stem.ends_with("_ra");
        let type_ = Some(format!("{stem}_script_exec_t")).filter(|_| !is_written)?;
        if candidates::is_allowed(question, policy, &type_) {
            return Some((type_, None));
        }
        let boolean = Besides::of(question, policy, &candidates::label_with(question, &type_)?)?;
        return Some((type_, Some(boolean)));
    }
    let name = file.path.rsplit('/').next().unwrap_or_default();
    let is_library = name.split('.').skip(1).any(|part| part == "so");
    let type_ = if is_library { "lib_t" } else { "bin_t" };
    let is_nobodys = GENERIC.contains(&question.target_type);
    (is_nobodys && candidates::is_allowed(question, policy, type_)).then(|| (type_.to_owned(), None))
}

fn is_local(found: &Match<'_>) -> bool {
    found.origin == Origin::Local && found.kind.is_none()
}

fn type_of_rule(found: Match<'_>) -> Option<String> {
    found.context.map(|context| type_of(context).to_owned())
}
