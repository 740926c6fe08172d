//! Whether what came out of a guest is what was expected.

use std::{
    collections::{BTreeMap, HashSet},
    fmt::Write as _,
};

use monitor::source;
use serde_json::Value;
use tests::{
    actor::{
        allowed::Quiet,
        lengths::{self, Hidden},
        manager, standing, storm,
    },
    audit::{self, Field, Kind, Record},
    case::{AuditRecords, Case, Module},
    expectation::{Expectation, lookup},
    report::Report,
};

use crate::{
    accounted,
    group::{Group, Session},
    identity,
};

/// How much of the kernel's log a failure shows.
const LOG_TAIL: usize = 20;

/// Whether a case went as it says, and denyd and audit said of it what they must.
pub(crate) fn case(case: &Case, group: &Group) -> Result<(), String> {
    let session = group.session()?;
    let report = session.reports.iter().find(|report| report.case == case.name);
    let report = report.ok_or_else(|| format!("the actor did not report {}", case.name))?;
    let pid = report.process.pid;
    let is_ours = |event: &&Value| {
        event["module"] == case.module.name()
            && (event["process"]["pid"] == pid || case.is_known_by(event["subject"]["label"].as_str()))
    };
    let events: Vec<_> = session.events.iter().filter(is_ours).collect();
    let records = records_where(&session.records, |record, caller| {
        caller == Some(pid.into()) || case.is_known_by(record.field("scontext").map(Field::bare))
    });
    let reported = |event: &&Expectation| group.silent() || !event.is_silent();
    let mut expected: Vec<_> = case.events.iter().filter(reported).cloned().collect();
    let mut recorded = case.records();
    let mut faults = Vec::new();
    if let Some(times) = case.repeats {
        faults.extend(unlikely_repeats(times, records.len()));
        recorded = records.len();
        expected = repeats(&case.events[0], times, recorded).filter(|event| reported(&event)).collect();
    }

    if report.outcome != case.outcome {
        faults.push(format!("the operation ended with {:?} instead of {:?}", report.outcome, case.outcome));
    }
    if events.len() != expected.len() {
        faults.push(format!("{} events instead of {}", events.len(), expected.len()));
    }
    if records.len() != recorded {
        faults.push(format!("{} audit records instead of {recorded} ({:?})", records.len(), case.record));
    }
    for (.., mismatches) in
        pair(&expected, &events, |expectation, event| expectation.mismatches(event, &report.facts))
    {
        faults.extend(mismatches);
    }
    faults.extend(compare_with_audit(&records, &events, session));
    if !matches!(case.record, AuditRecords::None(_)) {
        faults.extend(compare_changes_with_audit(session, report.process.pid, &events));
    }
    for event in &events {
        // An interrupt's process is none of the case's.
        if event["process"]["pid"] == pid {
            faults.extend(identity::mismatches(event, report));
        }
        faults.extend(accounted::of_file(event, report));
        if matches!(case.record, AuditRecords::EachEvent) && !case.is_silent() && event["kind"] == "denial" {
            faults.extend(accounted::unaccounted(event, &records, &case.events));
        }
    }
    if case.module.writes_messages() {
        let logged = events.iter().filter(|event| event["silent"] != true);
        faults.extend(logged.flat_map(|event| of_kernel_log(session, event)));
    }
    if faults.is_empty() { Ok(()) } else { Err(explain(&faults, report, &events, &records, session)) }
}

/// What the events of a process and audit's records of its denials don't agree in.
pub(crate) fn disagreements_with_audit(session: &Session, pid: u32, events: &[&Value]) -> Vec<String> {
    let records = records_of(&session.records, pid);
    let mut faults = compare_with_audit(&records, events, session);
    // A boolean has a record of its own; events tell of all that were set together.
    let told = events.iter().map(|event| event["changes"].as_array().map_or(1, Vec::len)).sum::<usize>();
    if records.len() != told {
        faults.push(format!("{} events and {} audit records", events.len(), records.len()));
        faults.extend(records.into_iter().map(|record| record.line));
    }
    faults
}

