//! Which booleans would allow it, and which of them are no answer to one denial.

use std::collections::BTreeMap;

use super::question::Question;
use crate::{
    change::{Change, on_off},
    finding::{Draft, Remedy, RemedyKind},
    selinux::{
        policy::{ClassId, Context, Policy},
        query::{Flip, Flips},
    },
};

/// How many pairs of types a boolean may be about without a warning.
const WIDE: usize = 2000;

/// Booleans that are made for another purpose, or open a domain altogether: what their names have, and what they do.
const BLUNT: &[(&str, &str)] = &[
    ("allow_ypbind", "it is for NIS: all that look accounts up may use nearly every port then"),
    ("nis_enabled", "it is for NIS: all that look accounts up may use nearly every port then"),
    ("_full_access", "the service may change nearly every file then, whatever the label"),
    ("_export_all_rw", "the service may change nearly every file then, whatever the label"),
    ("_export_all_ro", "the service may read nearly every file then, whatever the label"),
    ("_manage_all_files", "the service may change nearly every file then, whatever the label"),
    ("_all_non_security_files", "the service may read nearly every file then, whatever the label"),
    ("_unified", "all that the web server reads, writes and runs counts as one then"),
    ("secure_mode", "it says how far the whole machine is locked, and is no setting of one service's"),
];

/// What speaks against a boolean, by its name.
fn blunt(name: &str) -> Option<&'static str> {
    BLUNT.iter().find(|(part, _)| name.contains(part)).map(|(_, does)| *does)
}

/// Whether NIS itself is what was refused.
fn is_of_nis(type_: &str) -> bool {
    ["portmap", "yp", "var_yp"].iter().any(|part| type_.starts_with(part))
}

/// Whether it opens so much more that even a module comes first.
pub(super) fn is_last_resort(states: &BTreeMap<String, bool>, target: &str) -> bool {
    !is_of_nis(target) && states.keys().any(|name| blunt(name).is_some())
}

/// The service that a name begins with: `ftp` of `ftpd_t`, `ftpd_use_passive_mode` and `allow_ftpd_full_access`.
pub(super) fn service(name: &str) -> &str {
    let name = name.strip_prefix("allow_").unwrap_or(name);
    let name = name.split('_').next().unwrap_or_default();
    match name {
        "smbd" | "nmbd" | "winbind" => "samba",
        "svirt" => "virt",
        _ => name.trim_end_matches('d'),
    }
}

/// Whether all of them are named after the domain.
pub(super) fn are_own(states: &BTreeMap<String, bool>, domain: &str) -> bool {
    states.keys().all(|name| service(name) == service(domain))
}

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
    /// What is to be set, as `setsebool` takes it.
    pub(super) fn words(&self) -> String {
        let words: Vec<_> = self.states.iter().map(|(name, on)| format!("{name}={}", on_off(*on))).collect();
        words.join(" ")
    }

    /// The change, with what it opens.
    pub(super) fn add_to(self, remedy: Remedy) -> Remedy {
        remedy
            .change(Change::Booleans { states: self.states })
            .note(format!("that opens {} rules about {} pairs of types", self.opens, self.reach))
    }

    /// The boolean with the least reach with which it would be allowed, if the object had this label.
    pub(super) fn of(question: &Question<'_>, policy: &Policy, label: &str) -> Option<Self> {
        let (source, _, class, mask) = question.numbers(policy).ok()?;
        let target = policy.context(label).ok()?;
        let flips = policy.flips(&source, &target, class, mask).flips;
        let alone = flips.into_iter().filter(|flip| flip.booleans.len() == 1 && flip.reach <= WIDE);
        let type_ = policy.symbols.types.name(target.type_);
        let name = |(boolean, on)| (policy.symbols.booleans.name(boolean).to_owned(), on);
        alone
            .map(|flip| {
                let states = flip.booleans.into_iter().map(name).collect();
                Self { states, opens: flip.opens, reach: flip.reach }
            })
            .filter(|found| !is_last_resort(&found.states, type_) && !is_to_be_off(&found.states))
            .min_by_key(|found| found.reach)
    }
}

/// Whether a boolean is to be off for it: it may be on to keep something shut.
pub(super) fn is_to_be_off(states: &BTreeMap<String, bool>) -> bool {
    states.values().any(|on| !on)
}

/// The booleans that would allow it: those to turn on first, and of these those that reach least.
pub(super) fn find(
    policy: &Policy,
    (source, target, class, mask): (&Context, &Context, ClassId, u32),
) -> (Vec<Remedy>, Flips) {
    let mut flips = policy.flips(source, target, class, mask);
    flips.flips.sort_by_key(|flip| (flip.booleans.iter().any(|(_, on)| !on), flip.reach));
    let remedies = flips.flips.iter().take(3).map(|flip| {
        let remedy = remedy(policy, flip, policy.symbols.types.name(target.type_));
        off(remedy, policy, flip, (source, target, class, mask))
    });
    (remedies.collect(), flips)
}

