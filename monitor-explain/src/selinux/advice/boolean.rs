//! Which booleans would allow it.

use std::collections::BTreeMap;

use super::question::Question;
use crate::{
    change::{Change, on_off},
    finding::{Draft, Remedy, RemedyKind},
    selinux::policy::{ClassId, Context, Policy},
};

/// How many pairs of types a boolean may open that is only one half of a remedy.
const REACH: usize = 2000;

/// The boolean that is needed beside a label.
pub(super) struct Besides {
    /// Its name, and whether it has to be on.
    pub(super) states: BTreeMap<String, bool>,
    /// How many rules it opens.
    pub(super) opens: usize,
    /// How many pairs of types these are about.
    pub(super) reach: usize,
}

impl Besides {
    /// The boolean with the least reach with which it would be allowed, if the object had this label.
    pub(super) fn of(question: &Question<'_>, policy: &Policy, label: &str) -> Option<Self> {
        let (source, _, class, mask) = question.numbers(policy).ok()?;
        let target = policy.context(label).ok()?;
        let flips = policy.flips(&source, &target, class, mask).flips;
        let alone = flips.into_iter().filter(|flip| flip.booleans.len() == 1 && flip.reach <= REACH);
        let flip = alone.min_by_key(|flip| flip.reach)?;
        let name = |(boolean, on)| (policy.symbols.booleans.name(boolean).to_owned(), on);
        let states = flip.booleans.into_iter().map(name).collect();
        Some(Self { states, opens: flip.opens, reach: flip.reach })
    }
}

/// Adds the booleans that would allow it, or says that there are none.
pub(super) fn add(
    mut draft: Draft,
    policy: &Policy,
    (source, target, class, mask): (&Context, &Context, ClassId, u32),
) -> Draft {
    let mut flips = policy.flips(source, target, class, mask);
    flips.flips.sort_by_key(|flip| flip.reach);
    for flip in flips.flips.iter().take(3) {
        let name = |boolean| policy.symbols.booleans.name(boolean).to_owned();
        let states: BTreeMap<String, bool> =
            flip.booleans.iter().map(|(boolean, on)| (name(*boolean), *on)).collect();
        let words: Vec<String> = states.iter().map(|(name, on)| format!("{name}={}", on_off(*on))).collect();
        let closes = if flip.closes > 0 { format!(" and closes {}", flip.closes) } else { String::new() };
        let remedy = Remedy::new(
            RemedyKind::Boolean,
            format!(
                "set {}, which opens {} rules about {} pairs of types{closes}",
                words.join(" "),
                flip.opens,
                flip.reach
            ),
        )
        .change(Change::Booleans { states });
        draft = draft.remedy(remedy);
    }
    if flips.flips.is_empty() {
        draft = draft.because(if flips.incomplete {
            "no boolean was found that would allow it; there are so many that not all pairs were tried"
        } else {
            "no boolean would allow it, nor a pair of them"
        });
    }
    draft
}
