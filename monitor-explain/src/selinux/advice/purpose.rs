//! What a path is for, and what types of files for it are called.

/// What files are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    Configuration,
    Log,
    Cache,
    Lock,
    Runtime,
    Spool,
    Temporary,
    /// What a service keeps for itself.
    State,
    /// What it serves or stores wherever its administrator likes: content, databases.
    Data,
}

/// Folders of the system's that are for one purpose each.
const FOLDERS: [(&str, Purpose); 11] = [
    ("/etc/", Purpose::Configuration),
    ("/var/log/", Purpose::Log),
    ("/var/cache/", Purpose::Cache),
    ("/run/lock/", Purpose::Lock),
    ("/var/lock/", Purpose::Lock),
    ("/run/", Purpose::Runtime),
    ("/var/run/", Purpose::Runtime),
    ("/var/spool/", Purpose::Spool),
    ("/tmp/", Purpose::Temporary),
    ("/var/tmp/", Purpose::Temporary),
    ("/var/lib/", Purpose::State),
];

/// Names of folders for one purpose, wherever they are.
const NAMES: [(&str, Purpose); 10] = [
    ("etc", Purpose::Configuration),
    ("conf", Purpose::Configuration),
    ("config", Purpose::Configuration),
    ("log", Purpose::Log),
    ("logs", Purpose::Log),
    ("cache", Purpose::Cache),
    ("lock", Purpose::Lock),
    ("run", Purpose::Runtime),
    ("spool", Purpose::Spool),
    ("tmp", Purpose::Temporary),
];

/// Ends of names of files for one purpose, wherever they are.
const EXTENSIONS: [(&str, Purpose); 8] = [
    ("log", Purpose::Log),
    ("lock", Purpose::Lock),
    ("pid", Purpose::Runtime),
    ("sock", Purpose::Runtime),
    ("socket", Purpose::Runtime),
    ("conf", Purpose::Configuration),
    ("cnf", Purpose::Configuration),
    ("cfg", Purpose::Configuration),
];

impl Purpose {
    /// What a path is for: by a folder of the system's, else by the folder nearest to it that is called so, else by its
    /// end.
    pub(super) fn of(path: &str) -> Self {
        if let Some((_, purpose)) = FOLDERS.iter().find(|(folder, _)| path.starts_with(folder)) {
            return *purpose;
        }
        let name = |part: &str| NAMES.iter().find(|(name, _)| *name == part).map(|(_, purpose)| *purpose);
        let mut parts = path.split('/').rev();
        let file = parts.next().unwrap_or_default();
        name(file).or_else(|| parts.find_map(name)).or_else(|| of_extension(file)).unwrap_or(Self::Data)
    }

    /// Whether a path is in a folder of the system's, in which each service has a place of its own.
    pub(super) fn is_of_system(path: &str) -> bool {
        FOLDERS.iter().any(|(folder, _)| path.starts_with(folder))
    }

    /// The folders of the system's for it.
    pub(super) fn folders(self) -> impl Iterator<Item = &'static str> {
        let wanted = if self == Self::Data { Self::State } else { self };
        FOLDERS.iter().filter(move |(_, purpose)| *purpose == wanted).map(|(folder, _)| *folder)
    }

    /// What names of types for it have in them, the best first.
    pub(super) fn words(self) -> &'static [&'static str] {
        match self {
            Self::Configuration => &["_etc_", "_conf_", "_config_"],
            Self::Log => &["_log_"],
            Self::Cache => &["_cache_"],
            Self::Lock => &["_lock_"],
            Self::Runtime => &["_runtime_", "_run_", "_pid_"],
            Self::Spool => &["_spool_"],
            Self::Temporary => &["_tmp_"],
            Self::State => &["_var_lib_", "_db_", "_data_", "_state_"],
            Self::Data => &["_sys_content_", "_content_", "_data_", "_db_", "_var_lib_"],
        }
    }
}

fn of_extension(file: &str) -> Option<Purpose> {
    let (_, extension) = file.rsplit_once('.')?;
    EXTENSIONS.iter().find(|(known, _)| *known == extension).map(|(_, purpose)| *purpose)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_of_the_systems_says_more_than_a_name() {
        for (path, purpose) in [
            ("/etc/app/app.log", Purpose::Configuration),
            ("/run/lock/app", Purpose::Lock),
            ("/run/app/app.conf", Purpose::Runtime),
            ("/srv/app/log/app.conf", Purpose::Log),
            ("/srv/log/app/conf/x", Purpose::Configuration),
            ("/srv/log/cache", Purpose::Cache),
            ("/srv/app/app.sock", Purpose::Runtime),
            ("/srv/app/blog", Purpose::Data),
            ("/var/lib/app/app.log", Purpose::State),
        ] {
            assert_eq!(Purpose::of(path), purpose, "{path}");
        }
    }
}