/// What the records say, and what the records of their system calls say, that the events don't.
fn compare_with_audit(records: &[Record], events: &[&Value], session: &Session) -> Vec<String> {
    let mut faults = Vec::new();
    let (changes, denials): (Vec<_>, Vec<_>) =
        records.iter().cloned().partition(|record| record.kind == Kind::Change);
    // One event may tell what several records do.
    let of_changes =
        changes.iter().flat_map(|record| pair(std::slice::from_ref(record), events, audit::compare));
    for (record, event, mismatches) in of_changes.chain(pair(&denials, events, audit::compare)) {
        faults.extend(mismatches);
        let calls = session.records.iter();
        let call =
            calls.into_iter().find(|call| call.kind == Kind::SystemCall && call.serial == record.serial);
        faults.extend(call.map(|call| audit::compare_system_call(call, event)).unwrap_or_default());
    }
    faults
}

/// What an event gets wrong of its message in the kernel's log.
fn of_kernel_log(session: &Session, event: &Value) -> Vec<String> {
    let messages: Vec<_> = session.kernel_messages.iter().filter(|message| message.is_of(event)).collect();
    match messages[..] {
        [message] => message.compare(event),
        _ => vec![format!("{} messages in the kernel's log instead of one", messages.len())],
    }
}

/// What the events of a process and audit's records of its changes of policy don't agree in.
pub(crate) fn compare_changes_with_audit(session: &Session, pid: u32, events: &[&Value]) -> Vec<String> {
    let of_process = |record: &&Record| record.is_change() && record.number("pid") == Some(pid.into());
    let records: Vec<_> = session.records.iter().filter(of_process).collect();
    audit::compare_changes(&records, events)
}

/// What must be said of an event that happened so many times, of which audit recorded some.
fn repeats(event: &Expectation, times: usize, recorded: usize) -> impl Iterator<Item = Expectation> {
    (0..times).map(move |nth| event.clone().field("silent", nth >= recorded))
}

/// A case whose every time, or none, is recorded does not show what it is for.
fn unlikely_repeats(times: usize, recorded: usize) -> Option<String> {
    let proves = (1..times).contains(&recorded);
    (!proves)
        .then(|| format!("audit recorded {recorded} of {times} times: no repeats were kept out of the log"))
}

/// Pairs each wanted thing with the event that differs from it least; what is paired isn't paired again.
fn pair<'a, T>(
    wanted: &'a [T],
    events: &[&'a Value],
    mismatches: impl Fn(&T, &Value) -> Vec<String>,
) -> Vec<(&'a T, &'a Value, Vec<String>)> {
    let mut left = events.to_vec();
    let mut pairs = Vec::new();
    for wanted in wanted {
        let differing = left.iter().map(|event| mismatches(wanted, event)).enumerate();
        if let Some((nearest, mismatches)) = differing.min_by_key(|(_, mismatches)| mismatches.len()) {
            pairs.push((wanted, left.remove(nearest), mismatches));
        }
    }
    pairs
}

fn events_of<'a>(session: &'a Session, module: &str, pid: u32) -> Vec<&'a Value> {
    let of_process = |event: &&Value| event["module"] == module && event["process"]["pid"] == pid;
    session.events.iter().filter(of_process).collect()
}

/// The denials of a process, and the changes that it made. Landlock's records and those of changes don't name it, but
/// the system call's of the same serial number does.
fn records_of(records: &[Record], pid: u32) -> Vec<Record> {
    records_where(records, |_, caller| caller == Some(pid.into()))
}

/// The denials and changes of which this is true, of the record and the process that it is of.
fn records_where(records: &[Record], is_wanted: impl Fn(&Record, Option<i64>) -> bool) -> Vec<Record> {
    let callers = callers(records);
    let told = records.iter().filter(|record| record.is_told());
    told.filter(|record| is_wanted(record, caller(record, &callers))).cloned().collect()
}

fn callers(records: &[Record]) -> BTreeMap<u64, i64> {
    let calls = records.iter().filter(|record| record.kind == Kind::SystemCall);
    calls.filter_map(|call| Some((call.serial, call.number("pid")?))).collect()
}

