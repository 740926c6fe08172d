//! A policy that is cut off or damaged gives an error, or a policy that can be asked; never a panic.

use std::{fs, ops::Range, path::Path};

use monitor_explain::selinux::{
    policy::{Policy, Problem},
    query::{Operation, TransitionKind, Wanted},
};
use proptest::{prelude::*, sample::Index};

/// Small policies with a little of everything, in the versions in which much changed. `tests/policies/README.md` says
/// how they are made.
const POLICIES: [&str; 4] = ["rich.24", "rich.30", "rich.33", "rich.35"];

/// Where a policy says what it has, behind its magic number, its name and its version (`policydb_read()`,
/// security/selinux/ss/policydb.c).
const FLAGS: usize = 20;
/// It has levels (`POLICYDB_CONFIG_MLS`).
const LEVELS: u8 = 1;

fn policy(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/policies").join(name);
    fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Asks what can be asked.
fn ask(policy: &Policy) {
    let symbols = &policy.symbols;
    let mut contexts = Vec::new();
    for (user, _) in symbols.users.iter() {
        for (role, _) in symbols.roles.iter() {
            for (type_, _) in symbols.types.iter().take(8) {
                contexts.extend(policy.context(&format!("{user}:{role}:{type_}:s0-s3:c0.c2")));
                contexts.extend(policy.context(&format!("{user}:{role}:{type_}:s0")));
            }
        }
    }
    contexts.truncate(8);
    contexts.extend(policy.labels.initial.iter().take(4).map(|(_, context)| context.clone()));
    for source in &contexts {
        for target in &contexts {
            for (_, class) in symbols.classes.iter().take(6) {
                let answer = policy.answer(source.clone(), target.clone(), class.id, 2);
                let _text = policy.text(&answer.source);
                let _flips = policy.flips(source, target, class.id, 2);
                let _extended = policy.decide_extended(source, target, class.id, Operation::Ioctl(0x5401));
                let _new = policy.transition(TransitionKind::New, source, target, class.id, Some(b"a.log"));
                let _change = policy.forbids_change(source, target, source, class.id);
                let _silencers = policy.silencers(source, target, class.id, 2);
            }
        }
    }
    for found in policy.search(Wanted::default()) {
        let _text = found.text();
    }
    for (_, class) in symbols.classes.iter() {
        for constraint in class.constraints.iter().chain(&class.transition_constraints) {
            let _text = policy.constraint_text(constraint);
        }
    }
    for port in [0, 80, u16::MAX] {
        let _label = policy.port(6, port);
    }
    for node in ["127.0.0.1", "::1"] {
        let _label = node.parse().map(|address| policy.node(address));
    }
    let _rules = (policy.name_transitions().count(), policy.range_transitions().count());
    let _names = (policy.capabilities().count(), policy.type_aliases().count());
}

#[test]
fn whole_policies_are_read() {
    for name in POLICIES {
        let read = Policy::read(&policy(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(format!("rich.{}", read.version), name);
        ask(&read);
    }
}

/// Its contexts, users and rules have levels all the same, as a policy that the fuzzer found.
#[test]
fn levels_mean_nothing_in_a_policy_that_says_it_has_none() {
    for name in POLICIES {
        let mut bytes = policy(name);
        assert_eq!(bytes[FLAGS] & LEVELS, LEVELS, "{name} has levels");
        bytes[FLAGS] &= !LEVELS;
        let read = Policy::read(&bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
        for (_, context) in &read.labels.initial {
            let text = read.text(context);
            assert_eq!(text.matches(':').count(), 2, "{name}: {text}");
            assert_eq!(read.context(&text).as_ref(), Ok(context), "{name}: {text}");
        }
        ask(&read);
    }
}

#[test]
fn a_policy_that_is_cut_off_anywhere_is_refused() {
    for name in POLICIES {
        let whole = policy(name);
        for end in 0..whole.len() {
            let error =
                Policy::read(&whole[..end]).err().unwrap_or_else(|| panic!("{name} of {end} bytes is read"));
            assert!(matches!(error.problem, Problem::Truncated { .. }), "{name} of {end} bytes: {error}");
            assert!(error.offset <= end, "{name} of {end} bytes: {error}");
        }
    }
}

/// Debian's, where it is installed: too large for every byte.
#[test]
fn a_large_policy_that_is_cut_off_is_refused() {
    let folder = fs::read_dir("/etc/selinux/default/policy").into_iter().flatten().filter_map(Result::ok);
    let Some(path) = folder.map(|entry| entry.path()).max() else {
        eprintln!("skipped: Debian's policy is not installed (selinux-policy-default)");
        return;
    };
    let whole = fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    // Every 97th byte takes minutes: by hand, with STEP=97.
    let step = std::env::var("STEP").ok().and_then(|step| step.parse().ok()).unwrap_or(9_973);
    let Range { start, end } = 0..whole.len();
    for end in (start..end).step_by(step) {
        let error = Policy::read(&whole[..end]).err().unwrap_or_else(|| panic!("{end} bytes are read"));
        assert!(matches!(error.problem, Problem::Truncated { .. }), "{end} bytes: {error}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn damage_never_panics(
        name in prop::sample::select(&POLICIES[..]),
        changes in prop::collection::vec((any::<Index>(), any::<u8>()), 1..6),
    ) {
        let mut bytes = policy(name);
        for (place, byte) in changes {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        if let Ok(policy) = Policy::read(&bytes) {
            ask(&policy);
        }
    }

    #[test]
    fn numbers_that_are_large_never_panic(
        name in prop::sample::select(&POLICIES[..]),
        place in any::<Index>(),
        number in prop::sample::select(&[0, 1, 2, 31, 32, 33, 63, 64, 0x7fff_ffff, 0x8000_0000, u32::MAX - 63, u32::MAX][..]),
    ) {
        let mut bytes = policy(name);
        let place = place.index(bytes.len() - 4);
        bytes[place..place + 4].copy_from_slice(&number.to_le_bytes());
        if let Ok(policy) = Policy::read(&bytes) {
            ask(&policy);
        }
    }

    #[test]
    fn any_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let header = policy("rich.33").into_iter().take(32);
        let _read = Policy::read(&bytes);
        let _read = Policy::read(&header.chain(bytes).collect::<Vec<u8>>());
    }
}
