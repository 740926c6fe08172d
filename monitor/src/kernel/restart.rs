//! What one denyd leaves to the next: pinned programs that a denyd of the same identity takes over, or what a denyd of
//! another identity takes out of the maps before it removes them.

use std::{
    io,
    os::fd::{AsFd as _, OwnedFd},
};

use aya::{
    Ebpf,
    maps::{Map, MapData, MapError, RingBuf},
};
use monitor_common::{
    HookCall, SourceId,
    fold::source as source_of,
    layout::{Layout, Settings},
};
use xxhash_rust::xxh3::Xxh3;
use zerocopy::IntoBytes as _;

use super::{
    Counters, Losses, Options, Programs, RingError, RingReader, SharedSlots,
    pins::{self, Pins, Set},
    plan::{Kernel, Present},
    report::{SourceReport, State},
    ring::Position,
    session::{self, AttachedProgram, ProgramPinError, Sizes},
};
use crate::{
    accounting::KernelCounts,
    fold::{self, Closing, Slots as _},
    ledger::{self, Ledger, LedgerError, Left, Repeated},
    source::{self, Hook, Source},
};

/// The names of the maps' pins.
const EVENTS: &str = "events";
const COUNTERS: &str = "counters";
const FOLDS: &str = "folds";
const LOST: &str = "lost";
const LEDGER: &str = "ledger";

