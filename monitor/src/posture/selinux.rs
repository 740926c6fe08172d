//! SELinux's state, from selinuxfs (security/selinux/selinuxfs.c).

use std::{collections::HashMap, fs, path::Path};

use monitor_api::posture::{Avc, Booleans, Selinux};

use super::{Facts, FileError, held::Held};

pub(super) const ENFORCE: &str = "/sys/fs/selinux/enforce";
const ROOT: &str = "/sys/fs/selinux";

/// What only a change of the policy changes: how many types are permissive, and the booleans.
type OfPolicy = (Result<u64, String>, Result<Booleans, String>);

#[derive(Debug)]
pub(super) struct Watch {
    enforce: Held,
    status: Held,
    version: Held,
    deny_unknown: Held,
    policy: Held,
    cache_stats: Held,
    hash_stats: Held,
    booleans: HashMap<String, bool>,
    /// What was read for this generation of the policy.
    of_policy: Option<(u32, OfPolicy)>,
}

impl Watch {
    pub(super) fn open() -> Self {
        let held = |name: &str| Held::open(Path::new(ROOT).join(name));
        Self {
            enforce: held("enforce"),
            status: held("status"),
            version: held("policyvers"),
            deny_unknown: held("deny_unknown"),
            // As long as it is open, the kernel lets nobody else open it.
            policy: Held::later(Path::new(ROOT).join("policy")),
            cache_stats: held("avc/cache_stats"),
            hash_stats: held("avc/hash_stats"),
            booleans: booleans(&Path::new(ROOT).join("booleans")).unwrap_or_default(),
            of_policy: None,
        }
    }

    pub(super) fn read(&mut self, missing: &mut Facts) -> Selinux {
        let flag = |text: &str| text.parse::<u8>().ok().map(|value| value != 0);
        let policy_loads =
            self.status.read().and_then(|page| policy_loads(&page).ok_or_else(|| self.status.unknown_form()));
        let policy_loads = missing.unless("selinux.policy_loads", policy_loads);
        let (permissive, booleans) = self.of_policy(policy_loads);
        let avc = self
            .cache_stats
            .parse(cache_stats)
            .map(|avc| Avc { entries: self.hash_stats.parse(entries).ok(), ..avc });
        Selinux {
            enforcing: missing.unless("selinux.enforcing", self.enforce.parse(flag)),
            policy_loads,
            policy_version: missing
                .unless("selinux.policy_version", self.version.parse(|text| text.parse().ok())),
            deny_unknown: missing.unless("selinux.deny_unknown", self.deny_unknown.parse(flag)),
            permissive_domains: missing.unless("selinux.permissive_domains", permissive),
            booleans: missing.unless("selinux.booleans", booleans),
            avc: missing.unless("selinux.avc", avc),
        }
    }

    /// What only a change of the policy changes: it is read once for each generation. The file `policy` is a copy that
    /// the kernel makes when it is opened.
    fn of_policy(&mut self, loads: Option<u32>) -> OfPolicy {
        if let (Some(now), Some((then, known))) = (loads, &self.of_policy)
            && now == *then
        {
            return known.clone();
        }
        let permissive = self
            .policy
            .read_up_to(POLICY_HEAD)
            .and_then(|head| permissive_types(&head).ok_or_else(|| self.policy.unknown_form()));
        self.policy.close();
        let permissive = permissive.map_err(|error| error.to_string());
        let booleans = booleans(&Path::new(ROOT).join("booleans")).map(|now| {
            let on = now.values().filter(|on| **on).count() as u64;
            let changed = now.iter().filter(|(name, on)| self.booleans.get(*name) != Some(on)).count();
            Booleans { on, off: now.len() as u64 - on, changed: changed as u64 }
        });
        let booleans = booleans.map_err(|error| error.to_string());
        self.of_policy = loads.map(|loads| (loads, (permissive.clone(), booleans.clone())));
        (permissive, booleans)
    }
}

/// `struct selinux_kernel_status` (security/selinux/include/security.h): version, sequence, enforcing, policyload,
/// `deny_unknown`, each a `u32`.
fn policy_loads(page: &[u8]) -> Option<u32> {
    Some(u32::from_ne_bytes(page.get(12..16)?.try_into().ok()?))
}

/// The booleans: each file has the value in force and the one that is to be committed, `1 1`.
fn booleans(folder: &Path) -> Result<HashMap<String, bool>, FileError> {
    let fault = |error| FileError::Read { path: folder.display().to_string(), error };
    let mut all = HashMap::new();
    for entry in fs::read_dir(folder).map_err(fault)? {
        let entry = entry.map_err(fault)?;
        let value = fs::read(entry.path()).map_err(fault)?;
        all.insert(entry.file_name().to_string_lossy().into_owned(), value.first() == Some(&b'1'));
    }
    Ok(all)
}