fn caller(record: &Record, callers: &BTreeMap<u64, i64>) -> Option<i64> {
    record.number("pid").or_else(|| callers.get(&record.serial).copied())
}

/// Whether every event and every record of the module belongs to some case.
pub(crate) fn nothing_else(group: &Group) -> Result<(), String> {
    let session = group.session()?;
    let reported = session.reports.iter().map(|report| report.process.pid);
    let hidden = session.hidden.iter().map(|hidden| hidden.pid);
    let pids: HashSet<u64> = reported.chain(hidden).map(u64::from).collect();
    let callers = callers(&session.records);
    let cases = tests::cases::all();
    let is_known = |label: Option<&str>| cases.iter().any(|case| case.is_known_by(label));
    let mut strangers = String::new();
    let prepares = |event: &Value| of_preparation(session, event);
    let of_modules = |event: &&Value| {
        let elsewhere =
            of_storm(event) || of_standing(event) || prepares(event) || event.get("manager").is_some();
        group.modules().iter().any(|module| event["module"] == module.name()) && !elsewhere
    };
    for event in session.events.iter().filter(of_modules) {
        let of_case = event["process"]["pid"].as_u64().is_some_and(|pid| pids.contains(&pid));
        if !of_case && !is_known(event["subject"]["label"].as_str()) {
            let _infallible = writeln!(strangers, "event {event}");
        }
    }
    for record in session.records.iter().filter(|record| record.is_told()) {
        let pid = caller(record, &callers).and_then(|pid| u64::try_from(pid).ok());
        // The actor's system calls are not audited, so nothing says whose change it was.
        let prepared = record.kind == Kind::Change && pid.is_none() && session.events.iter().any(prepares);
        let of_case =
            pid.is_some_and(|pid| pids.contains(&pid)) || is_known(record.field("scontext").map(Field::bare));
        if !prepared && !of_case {
            let _infallible = writeln!(strangers, "record {}", record.line);
        }
    }
    for message in &session.kernel_messages {
        if !session.events.iter().any(|event| message.is_of(event)) {
            let _infallible = writeln!(strangers, "message {message:?}");
        }
    }
    if strangers.is_empty() { Ok(()) } else { Err(strangers) }
}

/// Whether it tells of a policy that the actor, which runs the cases, changed to prepare one.
fn of_preparation(session: &Session, event: &Value) -> bool {
    let runs_cases = |pid| session.reports.iter().any(|report| u64::from(report.process.ppid) == pid);
    event["kind"] == "policy"
        && event["process"]["comm"] == "actor"
        && event["process"]["pid"].as_u64().is_some_and(runs_cases)
}

/// Whether denyd met no refusal of its own. It counts those and does not report them.
pub(crate) fn refused_nothing(group: &Group) -> Result<(), String> {
    let own = |message: &&String| message.contains("denyd's own") || message.contains("denyd itself");
    let messages: Vec<_> = group.session()?.messages.iter().filter(own).map(String::as_str).collect();
    if messages.is_empty() { Ok(()) } else { Err(messages.join("\n")) }
}

/// Whether denyd ended in order and lost nothing.
pub(crate) fn accounts(group: &Group) -> Result<(), String> {
    let session = group.session()?;
    let messages = session.messages.join("\n");
    if session.ended.as_deref() != Some("exit status: 0") {
        return Err(format!("denyd ended with {:?}\n{messages}", session.ended));
    }
    let all = session.events.len();
    let stdout = account(session, "stdout");
    if stdout != Some(format!("received {all}, written {all}, lost 0")) {
        return Err(format!("{all} events were not all written:\n{messages}"));
    }
    for module in group.modules() {
        let events = session.events.iter().filter(|event| event["module"] == module.name()).count();
        let sources = source::ALL.iter().filter(|source| named(&source.module, module.name()));
        let mut emitted = 0;
        for account in sources.filter_map(|source| account(session, source.name)) {
            let count = balanced(&account).ok_or_else(|| format!("`{account}` in:\n{messages}"))?;
            emitted += count;
        }
        if emitted != events {
            return Err(format!("{emitted} of {module} were emitted, {events} came:\n{messages}"));
        }
    }
    Ok(())
}

