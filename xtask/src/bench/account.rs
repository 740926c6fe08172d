//! What denyd says at its end: where every denial went.

use std::collections::BTreeMap;

use anyhow::Context as _;

/// The numbers of one account, by their names: `seen`, `emitted`, `folded`, `lost`, and the reasons of a loss.
pub(super) type Account = BTreeMap<String, u64>;

/// A number of an account; 0 if it has none of this name.
pub(super) fn number(account: &Account, name: &str) -> u64 {
    account.get(name).copied().unwrap_or(0)
}

/// The account of `source` among the lines that denyd said.
pub(super) fn of(source: &str, said: &[String]) -> anyhow::Result<Account> {
    let start = format!("denyd: {source}: ");
    let line = said.iter().find_map(|line| line.strip_prefix(&start));
    let line = line.with_context(|| format!("denyd gave no account of {source}"))?;
    let numbers = line.split([',', '(', ')']).map(str::trim).filter(|part| !part.is_empty()).map(|part| {
        let (name, number) = part.rsplit_once(' ')?;
        Some((name.to_owned(), number.parse().ok()?))
    });
    numbers.collect::<Option<_>>().with_context(|| format!("cannot read the account `{line}`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_number_has_its_name() {
        let said = [
            "denyd: watching selinux (1 program attached)",
            "denyd: selinux: seen 9, emitted 5, folded 1, lost 3 (ring_full 2, share 1), unaccounted for 4",
        ]
        .map(str::to_owned);
        let expected = [
            ("emitted", 5),
            ("folded", 1),
            ("lost", 3),
            ("ring_full", 2),
            ("seen", 9),
            ("share", 1),
            ("unaccounted for", 4),
        ];
        assert_eq!(
            of("selinux", &said).unwrap(),
            expected.map(|(name, count)| (name.to_owned(), count)).into()
        );
        assert!(of("apparmor", &said).is_err());
        assert!(of("selinux", &["denyd: selinux: seen x, emitted 5".to_owned()]).is_err());
    }
}
