//! What there is to check denials with: a policy, file contexts, profiles.

use std::{
    collections::BTreeSet,
    fs, io,
    path::{Path, PathBuf},
    sync::{Arc, OnceLock},
};

use crate::{
    apparmor::library::Library,
    selinux::{
        file_contexts::FileContexts,
        policy::{Policy, PolicyError},
    },
    unit::{Unit, Units},
};

/// What there is.
#[derive(Debug, Default)]
pub struct Place {
    /// SELinux's policy, and where it is from.
    pub policy: Option<(Policy, PathBuf)>,
    /// Which labels files should have.
    pub contexts: Option<FileContexts>,
    /// Types that administrators give to files as they like: `restorecon` leaves them.
    pub customizable: BTreeSet<String>,
    /// Whether denials are of this machine, so that its files can be looked at.
    pub here: bool,
    /// Whether denials that name no machine are of this one.
    pub unnamed_here: bool,
    /// Whether this is the daemon: it sees other files than everybody else in some folders, and runs no program.
    pub confined: bool,
    /// Where AppArmor's profiles are.
    pub profiles: Option<PathBuf>,
    /// This machine's name.
    pub host: String,
    /// What could not be read, and why.
    pub notes: Vec<String>,
    /// AppArmor's profiles, once they were asked for.
    pub(crate) library: OnceLock<Library>,
    /// The units that systemd was asked about.
    pub(crate) units: Units,
}

/// A policy can't be used.
#[derive(Debug, thiserror::Error)]
pub enum PlaceError {
    /// It can't be read.
    #[error("cannot read {}: {error}", file.display())]
    File {
        /// Which.
        file: PathBuf,
        /// Why.
        #[source]
        error: io::Error,
    },
    /// It is none.
    #[error("{} is no SELinux policy that denyd can read: {error}", file.display())]
    Policy {
        /// Which.
        file: PathBuf,
        /// Why.
        #[source]
        error: PolicyError,
    },
}

/// Folders of which the daemon's unit has others (`PrivateTmp=`, `ProtectHome=`, `PrivateDevices=`).
const HIDDEN: [&str; 6] = ["/tmp/", "/var/tmp/", "/home/", "/root/", "/run/user/", "/dev/"];

/// Policies are a few MiB; what is larger is none.
const POLICY: u64 = 256 << 20;

impl Place {
    /// What this machine has: the policy that is loaded, or else the newest in `/etc/selinux`; file contexts; profiles.
    #[must_use]
    pub fn here() -> Self {
        let mut place = Self { here: true, host: host(), ..Self::default() };
        let loaded = PathBuf::from("/sys/fs/selinux/policy");
        for file in [loaded].into_iter().chain(installed(Path::new("/etc/selinux"))) {
            if !file.exists() {
                continue;
            }
            match read(&file) {
                Ok(policy) => {
                    place.policy = Some((policy, file));
                    break;
                }
                Err(error) => place.notes.push(error.to_string()),
            }
        }
        if let Some(folder) = type_folder(place.policy.as_ref().map(|(_, file)| file.as_path())) {
            place.read_contexts(&folder.join("contexts"));
        }
        place.profiles = profiles();
        place
    }

    /// The same, for the daemon.
    #[must_use]
    pub fn of_service() -> Self {
        Self { confined: true, ..Self::here() }
    }

    /// Whether this process sees the same file there as everybody else, if there is one.
    pub(crate) fn shows(&self, path: &str) -> bool {
        self.here && !(self.confined && HIDDEN.iter().any(|folder| path.starts_with(folder)))
    }

    /// A policy that may be another machine's, with the file contexts beside it; of this machine, only AppArmor's
    /// profiles.
    ///
    /// # Errors
    ///
    /// Fails if the file can't be read, or is no policy.
    pub fn with_policy(file: &Path) -> Result<Self, PlaceError> {
        let policy = read(file)?;
        let mut place = Self { host: host(), profiles: profiles(), ..Self::default() };
        // `/etc/selinux/TYPE/policy/policy.33` has its contexts beside it.
        if let Some(folder) = file.parent().filter(|folder| folder.ends_with("policy")).and_then(Path::parent)
        {
            place.read_contexts(&folder.join("contexts"));
        }
        place.policy = Some((policy, file.to_owned()));
        Ok(place)
    }

