//! What is said of a label that is wrong, or not made for what uses it.

use std::fmt::Write as _;

use monitor_event::event::Event;

use super::{
    candidates, draft,
    label::{Custom, Reason, Wrong},
    question::Question,
};
use crate::{
    change::Change,
    finding::{Cause, Draft, Remedy, RemedyKind},
    selinux::policy::Policy,
};

/// It is right by now.
pub(super) fn corrected(question: &Question<'_>, why: String) -> Draft {
    draft(question, Cause::Allowed, "by now its label is right").because(why).remedy(Remedy::again())
}

/// It should be another, and a boolean may have to be set, too.
pub(super) fn mislabelled(question: &Question<'_>, wrong: Wrong) -> Draft {
    let Wrong { place, wanted, pattern, on_disk, boolean, is_other, .. } = wrong;
    let path = &place.path;
    let now = match on_disk {
        Some(label) => format!("{path} has the label {label} on disk"),
        None => format!("which label {path} has on disk by now is not known here"),
    };
    let mut found = draft(question, Cause::Label, &format!("the label is wrong, it should be {wanted}"))
        .giving(&wanted)
        .because(format!("file contexts have {wanted} for {path} ({pattern})"));
    let relabel = |text: String| Remedy::new(RemedyKind::Relabel, text).change(place.relabel());
    let remedy = if let Some(boolean) = boolean {
        let words = boolean.words();
        found = found.because(format!("with {wanted} and {words}, the policy allows it"));
        boolean.add_to(relabel(format!("put the label right, and set {words}: it takes both")))
    } else {
        found = found.because(format!("with {wanted}, the policy allows it"));
        relabel("put the label right; files that were moved keep their old one".to_owned())
    };
    found = found.because(now).remedy(remedy);
    if is_other { other(found, &place.path) } else { found }
}

/// Of a label that is not made for this, with those that would do, the best first.
pub(super) fn custom(question: &Question<'_>, custom: Custom) -> Draft {
    let Custom { place, candidates, boolean, instead, reason, is_customizable } = custom;
    let why = match reason {
        Reason::LocalRule => "a local rule of file contexts gives it a label that is not made for it",
        Reason::Nobodys => "its label is one that no service owns",
        Reason::ReadOnly => "its label is one for what is only read",
        Reason::Program => "its label is not one for programs",
        Reason::Relocation => "its label is not one for libraries with text relocations",
    };
    let found = draft(question, Cause::CustomPath, why);
    let types = &candidates.types;
    let Some((first, others)) = types.split_first() else { return found };
    let found = found.because(match &boolean {
        Some(boolean) => format!("with {first} and {}, the policy allows it", boolean.words()),
        None => format!("{} may do it to {}", question.source_type, types.join(", ")),
    });
    let change = |type_: &str| Change::FileContext {
        pattern: place.pattern.clone(),
        label_type: type_.to_owned(),
        instead: instead.clone(),
    };
    if !candidates.is_clear {
        let text = format!(
            "if the path is what one of these types is for, give it that label: {}",
            types.join(", ")
        );
        let how = format!("`{}`, then `{}`", change("TYPE").line(), place.relabel().line());
        return found.remedy(Remedy::new(RemedyKind::FileContext, text).note(how));
    }
    let mut text = match reason {
        Reason::Program => format!("give the path the label of programs, {first}"),
        _ => format!("give the path a label that is made for {}, such as {first}", question.source_type),
    };
    if let Some(boolean) = &boolean {
        let _infallible = write!(text, ", and set {}: it takes both", boolean.words());
    }
    let relabel = match place.relabel() {
        Change::Relabel { path, recursive, .. } if is_customizable => {
            Change::Relabel { path, recursive, whole: true }
        }
        relabel => relabel,
    };
    let mut remedy = Remedy::new(RemedyKind::FileContext, text).change(change(first)).change(relabel);
    if let Some(boolean) = boolean {
        remedy = boolean.add_to(remedy);
    }
    if !others.is_empty() {
        remedy =
            remedy.warn(format!("these would do, too; choose by what the file is: {}", others.join(", ")));
    }
    remedy = match reason {
        Reason::ReadOnly => remedy.warn(
            "whoever takes the service over may change it then: only for what it has to write, never for its programs",
        ),
        Reason::Program => remedy.warn(format!(
            "whoever may change the file has {} run what they like: only for a program that you put there, and that \
             root alone may write",
            question.source_type
        )),
        Reason::Relocation => remedy
            .warn("changed code of the library may be run: have the library built with -fPIC, if you can"),
        Reason::LocalRule | Reason::Nobodys => remedy,
    };
    let found = candidates.evidence.iter().fold(found, |found, evidence| found.because(evidence.as_str()));
    let found = match &instead {
        Some(type_) => found.because(format!("file_contexts.local has {type_} for {}", place.pattern)),
        None => found,
    };
    found.giving(first).remedy(remedy)
}

/// Of a file with a label of nobody's of which only the name is known.
pub(super) fn unplaced(event: &Event<'_>, question: &Question<'_>, policy: &Policy) -> Remedy {
    let types = candidates::by_custom(question, policy);
    let such = if types.is_empty() { String::new() } else { format!(", such as {}", types.join(", ")) };
    let text = format!(
        "find the file, and put its label right, or give it one that is made for {}{such}: {} is no service's own",
        question.source_type, question.target_type
    );
    let remedy = Remedy::new(RemedyKind::FileContext, text)
        .note("audit tells paths once it has a rule, such as `auditctl -w /etc/shadow -p w`");
    let object = &event.object;
    let name = object.name.as_deref().filter(|name| *name != "/");
    match (object.inode, name) {
        (Some(inode), Some(name)) => {
            remedy.note(format!("`find / -inum {inode} -name {}`", shell_words::quote(name)))
        }
        _ => remedy,
    }
}

/// Of a file in a folder of homes that file contexts don't know.
pub(super) fn homes(question: &Question<'_>, path: &str, type_: &str) -> Draft {
    let folder = shell_words::quote(path);
    let text = format!("say that {path} is as /home is, and put the labels there right");
    draft(question, Cause::CustomPath, "it is in a folder of homes that file contexts do not know")
        .because(format!("below /home, file contexts have {type_} for such a file, and the policy allows it"))
        .remedy(
            Remedy::new(RemedyKind::FileContext, text)
                .run(format!("semanage fcontext -a -e /home {folder}"))
                .run(format!("restorecon -v -R {folder}")),
        )
}

/// Says that the path leads to another file than the one that was refused.
pub(super) fn other(found: Draft, path: &str) -> Draft {
    let text = format!(
        "{path} is another file than the one that was refused: the process may have another root (chroot, PrivateTmp=, \
         RootDirectory=), or the file was replaced since"
    );
    doubt(found, &text)
}

/// Says why the path may not be the one: a warning, unless the label is only put right.
pub(super) fn doubt(mut found: Draft, text: &str) -> Draft {
    for remedy in &mut found.finding.remedies {
        let is_harmless = remedy.changes.iter().all(|change| matches!(change, Change::Relabel { .. }));
        if is_harmless { &mut remedy.notes } else { &mut remedy.warnings }.push(text.to_owned());
    }
    found
}