/// One line for each CPU below the heading (`sel_avc_stats_seq_show`).
fn cache_stats(text: &str) -> Option<Avc> {
    let mut lines = text.lines();
    if !lines.next()?.split_whitespace().eq(["lookups", "hits", "misses", "allocations", "reclaims", "frees"])
    {
        return None;
    }
    let mut sum = Avc::default();
    for line in lines {
        let numbers: Vec<u64> = line.split_whitespace().map(str::parse).collect::<Result<_, _>>().ok()?;
        let [lookups, _hits, misses, allocations, reclaims, frees] = numbers.try_into().ok()?;
        // The kernel's own counters are 32 bits wide and wrap, each CPU's by itself.
        sum.lookups += lookups;
        sum.misses += misses;
        sum.allocations += allocations;
        sum.reclaims += reclaims;
        sum.frees += frees;
    }
    Some(sum)
}

/// `entries: 512`, the first line (`avc_get_hash_stats`).
fn entries(text: &str) -> Option<u64> {
    text.lines().next()?.strip_prefix("entries:")?.trim().parse().ok()
}

/// Bytes of the policy that are read: the head, with the sets of capabilities and permissive types.
const POLICY_HEAD: usize = 1 << 20;
const POLICY_MAGIC: u32 = 0xf97c_ff8c;
/// `POLICYDB_VERSION_POLCAP` and `POLICYDB_VERSION_PERMISSIVE` (security/selinux/include/security.h).
const WITH_CAPABILITIES: u32 = 22;
const WITH_PERMISSIVE: u32 = 23;

/// How many types a binary policy makes permissive: the head as `policydb_write` (security/selinux/ss/policydb.c)
/// writes it, up to `permissive_map`.
fn permissive_types(policy: &[u8]) -> Option<u64> {
    let mut rest = Words(policy);
    if rest.word()? != POLICY_MAGIC {
        return None;
    }
    let name = rest.word()? as usize;
    rest.skip(name)?;
    let version = rest.word()?;
    let [_config, _symbols, _contexts] = [rest.word()?, rest.word()?, rest.word()?];
    if version < WITH_PERMISSIVE {
        return Some(0);
    }
    if version >= WITH_CAPABILITIES {
        rest.bits()?;
    }
    rest.bits()
}

/// What is still to be read of a policy, which is little-endian.
struct Words<'a>(&'a [u8]);

impl Words<'_> {
    fn skip(&mut self, len: usize) -> Option<()> {
        self.0 = self.0.get(len..)?;
        Some(())
    }

    fn word(&mut self) -> Option<u32> {
        let (word, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(u32::from_le_bytes(*word))
    }

    /// Counts the bits of a set (`ebitmap_write`, security/selinux/ss/ebitmap.c).
    fn bits(&mut self) -> Option<u64> {
        let [_unit, _highest, nodes] = [self.word()?, self.word()?, self.word()?];
        let mut bits = 0;
        for _ in 0..nodes {
            let [_start, low, high] = [self.word()?, self.word()?, self.word()?];
            bits += u64::from(low.count_ones() + high.count_ones());
        }
        Some(bits)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn words(words: &[u32]) -> Vec<u8> {
        words.iter().flat_map(|word| word.to_le_bytes()).collect()
    }

    #[test]
    fn permissive_types_are_counted_in_the_head_of_the_policy() {
        let name = [8, u32::from_le_bytes(*b"SE L"), u32::from_le_bytes(*b"inux")];
        let capabilities = [64, 64, 1, 0, 0b111, 0];
        let permissive = [64, 192, 2, 0, 0, 1 << 31, 128, 0b101, 0];
        let head =
            |version| [&[POLICY_MAGIC], &name[..], &[version, 1, 8, 9], &capabilities, &permissive].concat();
        assert_eq!(permissive_types(&words(&head(33))), Some(3));
        assert_eq!(permissive_types(&words(&head(22))), Some(0), "older than permissive types");
        assert_eq!(permissive_types(&words(&head(33)[..20])), None);
    }

    #[test]
    fn the_caches_counters_are_summed_over_the_cpus() {
        let text = "lookups hits misses allocations reclaims frees\n10 8 2 2 0 1\n5 5 0 0 0 0\n";
        let avc = cache_stats(text).unwrap();
        assert_eq!((avc.lookups, avc.misses, avc.allocations, avc.frees), (15, 2, 2, 1));
        assert_eq!(cache_stats("lookups misses\n1 2\n"), None);
        assert_eq!(entries("entries: 512\nbuckets used: 300/512\nlongest chain: 4"), Some(512));
    }

    #[test]
    fn the_generation_is_the_fourth_word_of_the_status_page() {
        let page: Vec<u8> = [1_u32, 8, 1, 3, 0].iter().flat_map(|word| word.to_ne_bytes()).collect();
        assert_eq!(policy_loads(&page), Some(3));
        assert_eq!(policy_loads(&page[..12]), None);
    }

    #[test]
    fn booleans_are_read_by_name() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("httpd_can_network_connect"), "1 1").unwrap();
        fs::write(folder.path().join("ftpd_full_access"), "0 1").unwrap();
        let all = booleans(folder.path()).unwrap();
        assert_eq!((all["httpd_can_network_connect"], all["ftpd_full_access"]), (true, false));
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_policy_or_not(bytes: Vec<u8>) {
            let _either = permissive_types(&[&words(&[POLICY_MAGIC, 0, 33, 0, 0, 0])[..], &bytes].concat());
        }
    }
}