/// Says of a boolean that is to be off what it keeps shut.
fn off(
    mut remedy: Remedy,
    policy: &Policy,
    flip: &Flip,
    (source, target, class, mask): (&Context, &Context, ClassId, u32),
) -> Remedy {
    let to_be_off: Vec<_> = flip.booleans.iter().filter(|(_, on)| !on).map(|(boolean, _)| *boolean).collect();
    if to_be_off.is_empty() {
        return remedy;
    }
    let booleans: Vec<_> = flip.booleans.iter().map(|(boolean, _)| *boolean).collect();
    let mut domains = policy.flip_lets_in(&booleans, target.type_, class, mask);
    domains.remove(&source.type_);
    let target = policy.symbols.types.name(target.type_);
    for boolean in to_be_off {
        let name = policy.symbols.booleans.name(boolean);
        let others = match domains.len() {
            0 => "find out what for".to_owned(),
            1 => format!("off, another domain may do the same on {target}"),
            count => format!("off, {count} other domains may do the same on {target}"),
        };
        remedy = remedy.warn(format!("{name} is on in this policy: {others}"));
    }
    remedy
}

fn remedy(policy: &Policy, flip: &Flip, target: &str) -> Remedy {
    let name = |boolean| policy.symbols.booleans.name(boolean).to_owned();
    let states: BTreeMap<String, bool> =
        flip.booleans.iter().map(|(boolean, on)| (name(*boolean), *on)).collect();
    let words: Vec<String> = states.iter().map(|(name, on)| format!("{name}={}", on_off(*on))).collect();
    let closes = if flip.closes > 0 { format!(" and closes {}", flip.closes) } else { String::new() };
    let text = format!(
        "set {}, which opens {} rules about {} pairs of types{closes}",
        words.join(" "),
        flip.opens,
        flip.reach
    );
    let mut remedy = Remedy::new(RemedyKind::Boolean, text);
    if is_last_resort(&states, target) {
        remedy.warnings = states.keys().filter_map(|name| blunt(name)).map(str::to_owned).collect();
    } else if flip.reach >= WIDE {
        remedy = remedy.warn("it opens much more than what was refused");
    }
    remedy.change(Change::Booleans { states })
}

/// Whether a boolean of the domain's own would allow it.
pub(super) fn has_own(
    policy: &Policy,
    (source, target, class, mask): (&Context, &Context, ClassId, u32),
) -> bool {
    let domain = policy.symbols.types.name(source.type_);
    let target_type = policy.symbols.types.name(target.type_);
    let name = |boolean| policy.symbols.booleans.name(boolean).to_owned();
    policy.flips(source, target, class, mask).flips.iter().any(|flip| {
        let states = flip.booleans.iter().map(|(boolean, on)| (name(*boolean), *on)).collect();
        are_own(&states, domain) && !is_to_be_off(&states) && !is_last_resort(&states, target_type)
    })
}

/// Adds the booleans that would allow it, or says that there are none.
pub(super) fn add(mut draft: Draft, policy: &Policy, numbers: (&Context, &Context, ClassId, u32)) -> Draft {
    let (remedies, flips) = find(policy, numbers);
    draft.finding.remedies.extend(remedies);
    if flips.flips.is_empty() {
        draft = draft.because(if flips.incomplete {
            "no boolean was found that would allow it; there are so many that not all pairs were tried"
        } else {
            "no boolean would allow it, nor a pair of them"
        });
    }
    draft
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_boolean_is_a_domains_own_by_its_first_word() {
        let own = |name: &str, domain| are_own(&BTreeMap::from([(name.to_owned(), true)]), domain);
        for (name, domain) in [
            ("zabbix_can_network", "zabbix_t"),
            ("httpd_can_network_connect", "httpd_t"),
            ("allow_saslauthd_read_shadow", "saslauthd_t"),
            ("samba_portmapper", "smbd_t"),
            ("virt_use_nfs", "svirt_t"),
            ("mysql_connect_any", "mysqld_t"),
        ] {
            assert!(own(name, domain), "{name} {domain}");
        }
        for (name, domain) in
            [("allow_ypbind", "syslogd_t"), ("nis_enabled", "sshd_t"), ("ssh_sysadm_login", "sssd_t")]
        {
            assert!(!own(name, domain), "{name} {domain}");
        }
    }
}
