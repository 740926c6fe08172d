//! Floods of denials: what many processes are refused again and again is accounted for to one, with folding and without.
//!
//! On one processor the kernel preempts a process within its denial, so that another's comes in the middle of it.

use std::{collections::BTreeMap, sync::Arc};

use libtest_mimic::Trial;
use serde_json::Value;
use tests::{
    actor::flood::{Flooded, QUIET_UID},
    case::Version,
};
use xtask::vm;

use crate::{
    KERNELS,
    group::{boot, guest_with_policy},
    plan::{Booted, Plan},
};

/// A flood: how denyd is started, and how much of what there is.
struct Flood {
    name: &'static str,
    options: &'static str,
    extent: &'static str,
    told: Told,
}

/// What denyd must tell of a flood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Told {
    /// Each denial as an event of its own.
    Each,
    /// Repeats with their count.
    Folded,
    /// It stands still, so that the ring buffer fills: the single denial, and of the others as many as have room.
    Shares,
    /// The others, of which some are lost on request.
    Faults,
}

const FAST: Flood = Flood {
    name: "as_fast_as_it_can_with_folding",
    options: "",
    extent: "--processes 64 --users 16 --each 500",
    told: Told::Folded,
};

const FAST_BY_PROCESS: Flood = Flood {
    name: "as_fast_as_it_can_by_process",
    options: "--fold-key process --fold-window 100ms",
    extent: "--processes 32 --users 4 --each 250",
    told: Told::Folded,
};

const SERVER: Flood = Flood {
    name: "of_a_server_without_folding",
    options: "--no-fold",
    extent: "--processes 8 --users 8 --each 100 --rate 20",
    told: Told::Each,
};

const SILENT: Flood = Flood {
    name: "of_a_server_with_silent",
    options: "--no-fold --silent",
    extent: "--processes 8 --users 8 --each 100 --rate 20",
    told: Told::Each,
};

const SILENT_DENIALS: Flood = Flood {
    name: "of_silent_denials",
    options: "--silent",
    extent: "--silent --processes 64 --users 16 --each 500",
    told: Told::Folded,
};

const SHARES: Flood = Flood {
    name: "that_leaves_room_for_others",
    options: "--no-fold --ring-size 1048576",
    extent: "--processes 8 --users 4 --each 250",
    told: Told::Shares,
};

const FAULTS: Flood = Flood {
    name: "of_which_some_are_lost_on_request",
    options: "--no-fold --inject ring-full=5",
    extent: "--processes 4 --users 4 --each 50",
    told: Told::Faults,
};

const FAULTS_FOLDED: Flood = Flood {
    name: "of_which_some_are_lost_on_request_with_folding",
    options: "--fold-window 10ms --inject ring-full=5",
    extent: "--processes 16 --users 4 --each 60 --rate 20",
    told: Told::Faults,
};

/// Of modules that are refused a lot on servers.
static MANY: [Flood; 6] = [FAST, FAST_BY_PROCESS, SERVER, SILENT, SILENT_DENIALS, SHARES];

/// Of modules that are read in the same way.
static FEW: [Flood; 4] = [FAST, FAST_BY_PROCESS, FAULTS, FAULTS_FOLDED];

/// Floods of what one module refuses.
struct Refuser {
    source: &'static str,
    in_force: vm::Module,
    processors: u32,
    /// The first kernel on which none of it is lost.
    since: Version,
    floods: &'static [Flood],
}

static REFUSERS: [Refuser; 4] = [
    Refuser {
        source: "selinux",
        in_force: vm::Module::Selinux,
        processors: 1,
        since: Version::OLDEST,
        floods: &MANY,
    },
    Refuser {
        source: "apparmor",
        in_force: vm::Module::Apparmor,
        processors: 2,
        since: Version::OLDEST,
        floods: &MANY,
    },
    Refuser {
        source: "landlock",
        in_force: vm::Module::None,
        processors: 1,
        since: Version { major: 6, minor: 15 },
        floods: &FEW,
    },
    Refuser {
        source: "capability",
        in_force: vm::Module::None,
        processors: 1,
        since: Version { major: 6, minor: 14 },
        floods: &FEW,
    },
];

/// A guest for each kernel and module.
pub(crate) fn plan(plan: &mut Plan) {
    for (kernel, version) in KERNELS {
        for refuser in REFUSERS.iter().filter(|refuser| version >= refuser.since) {
            let &Refuser { source, in_force, processors, floods, .. } = refuser;
            let guest = Booted::new(format!("{kernel}-{source}-flood"), move || {
                boot(&guest_with_policy(kernel, in_force)?.processors(processors), &script(source, floods))
            });
            let trial = |flood: &'static Flood| {
                let guest = Arc::clone(&guest);
                Trial::test(format!("{kernel}/{source}/flood/{}", flood.name), move || {
                    Ok(judge(guest.outcome()?, flood, source)?)
                })
            };
            plan.add_guest(&guest, floods.iter().map(trial).collect());
        }
    }
}

/// For each flood, prints its name, what was done, denyd's events, and what denyd said.
fn script(source: &str, floods: &[Flood]) -> String {
    let part = |Flood { name, options, extent, told }: &Flood| {
        let (stop, go_on) =
            if *told == Told::Shares { ("kill -STOP $pid", "kill -CONT $pid") } else { (":", ":") };
        format!(
            "rm -f said; mkfifo said; denyd run --no-pin --source {source} {options} >events 2>said & pid=$!\n\
             exec 3<said; while read -r line <&3; do case $line in *watching*) break;; esac; done\n\
             echo '=== {name}'; {stop}; actor flood {source} {extent}; {go_on}\n\
             kill -TERM $pid; wait $pid; echo '--- events'; cat events; echo '--- said'; cat <&3; exec 3<&-\n"
        )
    };
    floods.iter().fold("cd /run\n".to_owned(), |script, flood| script + &part(flood))
}

