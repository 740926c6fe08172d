//! Services that are broken, each in another way: `denyd explain` says why, `denyd fix` puts them right, the next
//! `denyd explain` says that it is so, and `denyd fix --undo` takes it back.
//!
//! They run on request, since a guest takes minutes to rebuild a policy:
//!
//! ```sh
//! cargo xtask test --only e2e -- --ignored                          # all of them
//! cargo xtask test --only e2e -- --ignored broken-selinux/boolean   # one
//! ```
//!
//! All services that are asked for are broken in one guest, and put right together. A guest has denyd installed, as users
//! have it.

mod apparmor;
mod selinux;
mod units;

use std::{collections::BTreeSet, fmt::Write as _, sync::Arc, time::Duration};

use libtest_mimic::Trial;
use serde_json::Value;
use xtask::vm::Module;

use super::{KERNEL, Limits, Place, Seen, Work, installed, run, unindented, userspace::CALLER};
use crate::{
    group::Session,
    plan::{Booted, Plan},
};

/// A policy that is built anew takes a guest a minute, and several if the machine is busy.
const LIMITS: Limits = Limits { script: Duration::from_mins(25), guest: Duration::from_hours(1) };

/// A service that is broken.
#[derive(Clone, Copy)]
struct Broken {
    /// The trial's name: the way in which it is broken.
    name: &'static str,
    /// Shell: makes the service, so that it does not work.
    given: &'static str,
    /// Shell: has it do its work; fails if it can't.
    works: &'static str,
    /// What its finding has that no other has.
    finding: &'static str,
    /// The cause that explain must name.
    cause: &'static str,
    /// The remedy that must come first.
    remedy: Remedy,
}

/// What explain must say first, and what becomes of it.
#[derive(Clone, Copy)]
enum Remedy {
    /// A remedy of this kind that has this text; the service works by it, and not without it.
    Mends(&'static str, &'static str),
    /// The same, and there is nothing to take back.
    MendsForGood(&'static str, &'static str),
    /// A remedy of this kind that has this text, which `denyd fix --yes` leaves alone.
    Told(&'static str, &'static str),
}

/// A guest, and the services that are broken in it.
struct Set {
    /// The second part of its trials' names.
    name: &'static str,
    /// The module in force.
    module: Module,
    /// Shell that all of them share: `prepare` and `begin`, before and after all services are made; `refuse NAME`, which has a
    /// file of that name refused and puts its path into `refused`; and what the services use.
    shared: &'static str,
    services: &'static [Broken],
}

const SETS: [Set; 3] = [selinux::SET, apparmor::SET, units::SET];

/// The scripts, in their order.
const SCRIPTS: [(&str, &str); 3] = [
    ("broken", include_str!("broken/broken")),
    ("fixed", include_str!("broken/fixed")),
    ("undone", include_str!("broken/undone")),
];

/// The services that are asked for, in a guest for each set.
pub(super) fn plan(plan: &mut Plan) {
    for set in SETS {
        let name = |service: &Broken| format!("{KERNEL}/{}/{}", set.name, service.name);
        let is_asked = |service: &&Broken| plan.is_asked(&name(service), true);
        let asked: Vec<_> = set.services.iter().filter(is_asked).copied().collect();
        let place = Place { name: set.name.to_owned(), module: set.module, codename: None };
        let guest = Booted::new(format!("{KERNEL}-{}", set.name), {
            let work = work(set.shared, &asked);
            move || run(&place, LIMITS, &work)
        });
        let trial = |&service: &Broken| {
            let guest = Arc::clone(&guest);
            Trial::test(name(&service), move || Ok(service.check(guest.outcome()?)?)).with_ignored_flag(true)
        };
        plan.add_guest(&guest, set.services.iter().map(trial).collect());
    }
}

fn work(shared: &'static str, services: &[Broken]) -> Work {
    let own = [
        ("common", include_str!("broken/common").into()),
        ("caller.py", CALLER.into()),
        ("shared", shared.into()),
        ("services", functions(services).into()),
    ];
    let installed = installed::FILES.iter().map(|&(name, text)| (name, text.into()));
    Work { scripts: SCRIPTS.into(), files: installed.chain(own).collect() }
}