/// Whether this is the module of this name.
fn named(module: &impl serde::Serialize, name: &str) -> bool {
    serde_json::to_value(module).is_ok_and(|module| module == name)
}

/// What denyd said at its end of a source or an output, as far as it is about losses.
fn account(session: &Session, of: &str) -> Option<String> {
    let line = session.messages.iter().find_map(|line| line.strip_prefix(&format!("denyd: {of}: ")))?;
    Some(line.splitn(4, ", ").take(3).collect::<Vec<_>>().join(", "))
}

/// How many denials a source saw, if it emitted as many and lost none.
fn balanced(account: &str) -> Option<usize> {
    let (seen, rest) = account.strip_prefix("seen ")?.split_once(", emitted ")?;
    let emitted = rest.strip_suffix(", lost 0")?;
    if seen == emitted { seen.parse().ok() } else { None }
}

/// Whether a process that is in many events starts at the same time in all, so that events can be told to be of one
/// process.
pub(crate) fn one_start_each(group: &Group) -> Result<(), String> {
    let mut starts: BTreeMap<u64, HashSet<&str>> = BTreeMap::new();
    // A process id that many have, on purpose, is another matter.
    for event in group.session()?.events.iter().filter(|event| !of_standing(event)) {
        let ancestors = event["process"]["ancestors"].as_array().into_iter().flatten();
        for process in ancestors.chain([&event["process"]]) {
            if let (Some(pid), Some(start)) = (process["pid"].as_u64(), process["start_time"].as_str()) {
                starts.entry(pid).or_default().insert(start);
            }
        }
    }
    if starts.len() < 2 {
        return Err("too few processes to tell".to_owned());
    }
    match starts.iter().find(|(_, starts)| starts.len() > 1) {
        None => Ok(()),
        Some((pid, starts)) => {
            let some: Vec<_> = starts.iter().take(3).collect();
            Err(format!("process {pid} starts at {} different times: {some:?}", starts.len()))
        }
    }
}

/// Whether it is of a process of the storm.
fn of_storm(event: &Value) -> bool {
    event["object"]["path"] == storm::PATH
}

/// Whether it is of a process that stood still before it was refused.
fn of_standing(event: &Value) -> bool {
    event["object"]["path"] == standing::PATH
}

/// Whether each of the processes that had one number has its one event, in which all is its own.
pub(crate) fn reuse(group: &Group, count: u32) -> Result<(), String> {
    let session = group.session()?;
    let heirs = &session.heirs;
    let Some(first) = heirs.first() else { return Err(nothing_done(session)) };
    let from_number = |event: &&Value| of_standing(event) && event["process"]["pid"] == first.process.pid;
    let events: Vec<_> = session.events.iter().filter(from_number).collect();
    let mut faults = Vec::new();
    if u32::try_from(heirs.len()) != Ok(count) || events.len() != heirs.len() {
        faults.push(format!("{} processes instead of {count}, and {} events", heirs.len(), events.len()));
    }
    if heirs.iter().any(|heir| heir.process.pid != first.process.pid) {
        faults.push("they did not have one process id".to_owned());
    }
    for (heir, event) in heirs.iter().zip(&events) {
        faults.extend(identity::mismatches(event, heir));
    }
    let starts: HashSet<_> = events.iter().map(|event| event["process"]["start_time"].as_str()).collect();
    if starts.len() != events.len() {
        faults.push(format!("{} events with {} start times", events.len(), starts.len()));
    }
    if faults.is_empty() { Ok(()) } else { Err(first_lines(&faults.join("\n"), LOG_TAIL)) }
}

