//! Types that would do for a path that has none of the domain's.

use super::{label::type_of, question::Question};
use crate::selinux::{
    file_contexts::{FileContexts, Origin},
    policy::Policy,
};

/// How many types are named that would do.
const CANDIDATES: usize = 4;

/// Types that domains use by custom and that are not called after them, the best first.
const CUSTOMARY: [(&str, &[&str]); 14] = [
    ("dovecot_t", &["mail_spool_t"]),
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

/// Types with which it would be allowed, the best first; of programs, if one is to be the entry into a domain.
pub(super) fn of(
    path: &str,
    question: &Question<'_>,
    policy: &Policy,
    is_entry: bool,
) -> Option<Vec<String>> {
    let stem = question.source_type.strip_suffix('t')?;
    let attribute = policy.attribute("file_type")?;
    let customary = if is_entry { &[][..] } else { customary(path, question.source_type) };
    let place = |name: &str| customary.iter().position(|known| *known == name);
    let mut names: Vec<&str> =
        policy.types_with(attribute).map(|type_| policy.symbols.types.name(type_)).collect();
    names.retain(|name| {
        let is_own = name.starts_with(stem) && name.ends_with("_exec_t") == is_entry && fits(name, path);
        is_own || place(name).is_some()
    });
    let hints = hints(path);
    let rank = |name: &str| hints.iter().position(|hint| name.contains(hint)).unwrap_or(hints.len());
    names.sort_by_key(|name| (place(name).unwrap_or(customary.len()), rank(name), name.len(), *name));
    let allowed = |name: &&str| is_allowed(question, policy, name);
    let found: Vec<String> = names.into_iter().filter(allowed).take(CANDIDATES).map(str::to_owned).collect();
    (!found.is_empty()).then_some(found)
}

/// Whether it would be allowed if the object's type were this one.
pub(super) fn is_allowed(question: &Question<'_>, policy: &Policy, type_: &str) -> bool {
    let rest = question.target.splitn(3, ':').nth(2).and_then(|rest| rest.strip_prefix(question.target_type));
    rest.is_some_and(|rest| question.is_allowed_with(policy, &format!("system_u:object_r:{type_}{rest}")))
}

/// The type of this path, whoever uses it, or those of the domain.
fn customary(path: &str, domain: &str) -> &'static [&'static str] {
    // The folder gets the label, too: it has to be one of certificates.
    let is_certificate = matches!(extension(path), Some("pem" | "crt" | "cer" | "key"))
        && ["/cert", "/ssl/", "/tls/", "/pki/"].iter().any(|folder| path.contains(folder));
    if is_certificate {
        return &["cert_t"];
    }
    CUSTOMARY.iter().find(|(name, _)| *name == domain).map_or(&[], |(_, types)| types)
}

/// What comes after the last dot.
fn extension(path: &str) -> Option<&str> {
    path.rsplit_once('.').map(|(_, extension)| extension)
}

/// Whether a type for one use only is for this path.
fn fits(name: &str, path: &str) -> bool {
    let file = path.rsplit('/').next().unwrap_or_default();
    let is_below = |folders: &[&str]| folders.iter().any(|folder| path.starts_with(folder));
    let end = |ends: &[&str]| ends.iter().any(|end| name.ends_with(end));
    if end(&["_tmp_t", "_tmpfs_t"]) {
        is_below(&["/tmp/", "/var/tmp/", "/dev/shm/"])
    } else if end(&["_var_run_t", "_runtime_t", "_pid_t"]) {
        is_below(&["/run/", "/var/run/"])
    } else if end(&["_lock_t"]) {
        path.contains("/lock/") || extension(file) == Some("lock")
    } else if end(&["_keytab_t"]) {
        file.contains("keytab")
    } else if end(&["_key_t"]) {
        file.contains("key")
    } else {
        !end(&["_unit_t", "_unit_file_t"]) || path.contains("/systemd/")
    }
}

/// What types of files in such a place are called.
fn hints(path: &str) -> &'static [&'static str] {
    const HINTS: [(&str, &[&str]); 6] = [
        ("/etc/", &["_etc_", "_conf"]),
        ("/var/log/", &["_log_"]),
        ("/tmp/", &["_tmp_"]),
        ("/var/tmp/", &["_tmp_"]),
        ("/var/cache/", &["_cache_"]),
        ("/run/", &["run_t"]),
    ];
    let known = HINTS.iter().find(|(start, _)| path.starts_with(start));
    let is_log = path.contains("/log/") || path.contains("/logs/") || extension(path) == Some("log");
    match known {
        Some((_, hints)) => hints,
        None if is_log => &["_log_"],
        None => &["_sys_content_", "_content_", "_data_", "_db_", "_var_lib_"],
    }
}

/// The type of the same use that may be written, if this is one that may only be read.
pub(super) fn writable(question: &Question<'_>, policy: &Policy) -> Option<String> {
    const WRITES: [&str; 10] = [
        "write",
        "append",
        "create",
        "add_name",
        "remove_name",
        "unlink",
        "rename",
        "setattr",
        "reparent",
        "rmdir",
    ];
    if !WRITES.iter().any(|permission| question.asks(permission)) {
        return None;
    }
    let name = match question.target_type {
        "public_content_t" => "public_content_rw_t".to_owned(),
        type_ => {
            let stem = type_.strip_suffix("_content_t")?;
            if stem.ends_with("_rw") || stem.ends_with("_ra") {
                return None;
            }
            format!("{stem}_rw_content_t")
        }
    };
    is_allowed(question, policy, &name).then_some(name)
}

/// A folder of homes that file contexts don't know, or the type that the file would have in a home.
pub(super) enum Home {
    /// It is to be as `/home` is.
    Folder { path: String, type_: String },
    /// The file is in one home elsewhere.
    File { type_: String },
}

/// Whether the path is one that file contexts know below `/home`, where such a file may be used so.
pub(super) fn home(
    path: &str,
    contexts: &FileContexts,
    question: &Question<'_>,
    policy: &Policy,
) -> Option<Home> {
    let is_of_home = |part: &str| part.starts_with('.') || matches!(part, "public_html" | "Maildir");
    // The folder of the homes, one home, and what is in it.
    let (above, rest) =
        path.match_indices('/').skip(1).map(|(at, _)| path.split_at(at)).find(|(_, rest)| {
            let mut parts = rest.split('/').skip(1);
            parts.next().is_some_and(|user| !is_of_home(user)) && parts.next().is_some_and(is_of_home)
        })?;
    let found = contexts.find_without_local(format!("/home{rest}").as_bytes(), None).ok()??;
    let type_ = type_of(found.context?);
    let is_specific = found.origin == Origin::Homes && !super::label::GENERIC.contains(&type_);
    if !is_specific || above == "/home" || !is_allowed(question, policy, type_) {
        return None;
    }
    let is_of_homes = matches!(above.rsplit('/').next(), Some("home" | "homes" | "users"));
    let type_ = type_.to_owned();
    Some(if is_of_homes { Home::Folder { path: above.to_owned(), type_ } } else { Home::File { type_ } })
}
