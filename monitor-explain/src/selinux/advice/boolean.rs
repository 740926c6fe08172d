//! Which booleans would allow it.

use std::collections::BTreeMap;

use crate::{
    change::{Change, on_off},
    finding::{Draft, Remedy, RemedyKind},
    selinux::policy::{ClassId, Context, Policy},
};

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