/// Whether the event of a process in namespaces of its own says all of it as the initial ones see it.
pub(crate) fn nested(group: &Group) -> Result<(), String> {
    let session = group.session()?;
    let Some(report) = &session.nested else { return Err(nothing_done(session)) };
    let of_process = |event: &&Value| of_standing(event) && event["process"]["pid"] == report.process.pid;
    let events: Vec<_> = session.events.iter().filter(of_process).collect();
    let [event] = events[..] else { return Err(format!("{} events instead of one", events.len())) };
    let faults = identity::mismatches(event, report);
    if faults.is_empty() { Ok(()) } else { Err(format!("{}\nin {event:#}", faults.join("\n"))) }
}

/// Whether each process that hid what it could has its one event, that says who was refused what.
pub(crate) fn lengths(group: &Group) -> Result<(), String> {
    let session = group.session()?;
    if session.hidden.len() != lengths::combinations().len() {
        return Err(format!("{} processes: {}", session.hidden.len(), nothing_done(session)));
    }
    let module = group.modules()[0];
    let mut faults = String::new();
    let mut cut = 0;
    for hidden in &session.hidden {
        let events = events_of(session, module.name(), hidden.pid);
        let [event] = events[..] else {
            let _infallible = writeln!(faults, "{} events of {hidden:?}", events.len());
            continue;
        };
        for fault in hides(module, hidden, event) {
            let _infallible = writeln!(faults, "{fault}\n  with {:?}\n  in {event}", hidden.lengths);
        }
        let lacks = event["missing"].as_array().is_some_and(|missing| !missing.is_empty());
        cut += usize::from(lacks || event["process"]["cmdline_cut"] == true);
    }
    if cut == 0 {
        faults.push_str("nothing was too long for a record: this proves nothing");
    }
    if faults.is_empty() { Ok(()) } else { Err(first_lines(&faults, LOG_TAIL)) }
}

/// What the event of a process that hid what it could does not say.
fn hides(module: Module, hidden: &Hidden, event: &Value) -> Vec<String> {
    let mut faults = Vec::new();
    let Hidden { lengths, path, .. } = hidden;
    let wanted = match module {
        Module::Selinux => vec![
            ("action.class", "file".into()),
            ("action.permissions", serde_json::json!(["write"])),
            ("subject.label", lengths::context("system_r:app_t", lengths.categories).into()),
            ("object.label", lengths::context("object_r:secret_t", lengths.categories).into()),
        ],
        _ => vec![
            ("action.operation", "open".into()),
            ("action.denied_mask", "w".into()),
            ("subject.label", "app".into()),
        ],
    };
    let wanted: Vec<(&str, Value)> = wanted;
    for (field, value) in wanted {
        if lookup(event, field) != Some(&value) {
            faults.push(format!("{field} is not {value}"));
        }
    }
    let got = event["object"]["path"].as_str().unwrap_or_default();
    let path = path.to_string_lossy();
    let is_cut = event["object"]["path_cut"] == true;
    let keeps_its_end = path.ends_with(got) && got.len() > lengths.name;
    if !(if is_cut { keeps_its_end } else { got == path }) {
        faults.push(format!("object.path: {got} is not {path}, or its end"));
    }
    // Who the process is is never cut, and what describes it says so.
    let missing = event["missing"].as_array().into_iter().flatten();
    let decides = missing.filter_map(|missing| missing["field"].as_str());
    let decides = decides.filter(|field| !field.starts_with("process."));
    faults.extend(decides.map(|field| format!("{field} is missing")));
    faults
}

fn nothing_done(session: &Session) -> String {
    format!("it was not done:\n{}", session.messages.join("\n"))
}

/// Whether what the object manager told is an event, of which the kernel knows the manager; and nothing else that was
/// told is.
pub(crate) fn manager(group: &Group) -> Result<(), String> {
    let session = group.session()?;
    let Some(report) = &session.manager else { return Err(nothing_done(session)) };
    let told: Vec<_> = session.events.iter().filter(|event| event.get("manager").is_some()).collect();
    let [event] = told[..] else { return Err(format!("{} events instead of one: {told:#?}", told.len())) };
    let module = group.modules()[0];
    let mut faults = identity::mismatches_of("manager", event, report);
    let message = manager::refusal(module, manager::REFUSED);
    for (field, wanted) in [
        ("module", module.name().into()),
        ("verdict", "denied".into()),
        ("action.message", message.into()),
        ("process", serde_json::json!({ "pid": manager::ASKED })),
        ("object.process", serde_json::json!({ "pid": 1 })),
        ("object.dbus.member", manager::REFUSED.into()),
    ] {
        let wanted: Value = wanted;
        if lookup(event, field) != Some(&wanted) {
            faults.push(format!("{field} is not {wanted}"));
        }
    }
    if faults.is_empty() { Ok(()) } else { Err(format!("{}\nin {event:#}", faults.join("\n"))) }
}

