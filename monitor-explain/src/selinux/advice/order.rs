//! Which remedy is the best.

use super::{boolean, module::Allow};
use crate::{
    change::Change,
    finding::{Remedy, RemedyKind},
};

/// The first of the ports that are given out to programs that ask for none by number (`ip_local_port_range`).
const EPHEMERAL: u16 = 32768;

/// Sorts remedies of what was asked, the best first: by their kind, but for booleans. Those that open a domain
/// altogether come last, those that are to be off behind those that are to be on. A port that a service listens on gets a label first, unless it is one of many that are chosen
/// as they come; to connect, a boolean of the domain's own comes first, and one of all domains after the label.
pub(crate) fn sort(remedies: &mut [Remedy], asked: &Allow) {
    let port = remedies.iter().flat_map(|remedy| &remedy.changes).find_map(|change| match change {
        Change::Port { port, .. } => Some(*port),
        _ => None,
    });
    remedies.sort_by_key(|remedy| place(remedy, asked, port));
}

/// Where a remedy stands: with those of a kind, or behind them.
fn place(remedy: &Remedy, asked: &Allow, port: Option<u16>) -> (RemedyKind, bool) {
    // Which label it would be is left open.
    if remedy.kind == RemedyKind::FileContext && remedy.commands.is_empty() {
        return (RemedyKind::Boolean, true);
    }
    let [Change::Booleans { states }] = &*remedy.changes else { return (remedy.kind, false) };
    if boolean::is_last_resort(states, &asked.target) {
        return (RemedyKind::Module, true);
    }
    if boolean::is_to_be_off(states) {
        return (RemedyKind::Boolean, true);
    }
    let Some(port) = port else { return (remedy.kind, false) };
    let is_any_of_many = port >= EPHEMERAL || states.keys().any(|name| name.contains("passive"));
    let comes_first = boolean::are_own(states, &asked.source)
        && (asked.permissions.contains("name_connect") || is_any_of_many);
    if comes_first { (remedy.kind, false) } else { (RemedyKind::Port, true) }
}
