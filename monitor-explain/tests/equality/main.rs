//! Every answer about a policy is that of libsepol, audit2why and setools.
//!
//! The questions are random, with fixed seeds, and half of them are made from rules, as most random ones have the same
//! answer. Without the other tools, nothing is tested, and that is said.

mod list;
mod oracle;
mod policies;
mod question;
mod random;

use std::{
    cmp::Reverse,
    env,
    error::Error,
    fs,
    num::NonZero,
    path::Path,
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
    thread,
    time::Instant,
};

use monitor_explain::selinux::policy::Policy;

use self::{oracle::Oracle, policies::Policies, question::Questions};

type Failure = Box<dyn Error>;

/// How many questions of each kind are asked about each policy.
const COUNT: usize = 10_000;

/// How many of those for which audit2why tries all booleans, if `DENYD_QUESTIONS` doesn't say: it takes minutes for more.
const SLOW: usize = 200;

#[test]
fn answers_are_those_of_libsepol_and_setools() -> Result<(), Failure> {
    let folder = tempfile::tempdir()?;
    let Some(oracle) = Oracle::find(folder.path())? else { return Ok(()) };
    let only = env::var("DENYD_POLICY").unwrap_or_default();
    let mut files = Policies::build(folder.path())?.files;
    files.retain(|file| file.to_string_lossy().contains(&only));
    // The largest first, so that no processor waits for it at the end.
    files.sort_by_key(|file| Reverse(fs::metadata(file).map_or(0, |file| file.len())));
    let next = AtomicUsize::new(0);
    let work = || {
        let mut failures = Vec::new();
        while let Some(file) = files.get(next.fetch_add(1, Relaxed)) {
            if let Err(error) = compare(&oracle, file) {
                eprintln!("{}: {error}", file.display());
                failures.push(error.to_string());
            }
        }
        failures
    };
    let failures: Vec<String> = thread::scope(|scope| {
        let workers = thread::available_parallelism().map_or(1, NonZero::get);
        let workers: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
        workers.into_iter().flat_map(|worker| worker.join().expect("it compares")).collect()
    });
    if failures.is_empty() { Ok(()) } else { Err(failures.join("; ").into()) }
}

fn compare(oracle: &Oracle, file: &Path) -> Result<(), Failure> {
    let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let start = Instant::now();
    let bytes = fs::read(file)?;
    let policy = Policy::read(&bytes).map_err(|error| format!("{name}: {error}"))?;
    let mut questions = Questions::new(&policy, &name, Oracle::depth());
    let slow = env::var("DENYD_QUESTIONS").ok().and_then(|count| count.parse().ok()).unwrap_or(SLOW);
    questions.ask_all(COUNT, slow);
    eprintln!("{name}: {} questions in {:?}", questions.asked.len(), start.elapsed());
    let answers = oracle.ask(file, &questions.asked)?;
    let (mut differing, mut unread) = (0, 0);
    let asked = questions.asked.clone();
    for ((question, expected), answer) in asked.iter().zip(questions.answers.clone()).zip(&answers) {
        if answer == "unread" {
            unread += 1;
            questions.forget(question);
        } else if expected != *answer {
            differing += 1;
            if differing <= 5 {
                eprintln!("{name}: {question}\n  denyd:  {}\n  others: {}", short(&expected), short(answer));
            }
        }
    }
    if answers.len() != questions.asked.len() {
        return Err(
            format!("{name}: {} answers to {} questions", answers.len(), questions.asked.len()).into()
        );
    }
    if differing != 0 {
        return Err(format!("{name}: {differing} of {} answers differ", answers.len()).into());
    }
    eprintln!("{name}: equal, in {:?}: {}", start.elapsed(), questions.summary());
    if unread != 0 {
        eprintln!("{name}: {unread} more not compared: the tool for them can't read this version");
    }
    Ok(())
}

/// The first of what differs may be far into a list.
fn short(text: &str) -> String {
    text.chars().take(20_000).collect()
}