fn judge(output: &str, flood: &Flood, source: &str) -> Result<(), String> {
    let part = output.split("=== ").find_map(|part| part.strip_prefix(flood.name));
    let part = part.ok_or_else(|| format!("the guest did not get there:\n{output}"))?;
    let (done, rest) = part.split_once("--- events\n").ok_or(part)?;
    let (events, said) = rest.split_once("--- said\n").ok_or(rest)?;
    let done: Flooded = serde_json::from_str(done).map_err(|error| format!("{error}: {done}"))?;
    let events = events.lines().map(serde_json::from_str).collect::<Result<Vec<Value>, _>>();
    let events = events.map_err(|error| error.to_string())?;
    let all: u64 = done.refused.iter().map(|(_, count)| count).sum::<u64>() + 1;
    let suffix = if flood.extent.contains("--silent") { "-silent" } else { "" };
    let start = format!("denyd: {source}{suffix}: ");
    let account = said.lines().find_map(|line| line.strip_prefix(&start)).ok_or(said)?;
    let single = events.iter().filter(|event| event.get("count").is_none()).count() as u64;
    let expected = match flood.told {
        Told::Each => format!("seen {all}, emitted {all}, lost 0"),
        Told::Folded => format!("seen {all}, emitted {single}, folded {}, lost 0", all - single),
        Told::Shares => format!("seen {all}, emitted {single}, lost {0} (share {0})", all - single),
        Told::Faults => {
            let repeats: u64 = events.iter().filter_map(|event| event["count"].as_u64()).sum();
            let folded = if flood.options.contains("--no-fold") {
                String::new()
            } else {
                format!("folded {}, ", repeats.max(1))
            };
            let lost = all.saturating_sub(single + repeats).max(1);
            format!("seen {all}, emitted {single}, {folded}lost {lost} (ring_full {lost})")
        }
    };
    if account != expected {
        return Err(format!("it says `{account}`, and not `{expected}`:\n{said}"));
    }
    match flood.told {
        Told::Each => by_user(&events, &done, BTreeMap::new()).and_then(|()| quiet(&events, &done)),
        Told::Folded => by_user(&events, &done, BTreeMap::new()).and_then(|()| folded(&events, &done)),
        Told::Shares => by_user(&events, &done, lost_by_user(said)?).and_then(|()| quiet(&events, &done)),
        Told::Faults => by_user(&events, &done, lost_by_user(said)?),
    }
}

/// What denyd says that each user lost, in a line like `denyd: lost, of uid 1000 in /: 42`.
fn lost_by_user(said: &str) -> Result<BTreeMap<u64, u64>, String> {
    let lines: Vec<_> = said.lines().filter_map(|line| line.strip_prefix("denyd: lost, of ")).collect();
    let user_and_count = |line: &str| {
        let (user, rest) = line.strip_prefix("uid ")?.split_once(" in /")?;
        Some((user.parse().ok()?, rest.rsplit_once(": ")?.1.parse().ok()?))
    };
    let lost = lines.iter().map(|line| user_and_count(line).ok_or_else(|| format!("it says `{line}`")));
    let lost: BTreeMap<_, _> = lost.collect::<Result<_, _>>()?;
    if lost.is_empty() { Err(format!("nobody lost anything:\n{said}")) } else { Ok(lost) }
}

/// Whether each user's denials are in the events, or among the lost, to one.
fn by_user(events: &[Value], done: &Flooded, lost: BTreeMap<u64, u64>) -> Result<(), String> {
    let mut counts = lost;
    for event in events {
        let user = event["process"]["uid"].as_u64().ok_or_else(|| event.to_string())?;
        *counts.entry(user).or_default() += event["count"].as_u64().unwrap_or(1);
    }
    let expected = done.refused.iter().map(|&(user, count)| (u64::from(user), count));
    let expected: BTreeMap<_, _> = expected.chain([(u64::from(QUIET_UID), 1)]).collect();
    if counts == expected {
        Ok(())
    } else {
        Err(format!("by user it counts {counts:?}, and not {expected:?}"))
    }
}

/// Whether the single denial in the middle of the flood is there.
fn quiet(events: &[Value], done: &Flooded) -> Result<(), String> {
    let quiet = events.iter().find(|event| event["process"]["uid"] == QUIET_UID);
    let quiet = quiet.ok_or("the single denial is missing")?;
    if quiet["process"]["pid"] == done.quiet { Ok(()) } else { Err(quiet.to_string()) }
}

/// Whether repeats are told as they should be.
fn folded(events: &[Value], done: &Flooded) -> Result<(), String> {
    quiet(events, done)?;
    let repeats: Vec<_> = events.iter().filter(|event| event.get("count").is_some()).collect();
    if repeats.is_empty() || repeats.len() >= events.len() {
        return Err(format!("{} of {} events are repeats", repeats.len(), events.len()));
    }
    for event in repeats {
        let first = &event["fingerprint"];
        let alike = |other: &&Value| {
            other.get("count").is_none()
                && other["fingerprint"] == *first
                && other["process"]["uid"] == event["process"]["uid"]
        };
        let times = event["first"].as_str() <= event["last"].as_str() && event["last"] == event["time"];
        let pids = event["pids"].as_array().is_some_and(|pids| !pids.is_empty() && pids.len() <= 6);
        if !times || !pids || !events.iter().any(|other| alike(&other)) {
            return Err(event.to_string());
        }
    }
    Ok(())
}
