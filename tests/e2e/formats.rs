//! The other formats, from real denials: what a guest's `denyd run --no-fold --format` prints follows that format's own schema and
//! is about the right processes.

// What monitor's own tests hold made-up events against.
#[path = "../../monitor/tests/records/formats/ecs.rs"]
mod ecs;
#[path = "../../monitor/tests/records/formats/ocsf.rs"]
mod ocsf;

use std::sync::Arc;

use libtest_mimic::{Failed, Trial};
use serde_json::{Value, json};
use tests::{
    case::{Case, Module, Version},
    cases,
};
use xtask::vm;

use crate::{
    group::{Session, run_in_guest},
    plan::{Booted, Plan},
};

/// Where a few cases are enough, one in so many runs.
const EVERY: usize = 12;

/// A format, and where it has what it is asked for.
struct Format {
    name: &'static str,
    faults: fn(&Value) -> Vec<String>,
    pid: &'static str,
    path: &'static str,
    /// What says that it was refused.
    refusal: (&'static str, Value),
}

/// A guest for each format.
pub(crate) fn plan(plan: &mut Plan) {
    let ecs = Format {
        name: "ecs",
        faults: ecs::faults,
        pid: "/process/pid",
        path: "/file/path",
        refusal: ("/event/type/1", json!("denied")),
    };
    let ocsf = Format {
        name: "ocsf",
        faults: ocsf::faults,
        pid: "/actor/process/pid",
        path: "/file/path",
        refusal: ("/action_id", json!(2)),
    };
    let version = Version { major: 7, minor: 3 };
    of_format(plan, ecs, "7", version, Module::Selinux, vm::Module::Selinux);
    let version = Version { major: 6, minor: 12 };
    of_format(plan, ocsf, "6.12", version, Module::Apparmor, vm::Module::Apparmor);
}

fn of_format(
    plan: &mut Plan,
    format: Format,
    kernel: &'static str,
    version: Version,
    module: Module,
    in_force: vm::Module,
) {
    let all = cases::of(module).into_iter();
    let cases = all.filter(|case| case.runs_on(version) && !case.is_silent()).step_by(EVERY);
    let cases: Vec<_> = cases.collect();
    let names: Vec<_> = cases.iter().map(|case| case.name).collect();
    let script = format!(
        "actor run --module {module} --audit leave --watch 'denyd run --no-pin --format {}' {}",
        format.name,
        names.join(" "),
    );
    let name = format!("{kernel}-{module}-{}", format.name);
    let guest = Booted::new(name.clone(), move || {
        Session::read(&run_in_guest(kernel, in_force, "", &script)?, &name)
    });
    let session = Arc::clone(&guest);
    let trial = Trial::test(format!("{kernel}/{module}/format_{}", format.name), move || {
        follows(&format, &cases, session.outcome()?)
    });
    plan.add_guest(&guest, vec![trial]);
}

/// Whether all documents follow the format's schema, and each case is told of.
fn follows(format: &Format, cases: &[Case], session: &Session) -> Result<(), Failed> {
    for document in &session.events {
        let faults = (format.faults)(document);
        if !faults.is_empty() {
            return Err(format!("{faults:?} in {document}").into());
        }
    }
    cases.iter().try_for_each(|case| is_told(format, case, session))
}

/// Whether each event of a case is there, with its path and its outcome.
fn is_told(format: &Format, case: &Case, session: &Session) -> Result<(), Failed> {
    let report = session.reports.iter().find(|report| report.case == case.name);
    let pid = report.ok_or_else(|| format!("the actor did not report {}", case.name))?.process.pid;
    let at = |document: &Value, place: &str| document.pointer(place).cloned().unwrap_or_default();
    let of_case = session.events.iter().filter(|document| at(document, format.pid) == pid);
    let of_case: Vec<_> = of_case.collect();
    if of_case.len() != case.events.len() {
        return Err(
            format!("{}: {} events instead of {}", case.name, of_case.len(), case.events.len()).into()
        );
    }
    let (refusal, refused) = &format.refusal;
    for expectation in &case.events {
        // A change of the policy has no verdict.
        let is_refused = expectation.value("verdict") == Some(&json!("denied"));
        let path = expectation.value("object.path");
        let is_it = |document: &&&Value| {
            (at(document, refusal) == *refused) == is_refused
                && path.is_none_or(|path| at(document, format.path) == *path)
        };
        if !of_case.iter().any(|document| is_it(&document)) {
            return Err(format!("{}: none of {of_case:?} is {expectation:?}", case.name).into());
        }
    }
    Ok(())
}