/// The services as shell functions: `given_NAME` and `works_NAME`, and their names in variables.
fn functions(services: &[Broken]) -> String {
    let mended = services.iter().filter(|service| service.remedy.mends());
    let names = |services: &mut dyn Iterator<Item = &Broken>| {
        services.map(|service| service.name).collect::<Vec<_>>().join(" ")
    };
    let (all, mended) = (names(&mut services.iter()), names(&mut mended.into_iter()));
    let mut text = format!("services='{all}'\nmended='{mended}'\n");
    for Broken { name, given, works, .. } in services {
        for (function, body) in [("given", given), ("works", works)] {
            // Writing to a string can't fail.
            let _ = write!(text, "{function}_{name}() {{\n{}}}\n", unindented(body));
        }
    }
    text
}

impl Remedy {
    /// Whether the service works by it.
    fn mends(self) -> bool {
        !matches!(self, Self::Told(..))
    }
}

impl Broken {
    fn check(&self, session: &Session) -> Result<(), String> {
        let [broken, fixed, undone] = SCRIPTS.map(|(name, _)| Seen::of(name, session));
        let (broken, fixed, undone) = (broken?, fixed?, undone?);
        let finding = self.was_explained(&broken).map_err(|fault| broken.explain(&fault))?;
        self.was_fixed(&fixed, &finding).map_err(|fault| fixed.explain(&fault))?;
        let works = undone.is_done().and_then(|()| undone.works(self.name));
        match (works, self.remedy) {
            (Ok(true), Remedy::Mends(..)) => Err("it works although the change was taken back".to_owned()),
            (works, _) => works.map(|_| ()),
        }
        .map_err(|fault| undone.explain(&fault))
    }

    /// Whether it did not work, and explain said why and what to do first; gives the finding.
    fn was_explained(&self, broken: &Seen<'_>) -> Result<Value, String> {
        broken.is_done()?;
        let findings = broken.findings()?;
        let of_this = |finding: &&Value| finding.to_string().contains(self.finding);
        let (Remedy::Mends(kind, text) | Remedy::MendsForGood(kind, text) | Remedy::Told(kind, text)) =
            self.remedy;
        let is_right = |finding: &Value| {
            let first = &finding["remedies"][0];
            finding["cause"] == self.cause && first["kind"] == kind && first.to_string().contains(text)
        };
        let of_this: Vec<_> = findings.iter().filter(of_this).collect();
        let Some(right) = of_this.iter().find(|finding| is_right(finding)) else {
            let all: Vec<_> = findings.iter().map(|finding| &finding["summary"]).collect();
            return Err(format!(
                "explain did not say {}, {kind}, {text}, but {of_this:#?}, of {all:#?}",
                self.cause
            ));
        };
        if self.remedy.mends() && broken.works(self.name)? {
            return Err("it works from the start".to_owned());
        }
        Ok(Value::clone(right))
    }

    /// Whether it works, or is refused as before if only that was to be told, and explain says so.
    fn was_fixed(&self, fixed: &Seen<'_>, before: &Value) -> Result<(), String> {
        fixed.is_done()?;
        let known: BTreeSet<_> = fingerprints(before).collect();
        let findings = fixed.findings()?;
        let same: Vec<_> =
            findings.iter().filter(|finding| fingerprints(finding).any(|one| known.contains(one))).collect();
        let mends = self.remedy.mends();
        if mends && !fixed.works(self.name)? {
            return Err("it does not work".to_owned());
        }
        let cause = if mends { "allowed" } else { self.cause };
        if same.is_empty() || same.iter().any(|finding| finding["cause"] != cause) {
            return Err(format!("explain does not say {cause} now: {same:#?}"));
        }
        Ok(())
    }
}

fn fingerprints(finding: &Value) -> impl Iterator<Item = &str> {
    finding["fingerprints"].as_array().into_iter().flatten().filter_map(Value::as_str)
}

impl Seen<'_> {
    /// What explain said at the end of the script.
    fn findings(&self) -> Result<Vec<Value>, String> {
        let report: Value = serde_json::from_str(self.fact("report")?).map_err(|error| error.to_string())?;
        report["findings"].as_array().cloned().ok_or_else(|| format!("no findings: {report}"))
    }

    /// Whether the service did its work.
    fn works(&self, name: &str) -> Result<bool, String> {
        Ok(self.fact("worked")?.split_whitespace().any(|one| one == name))
    }
}