/// Whether each process of a storm has its one event, with its own user and program.
pub(crate) fn storm(group: &Group, count: u32) -> Result<(), String> {
    let session = group.session()?;
    let drops = &session.drops;
    let mut faults = String::new();
    if u32::try_from(drops.len()) != Ok(count) {
        let _infallible = writeln!(faults, "{} processes instead of {count}", drops.len());
    }
    let mut by_pid: BTreeMap<u64, Vec<&Value>> = BTreeMap::new();
    for event in session.events.iter().filter(|event| of_storm(event)) {
        by_pid.entry(event["process"]["pid"].as_u64().unwrap_or_default()).or_default().push(event);
    }
    for drop in drops {
        let wanted = [
            ("process.uid", Value::from(drop.uid)),
            ("process.euid", Value::from(drop.uid)),
            ("process.exe", Value::from(drop.exe.to_string_lossy())),
            ("process.comm", Value::from(drop.exe.file_name().unwrap_or_default().to_string_lossy())),
        ];
        match by_pid.remove(&drop.pid.into()).as_deref() {
            Some([event]) if wanted.iter().all(|(field, value)| lookup(event, field) == Some(value)) => {}
            Some([event]) => {
                let _infallible = writeln!(faults, "{drop:?} has the event {event}");
            }
            other => {
                let count = other.map_or(0, <[_]>::len);
                let _infallible = writeln!(faults, "{drop:?} has {count} events");
            }
        }
    }
    for (pid, events) in by_pid {
        let _infallible =
            writeln!(faults, "{} events of process {pid}, which is none of the storm", events.len());
    }
    if faults.is_empty() { Ok(()) } else { Err(first_lines(&faults, LOG_TAIL)) }
}

/// Whether no program ran, except some whose names start so.
pub(crate) fn quiet(group: &Group, except: Option<&str>) -> Result<(), String> {
    let session = group.session()?;
    let Some(Quiet { operations, runs }) = &session.quiet else {
        return Err(nothing_done(session));
    };
    if *operations < 1000 || runs.is_empty() {
        return Err(format!("{operations} operations and the programs {runs:?} prove nothing"));
    }
    let excepted = |name: &str| except.is_some_and(|except| name.starts_with(except));
    let ran: Vec<_> = runs.iter().filter(|(name, runs)| **runs > 0 && !excepted(name)).collect();
    if ran.is_empty() { Ok(()) } else { Err(format!("in {operations} allowed operations ran {ran:?}")) }
}

fn explain(
    faults: &[String],
    report: &Report,
    events: &[&Value],
    records: &[Record],
    session: &Session,
) -> String {
    let mut text = faults.join("\n");
    let mut add = |name: &str, value: &str| {
        let _infallible = write!(text, "\n  {name}: {value}");
    };
    add("outcome", &format!("{:?} of process {}", report.outcome, report.process.pid));
    for event in events {
        add("event", &event.to_string());
    }
    for record in records {
        add("audit", &record.line);
    }
    if events.is_empty() {
        let tail = session.log.len().saturating_sub(LOG_TAIL);
        session.log[tail..].iter().for_each(|line| add("log", line));
        session.messages.iter().for_each(|line| add("denyd", line));
    }
    text
}

fn first_lines(text: &str, count: usize) -> String {
    let lines = text.lines().count();
    let first: Vec<_> = text.lines().take(count).collect();
    format!("{}\n({lines} in all)", first.join("\n"))
}