/// What was pinned can't be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum RestartError {
    /// A pin is not there or can't be opened, or a map can't be mapped.
    #[error("{0}")]
    Pin(#[from] io::Error),
    /// The ring buffer can't be opened.
    #[error(transparent)]
    Ring(#[from] RingError),
    /// A map is none of denyd's.
    #[error("a map that is pinned is not denyd's: {0}")]
    Map(#[from] MapError),
    /// The ledger can't be read.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// A program can't be pinned.
    #[error(transparent)]
    Program(#[from] ProgramPinError),
}

/// What programs and maps are made from, in one name.
pub(super) fn identity(
    object: &[u8],
    layout: &Layout,
    settings: &Settings,
    calls: &[HookCall],
    sizes: Sizes,
    options: &Options,
    modules: &[String],
) -> String {
    let mut hash = Xxh3::new();
    // It differs each time, and nobody but the programs needs it.
    let settings = Settings { fold_secret: u64::from(settings.fold_secret != 0), ..*settings };
    for part in [object, layout.as_bytes(), settings.as_bytes(), calls.as_bytes()] {
        hash.update(part);
    }
    for number in [u64::from(sizes.ring), u64::from(sizes.slots), sizes.cpus as u64, ledger::WORDS as u64] {
        hash.update(&number.to_ne_bytes());
    }
    let wanted = SourceId::ALL.map(|source| u8::from(options.sources.contains(&source)));
    hash.update(&wanted);
    for module in modules {
        hash.update(module.as_bytes());
        hash.update(&[0]);
    }
    format!("{:032x}", hash.digest128())
}

/// What was taken over.
pub(super) struct TakenOver {
    pub reader: RingReader,
    pub counters: Counters,
    pub losses: Losses,
    pub slots: Option<SharedSlots>,
    pub ledger: (Ledger, Left),
    pub sources: Vec<SourceReport>,
    pub attached: Vec<AttachedProgram>,
}

/// Takes over the programs and maps of a denyd of the same identity.
pub(super) fn take_over(
    set: &Set,
    kernel: &Kernel<Present>,
    options: &Options,
    sizes: Sizes,
    folds: bool,
) -> Result<TakenOver, RestartError> {
    let (ledger, left) = Ledger::open(set.get(LEDGER)?)?;
    let reader = RingReader::new(Map::RingBuf(MapData::from_fd(set.get(EVENTS)?)?))?;
    let counters = Counters::map(set.get(COUNTERS)?, sizes.cpus)?.after(&ledger.counts_before());
    let losses = Losses::map(set.get(LOST)?)?;
    let slots =
        folds.then(|| set.get(FOLDS).and_then(|map| SharedSlots::map(map, sizes.slots))).transpose()?;
    let mut sources = Vec::new();
    let mut attached = Vec::new();
    for source in &source::ALL {
        let (report, programs) = take_over_source(set, kernel, source, options)?;
        sources.push(report);
        attached.extend(programs);
    }
    Ok(TakenOver { reader, counters, losses, slots, ledger: (ledger, left), sources, attached })
}

fn take_over_source(
    set: &Set,
    kernel: &Kernel<Present>,
    source: &Source,
    options: &Options,
) -> Result<(SourceReport, Vec<AttachedProgram>), RestartError> {
    let report = |state| SourceReport { name: source.name, state, failed: Vec::new(), missing: Vec::new() };
    if let Err(state) = kernel.wants(source, options) {
        return Ok((report(state), Vec::new()));
    }
    for attachment in source.attachments {
        let Ok(mut programs) = kernel.programs(attachment) else { continue };
        let is_pinned = |program: &source::Program| set.has(&session::name_of_link(source.id, program));
        if matches!(attachment.programs[0].hook, Hook::LsmSlot(_) | Hook::LsmSession(_)) {
            programs.retain(is_pinned);
        }
        if programs.is_empty() || !programs.iter().all(is_pinned) {
            continue;
        }
        let hooks = programs.iter().map(|program| program.hook.to_string()).collect();
        let attached: io::Result<Vec<_>> =
            programs.into_iter().map(|program| AttachedProgram::pinned(source.id, program, set)).collect();
        let state = State::Attached { hooks, caveat: attachment.caveat };
        return Ok((SourceReport { missing: kernel.missing(attachment), ..report(state) }, attached?));
    }
    Ok((report(State::Failed { advice: source.advice }), Vec::new()))
}

/// Pins programs and maps that this process has made, with a new ledger that goes on from what another denyd has left.
pub(super) fn pin(
    pins: &Pins,
    identity: &str,
    ebpf: &Ebpf,
    programs: &mut Programs,
    before: Option<Leftovers>,
) -> Result<(Ledger, Left), RestartError> {
    let set = pins.begin(identity)?;
    let pinned = pin_in(&set, ebpf, programs, before);
    match pinned {
        Ok(ledger) => {
            pins.finish(set, identity)?;
            Ok(ledger)
        }
        Err(error) => {
            if let Err(error) = set.remove() {
                tracing::warn!(%error, "cannot remove pins");
            }
            Err(error)
        }
    }
}

fn pin_in(
    set: &Set,
    ebpf: &Ebpf,
    programs: &mut Programs,
    before: Option<Leftovers>,
) -> Result<(Ledger, Left), RestartError> {
    for (name, map) in [(EVENTS, "EVENTS"), (COUNTERS, "COUNTERS"), (FOLDS, "FOLDS"), (LOST, "LOST")] {
        match ebpf.map(map) {
            Some(Map::RingBuf(map) | Map::Array(map)) => set.pin(name, map.fd().as_fd())?,
            _ => return Err(io::Error::from(io::ErrorKind::NotFound).into()),
        }
    }
    let map: OwnedFd = pins::create_map(ledger::WORDS)?;
    set.pin(LEDGER, &map)?;
    let mut ledger = Ledger::create(&map)?;
    let left = match before {
        Some(Leftovers { left, counts }) => {
            ledger.go_on_from(&left, &counts);
            left
        }
        None => Left::default(),
    };
    programs.pin(set)?;
    Ok((ledger, left))
}

/// What a denyd of another identity has left.
pub(super) struct Leftovers {
    /// What its ledger held, and what had not been taken from the ring buffer.
    pub left: Left,
    /// What its programs had counted.
    pub counts: [KernelCounts; SourceId::ALL.len()],
}

/// The pins of denyds of other identities.
pub(super) struct Others {
    sets: Vec<Set>,
}

impl Others {
    pub(super) fn of(pins: &Pins) -> Self {
        let sets = pins.sets().unwrap_or_else(|error| {
            tracing::warn!(%error, "cannot read the pins of an earlier denyd");
            Vec::new()
        });
        Self { sets }
    }

    /// Detaches a source's programs.
    pub(super) fn detach(&self, source: SourceId) {
        for set in &self.sets {
            // What counts their runs goes with them; it is read before.
            if let Err(error) = set.unpin(|name| session::is_pin_of(source, name)) {
                tracing::warn!(%error, "cannot detach a program of an earlier denyd");
            }
        }
    }

    /// Takes what is in the maps, and removes them and all that is still attached. What can't be read is lost, which is
    /// said.
    pub(super) fn remove(self, cpus: usize) -> Option<Leftovers> {
        let mut leftovers = None;
        for set in &self.sets {
            for source in SourceId::ALL {
                if let Err(error) = set.unpin(|name| session::is_pin_of(source, name)) {
                    tracing::warn!(%error, "cannot detach a program of an earlier denyd");
                }
            }
            // An unfinished set has no ledger that anybody wrote to.
            match Leftovers::read(set, cpus) {
                Ok(found) if leftovers.is_none() => leftovers = Some(found),
                Ok(_) => {}
                Err(error) => {
                    tracing::warn!(%error, "what an earlier denyd left can't be read, and is removed");
                }
            }
            if let Err(error) = set.remove() {
                tracing::warn!(%error, "cannot remove the pins of an earlier denyd");
            }
        }
        leftovers
    }
}

impl Leftovers {
    fn read(set: &Set, cpus: usize) -> Result<Self, RestartError> {
        let (ledger, mut left) = Ledger::open(set.get(LEDGER)?)?;
        let counters = Counters::map(set.get(COUNTERS)?, cpus)?.after(&ledger.counts_before());
        let mut ring = RingBuf::try_from(Map::RingBuf(MapData::from_fd(set.get(EVENTS)?)?))?;
        let consumer = Position::of_consumer(ring.as_fd())?;
        loop {
            let was_taken = consumer.get() < left.ring;
            let Some(record) = ring.next() else { break };
            if !was_taken {
                left.records.push((left.taken, (*record).into()));
                left.taken += 1;
            }
        }
        // The new ring buffer starts at 0.
        left.ring = 0;
        if let Some(slots) = slots_of(set)? {
            left.take_repeats(slots);
        }
        let counts = SourceId::ALL.map(|source| counters.by_source(source, 0));
        Ok(Self { left, counts })
    }
}

/// The slots, as many as there are.
fn slots_of(set: &Set) -> Result<Option<SharedSlots>, RestartError> {
    let map = MapData::from_fd(set.get(FOLDS)?)?;
    let slots = map.info()?.max_entries();
    Ok(if slots > 1 { Some(SharedSlots::map(map.fd().as_fd(), slots)?) } else { None })
}

impl Left {
    /// Closes all slots, and has what they counted reported with the records that opened them.
    fn take_repeats(&mut self, mut slots: SharedSlots) {
        let mut number = self.repeats.back().map_or(self.commit.repeated, |last| last.number + 1);
        let noted: Vec<_> = self.noted().collect();
        fold::free_noted(&mut slots, &noted);
        for key in slots.keys() {
            let Closing::Ended(Some(repeats)) = slots.close(key) else { continue };
            let first = self.records.iter().rev().find(|(_, record)| fold::key(record) == key);
            if let Some(&(first, _)) = first {
                self.repeats.push_back(Repeated { number, after: self.taken, first, repeats });
                number += 1;
            } else {
                let source = source_of(key).map_or("unknown", |source| source::by_id(source).name);
                tracing::warn!(
                    source,
                    count = repeats.count,
                    "repeats that an earlier denyd counted are lost"
                );
            }
        }
    }
}
