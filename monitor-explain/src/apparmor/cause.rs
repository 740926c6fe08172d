//! Why a profile refused.

mod told;

use std::{path::PathBuf, sync::Arc, time::SystemTime};

use monitor_event::event::{Event, Module, Verdict};

use super::{
    Refusing,
    answer::{self, Answer},
    edit,
    entry::Entry,
    generated::Generated,
    library::{self, Known},
    request,
    request::Request,
    source::Include,
};
use crate::{
    denials::Seen,
    finding::{Cause, Draft, Remedy, RemedyKind},
    place::Place,
};

/// How many rules are shown.
const SHOWN: usize = 3;

/// The label of what has no profile.
const UNCONFINED: &str = "unconfined";

/// Says why a denial was, and what to do.
pub(crate) fn judge(event: &Event<'_>, seen: &Seen, place: &Place) -> Draft {
    let Some(label) = event.subject.label.as_deref() else {
        return Draft::new(Module::Apparmor, Cause::Unknown, "", "a denial without a profile")
            .because("which profile refused is not known, so there is none to change");
    };
    let namespace = event.subject.namespace.as_deref().unwrap_or_default();
    let case = Case { event, seen, place, label, namespace };
    let info = event.action.info.as_deref().unwrap_or_default();
    if let Some(draft) = case.told(info) {
        return draft;
    }
    // Complain mode makes a profile up for a program that none is said to run under.
    let Some((outer, made_up)) = label.split_once("//null-") else { return case.of_rules() };
    let program = made_up.rsplit("//null-").next().unwrap_or(made_up);
    let own = case.library().and_then(|library| library.attached(program));
    match own {
        Some(own) => case
            .draft(Cause::Profile, "it is of a program that has no exec rule yet")
            .because(format!("complain mode made the profile {label} up"))
            .remedy(Remedy::new(
                RemedyKind::Nothing,
                format!("nothing here: {program} has the profile {own}, under which it runs once {outer} may execute it"),
            )),
        None => Case { label: outer, ..case }
            .of_rules()
            .because(format!("complain mode ran {program} under {label}; with ix it runs under {outer}")),
    }
}

/// A denial, and what there is to judge it by.
#[derive(Clone, Copy)]
struct Case<'a> {
    event: &'a Event<'a>,
    seen: &'a Seen,
    place: &'a Place,
    label: &'a str,
    namespace: &'a str,
}

impl<'a> Case<'a> {
    fn refusing(&self, deny: Option<(PathBuf, usize)>) -> Refusing {
        Refusing { namespace: self.namespace.to_owned(), label: self.label.to_owned(), deny }
    }

    fn draft(&self, cause: Cause, why: &str) -> Draft {
        let verb = if self.event.verdict == Some(Verdict::Permitted) { "would refuse" } else { "refuses" };
        let key = format!("{}\0{} {why} {verb}", self.namespace, self.label);
        let who = if self.label == UNCONFINED { "AppArmor" } else { &*format!("the profile {}", self.label) };
        Draft::new(Module::Apparmor, cause, key, format!("{who} {verb}: {why}"))
    }