    /// Only a folder of AppArmor's profiles, as `/etc/apparmor.d`.
    #[must_use]
    pub fn with_profiles(folder: &Path) -> Self {
        Self { profiles: Some(folder.to_owned()), ..Self::default() }
    }

    /// What a unit sets, if the denial is of this machine.
    pub(crate) fn unit(&self, host: &str, name: &str) -> Option<Arc<Unit>> {
        // The daemon runs no program.
        (self.here && host == self.host).then(|| self.units.get(name, !self.confined)).flatten()
    }

    /// Whether a denial of this host is another machine's.
    pub(crate) fn is_elsewhere(&self, host: &str) -> bool {
        let short = |name: &str| name.split('.').next().map(str::to_owned);
        !host.is_empty() && !self.host.is_empty() && short(host) != short(&self.host)
    }

    /// AppArmor's profiles, if a denial of this host can be of this machine.
    pub(crate) fn library(&self, host: &str) -> Option<&Library> {
        let folder = self.profiles.as_deref().filter(|_| !self.is_elsewhere(host))?;
        Some(self.library.get_or_init(|| Library::read(folder)))
    }

    fn read_contexts(&mut self, folder: &Path) {
        match FileContexts::read(&folder.join("files/file_contexts")) {
            Ok(contexts) => self.contexts = Some(contexts),
            Err(error) => self.notes.push(error.to_string()),
        }
        let types = fs::read_to_string(folder.join("customizable_types")).unwrap_or_default();
        self.customizable = types.lines().map(|line| line.trim().to_owned()).collect();
    }
}

fn read(file: &Path) -> Result<Policy, PlaceError> {
    let bytes = io::Read::take(
        fs::File::open(file).map_err(|error| PlaceError::File { file: file.to_owned(), error })?,
        POLICY,
    );
    let mut content = Vec::new();
    io::Read::read_to_end(&mut { bytes }, &mut content)
        .map_err(|error| PlaceError::File { file: file.to_owned(), error })?;
    Policy::read(&content).map_err(|error| PlaceError::Policy { file: file.to_owned(), error })
}

/// The policies that are installed: those of the type that the configuration names first, and of those the newest.
fn installed(root: &Path) -> Vec<PathBuf> {
    let configured = configured(root);
    let folders = fs::read_dir(root).into_iter().flatten().flatten().map(|entry| entry.path());
    let files =
        folders.flat_map(|folder| fs::read_dir(folder.join("policy")).into_iter().flatten().flatten());
    let mut found: Vec<(bool, u32, PathBuf)> = files
        .filter_map(|entry| {
            let path = entry.path();
            let version = path.file_name()?.to_str()?.strip_prefix("policy.")?.parse().ok()?;
            let is_configured = configured.as_ref().is_some_and(|folder| path.starts_with(folder));
            Some((is_configured, version, path))
        })
        .collect();
    found.sort();
    found.into_iter().rev().map(|(_, _, path)| path).collect()
}

/// The folder of the type that `/etc/selinux/config` names.
fn configured(root: &Path) -> Option<PathBuf> {
    let text = fs::read_to_string(root.join("config")).ok()?;
    let name = text.lines().find_map(|line| line.trim().strip_prefix("SELINUXTYPE="))?.trim();
    let is_name = !name.is_empty() && !name.contains('/') && !name.starts_with('.');
    is_name.then(|| root.join(name))
}

/// The folder with the contexts that belong to a policy.
fn type_folder(policy: Option<&Path>) -> Option<PathBuf> {
    let of_file = policy?.parent().filter(|folder| folder.ends_with("policy")).and_then(Path::parent);
    of_file.map(Path::to_owned).or_else(|| configured(Path::new("/etc/selinux")))
}

fn profiles() -> Option<PathBuf> {
    let folder = PathBuf::from("/etc/apparmor.d");
    folder.is_dir().then_some(folder)
}

fn host() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}
