//! Types that would do for a path that has none of the domain's.

use std::collections::BTreeSet;

use super::{
    boolean,
    folder::File,
    label::{is_nobodys, type_of},
    purpose::Purpose,
    question::Question,
};
use crate::selinux::{file_contexts::FileKind, policy::Policy};

/// How many types are named that would do.
const CANDIDATES: usize = 4;

/// Types that domains use by custom and that are not called after them, the best first.
const CUSTOMARY: [(&str, &[&str]); 15] = [
    ("dovecot_t", &["mail_spool_t"]),
    ("fail2ban_t", &["var_log_t"]),
    ("ftpd_t", &["public_content_t", "public_content_rw_t"]),
    ("httpd_sys_script_t", &["httpd_sys_content_t", "httpd_sys_rw_content_t"]),
    ("logrotate_t", &["var_log_t"]),
    ("mysqld_t", &["mysqld_db_t"]),
    ("named_t", &["named_zone_t", "named_cache_t"]),
    ("postgresql_t", &["postgresql_db_t"]),
    ("rsync_t", &["public_content_t", "public_content_rw_t"]),
    ("smbd_t", &["samba_share_t"]),
    ("squid_t", &["squid_cache_t"]),
    ("svirt_t", &["virt_image_t", "svirt_image_t", "virt_content_t"]),
    ("svirt_tcg_t", &["virt_image_t", "svirt_image_t", "virt_content_t"]),
    ("syslogd_t", &["var_log_t"]),
    ("tftpd_t", &["tftpdir_t", "tftpdir_rw_t"]),
];

/// Types that would do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Candidates {
    /// Their names, the best first.
    pub(super) types: Vec<String>,
    /// Whether the first is the one to take: by custom, by the policy's own files, or by its name.
    pub(super) is_clear: bool,
    /// What of the policy's files says so.
    pub(super) evidence: Option<String>,
    /// Whether it is for this file alone, and not for all in its folder.
    pub(super) is_alone: bool,
    /// Whether the path is one of a home, with the label of homes.
    pub(super) is_of_home: bool,
}

impl Candidates {
    pub(super) fn only(type_: String) -> Self {
        Self { types: vec![type_], is_clear: true, evidence: None, is_alone: false, is_of_home: false }
    }
}

/// How well a type fits, the least the best.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Rank {
    /// Its place among those by custom, behind them if it is none.
    customary: usize,
    /// Its place among those whose names say what the path is for.
    word: usize,
    /// Whether no path for the same purpose has it.
    is_elsewhere: bool,
    /// How little of the domain's name it begins with.
    stem: usize,
}

/// Types with which it would be allowed, the best first; of programs, if one is to be the entry into a domain.
pub(super) fn of(
    file: &File<'_>,
    question: &Question<'_>,
    policy: &Policy,
    is_entry: bool,
) -> Option<Candidates> {
    if let Some(found) = moved(file, question, policy).filter(|_| !is_entry) {
        return Some(found);
    }
    let attribute = policy.attribute("file_type")?;
    let purpose = Purpose::of(file.path);
    let is_of_system = Purpose::is_of_system(file.path);
    // In a folder of the system's, each service has its own.
    let customary = if is_entry { &[][..] } else { customary(file.path, question.source_type) };
    let stems = stems(question.source_type)?;
    let beside = types_of(file, purpose);
    let words = purpose.words();
    let rank = |name: &str| {
        let place = customary.iter().position(|known| *known == name);
        let stem = stems.iter().position(|stem| name.starts_with(stem.as_str()));
        // Most are of others.
        if place.is_none() && stem.is_none() {
            return None;
        }
        let is_elsewhere = !beside.contains(name);
        let is_own = name.ends_with("_exec_t") == is_entry
            && fits(name, file.path, purpose)
            // Only the first is the domain's alone.
            && stem.is_some_and(|stem| stem == 0 || !is_elsewhere);
        (is_own || place.is_some()).then(|| Rank {
            customary: if is_of_system { 0 } else { place.unwrap_or(customary.len()) },
            word: words.iter().position(|word| name.contains(word)).unwrap_or(words.len()),
            is_elsewhere,
            stem: stem.unwrap_or(stems.len()),
        })
    };
    let names = policy.types_with(attribute).map(|type_| policy.symbols.types.name(type_));
    let mut ranked: Vec<(Rank, &str)> = names.filter_map(|name| Some((rank(name)?, name))).collect();
    ranked.sort_by_key(|(rank, name)| (*rank, name.len(), *name));
    let is_allowed = |(_, name): &&(Rank, &str)| is_allowed(question, policy, name);
    let is_for_all = |(_, name): &&(Rank, &str)| is_allowed_beside(question, policy, name);
    let allowed = || ranked.iter().filter(is_allowed);
    let mut found: Vec<(Rank, &str)> = allowed().filter(is_for_all).take(CANDIDATES).copied().collect();
    if found.is_empty() {
        found = allowed().take(CANDIDATES).copied().collect();
    }
    let ranked = found;
    let (best, name) = *ranked.first()?;
    let is_supported = is_entry
        || best.word < words.len()
        || !best.is_elsewhere
        || !is_of_system && best.customary < customary.len();
    // In a folder of the system's, one for something else is none.
    if is_of_system && !is_supported {
        return None;
    }
    let is_as_good = |(rank, other): &(Rank, &str)| *rank == best && other.len() == name.len();
    let is_clear = is_supported && !ranked.iter().skip(1).any(is_as_good);
    let types = ranked.iter().map(|(_, name)| (*name).to_owned()).collect();
    Some(Candidates { types, is_clear, evidence: None, is_alone: false, is_of_home: false })
}