    /// The profiles, if the denial is of this machine as far as is known.
    fn library(&self) -> Option<&'a library::Library> {
        self.place.library(&self.event.host).filter(|_| self.namespace.is_empty())
    }

    /// The profile with its file, if it is here.
    fn known(&self) -> Option<Arc<Known>> {
        self.library()?.profile(self.label)
    }

    /// What writes the profile, if a program does, so that it is in no file here.
    fn generated(&self) -> Option<Generated> {
        Generated::of(self.label).filter(|_| self.known().is_none())
    }

    /// Whether the profile was loaded after the last of the denials.
    fn is_loaded_since(&self) -> bool {
        let loaded = self.place.here.then(|| library::loaded(self.label)).flatten();
        loaded.zip(self.seen.last).is_some_and(|(loaded, last)| SystemTime::from(last) < loaded)
    }

    fn of_rules(&self) -> Draft {
        let Some(request) = request::request(self.event) else {
            let class = self.event.action.class.as_deref().unwrap_or("unknown");
            let operation = self.event.action.operation.as_deref().unwrap_or("unknown");
            let draft = self.draft(Cause::Profile, "no rule can be told").because(format!(
                "what was refused is {operation} of class {class}, whose rule can't be derived from it"
            ));
            let Some(generated) = self.generated() else { return draft };
            return draft
                .because(generated.evidence(self.label))
                .remedy(Remedy::new(RemedyKind::Setting, generated.setting()));
        };
        if let Some(known) = self.known() {
            let answer = answer::ask(&known.profile().entries, &request);
            if let Some(deny) = answer.denying.first() {
                return self.denied(&known, deny, request);
            }
            if answer.is_allowed() {
                return self.allowed(&known, &answer);
            }
        } else if self.event.silent && self.event.verdict == Some(Verdict::Denied) {
            let draft = self
                .draft(Cause::Deny, "a deny rule that asks for no log")
                .because("AppArmor logs nothing of what a deny rule refuses, and denyd saw it all the same");
            return match self.generated() {
                Some(generated) => draft
                    .because(generated.evidence(self.label))
                    .remedy(edit::warn(Remedy::new(RemedyKind::Setting, generated.without_deny()))),
                None => draft.remedy(Remedy::new(
                    RemedyKind::Rules,
                    "take the deny rule out of the profile, or narrow it; no other rule overrides it",
                )),
            };
        }
        let mut draft = self.draft(Cause::Profile, "its rules do not allow what is below");
        draft.requests.insert(request);
        draft.profile = Some(self.refusing(None));
        draft
    }

    /// A deny rule is the cause.
    fn denied(&self, known: &Known, deny: &Entry, request: Request) -> Draft {
        let position = known.position(deny);
        let why = format!("`{}` in {position} says so, whatever other rules allow", deny.text);
        let mut draft = self.draft(Cause::Deny, &why);
        if !self.event.silent && !deny.audit {
            draft = draft.because("a deny rule without `audit` is not logged: the rule is newer than the denial, or the profile is loaded with other rules");
        }
        let file = &known.source.files[deny.at.file];
        let is_local = |include: &Include| include.written.starts_with("local/") && include.path == *file;
        let is_own = deny.at.file == known.profile().at.file || known.profile().includes.iter().any(is_local);
        if !is_own {
            let via = deny.via.map_or_else(String::new, |line| {
                format!(", which {}:{line} includes", known.file().display())
            });
            let remedy = Remedy::new(
                RemedyKind::Rules,
                format!(
                    "if it is needed: stop including {}{via}, and write what else is needed of it into the profile",
                    position.rsplit_once(':').map_or("it", |(file, _)| file)
                ),
            );
            return draft.remedy(edit::warn(remedy));
        }
        draft.requests.insert(request);
        draft.profile = Some(self.refusing(Some((file.clone(), deny.at.line))));
        draft
    }

    /// The rules that are on disk allow it.
    fn allowed(&self, known: &Known, answer: &Answer<'_>) -> Draft {
        let files = answer.allowing.iter().map(|entry| &*known.source.files[entry.at.file]);
        let newest = files.filter_map(library::changed).max();
        let loaded = self.place.here.then(|| library::loaded(self.label)).flatten();
        let last = self.seen.last.map(SystemTime::from);
        let file = known.loaded();
        let (cause, why, remedy) = match (loaded, newest, last) {
            (Some(loaded), Some(newest), Some(last)) if newest <= loaded && last < loaded => (
                Cause::Allowed,
                "by now the profile allows it, and is loaded",
                Remedy::new(RemedyKind::Nothing, "nothing: the rule came, and was loaded, after the denial"),
            ),
            (Some(loaded), Some(newest), Some(_)) if newest <= loaded => (
                Cause::Unknown,
                "its file seems to allow it, and was loaded before the denial",
                Remedy::new(
                    RemedyKind::Reload,
                    "load the profile again, and look whether it is refused still",
                )
                .run(edit::reload(file)),
            ),
            _ => (
                Cause::Allowed,
                "its file allows it, and what is loaded does not",
                Remedy::new(RemedyKind::Reload, "load the profile again: the rule is there already")
                    .run(edit::reload(file)),
            ),
        };
        let mut draft = self.draft(cause, why).remedy(remedy);
        for entry in answer.allowing.iter().take(SHOWN) {
            draft = draft.because(format!("{}: `{}`", known.position(entry), entry.text));
        }
        draft
    }
}