/// The types by custom with which it would be allowed, wherever the file is.
pub(super) fn by_custom(question: &Question<'_>, policy: &Policy) -> Vec<&'static str> {
    let types = customary("", question.source_type).iter().copied();
    types.filter(|type_| is_allowed(question, policy, type_)).collect()
}

/// Whether it would be allowed if the object's type were this one.
pub(super) fn is_allowed(question: &Question<'_>, policy: &Policy, type_: &str) -> bool {
    label_with(question, type_).is_some_and(|label| question.is_allowed_with(policy, &label))
}

/// The object's label, with this type in its place.
pub(super) fn label_with(question: &Question<'_>, type_: &str) -> Option<String> {
    let rest = question.target.splitn(3, ':').nth(2)?.strip_prefix(question.target_type)?;
    Some(format!("system_u:object_r:{type_}{rest}"))
}

/// Whether all would be allowed that was asked for beside it.
fn is_allowed_beside(question: &Question<'_>, policy: &Policy, type_: &str) -> bool {
    question.beside.iter().all(|asked| {
        let permissions = asked.permissions.iter().map(String::as_str).collect();
        is_allowed(
            &Question { class: &asked.class, permissions, ioctl: None, ..question.clone() },
            policy,
            type_,
        )
    })
}

/// What names of types begin with that are a domain's own: its name, the first word of it, and its service.
pub(super) fn stems(domain: &str) -> Option<Vec<String>> {
    let own = domain.strip_suffix('t')?;
    let mut stems = vec![own.to_owned()];
    // Of these, services have nothing in common.
    let first = own.split('_').next().filter(|first| !matches!(*first, "system" | "systemd" | "user"));
    for stem in first.into_iter().flat_map(|first| [first, boolean::service(domain)]) {
        let stem = format!("{stem}_");
        if stem.len() > 2 && !stems.contains(&stem) {
            stems.push(stem);
        }
    }
    Some(stems)
}

/// The types that file contexts have in the system's folders for this purpose.
fn types_of<'c>(file: &File<'c>, purpose: Purpose) -> BTreeSet<&'c str> {
    purpose.folders().flat_map(|folder| file.contexts.labels_below(folder)).map(type_of).collect()
}

/// The type that file contexts have for the same path elsewhere: `/data/var/lib/mysql` is as `/var/lib/mysql` is.
fn moved(file: &File<'_>, question: &Question<'_>, policy: &Policy) -> Option<Candidates> {
    const TREES: [&str; 5] = ["/etc/", "/opt/", "/srv/", "/usr/", "/var/"];
    let tails = file.path.match_indices('/').skip(1).map(|(at, _)| &file.path[at..]);
    let of = |path: &str, kind| {
        let found = file.contexts.find_without_local(path.as_bytes(), kind).ok()??;
        Some((type_of(found.context?), found.pattern))
    };
    for tail in tails.filter(|tail| TREES.iter().any(|tree| tail.starts_with(tree))) {
        let Some((type_, pattern)) = of(tail, file.kind) else { continue };
        if is_nobodys(type_) || !is_allowed(question, policy, type_) {
            continue;
        }
        let folder = tail.rsplit_once('/').map_or(tail, |(folder, _)| folder);
        let is_alone = of(folder, Some(FileKind::Directory)).map(|(of_folder, _)| of_folder) != Some(type_);
        return Some(Candidates {
            types: vec![type_.to_owned()],
            is_clear: true,
            evidence: Some(format!("file contexts have {type_} for {tail} ({pattern}), as which it looks")),
            is_alone,
            is_of_home: false,
        });
    }
    None
}

/// The type of this path, whoever uses it, or those of the domain.
fn customary(path: &str, domain: &str) -> &'static [&'static str] {
    // The folder gets the label, too: it has to be one of certificates.
    let is_certificate = matches!(extension(path), Some("pem" | "crt" | "cer" | "key"))
        && ["/cert", "/ssl/", "/tls/", "/pki/"].iter().any(|folder| path.contains(folder));
    if is_certificate {
        return &["cert_t"];
    }
    // Its queues are no logs.
    if domain == "syslogd_t" && Purpose::of(path) != Purpose::Log {
        return &[];
    }
    CUSTOMARY.iter().find(|(name, _)| *name == domain).map_or(&[], |(_, types)| types)
}

/// What comes after the last dot.
fn extension(path: &str) -> Option<&str> {
    path.rsplit_once('.').map(|(_, extension)| extension)
}

/// Whether a type for one use only is for this path.
fn fits(name: &str, path: &str, purpose: Purpose) -> bool {
    let file = path.rsplit('/').next().unwrap_or_default();
    let end = |ends: &[&str]| ends.iter().any(|end| name.ends_with(end));
    if end(&["_tmp_t"]) {
        purpose == Purpose::Temporary
    } else if end(&["_tmpfs_t"]) {
        path.starts_with("/dev/shm/")
    } else if end(&["_var_run_t", "_runtime_t", "_pid_t"]) {
        purpose == Purpose::Runtime
    } else if end(&["_lock_t"]) {
        purpose == Purpose::Lock
    } else if end(&["_keytab_t"]) {
        file.contains("keytab")
    } else if end(&["_key_t", "_keys_t"]) {
        file.contains("key")
    } else {
        !end(&["_unit_t", "_unit_file_t"]) || path.contains("/systemd/")
    }
}
