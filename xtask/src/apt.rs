//! Debian packages: of the machine's own suites, and of others through a private apt configuration.
//!
//! The machine's own configuration says where its archive is and which keys sign it; the private one
//! only names another suite of that archive. It lives in a temporary folder and changes nothing on the
//! machine, so it needs no root either.

use std::{
    env, fs, io,
    path::{Path, PathBuf},
    process::Command,
};

use tempfile::TempDir;

use crate::{
    architecture::Architecture,
    process::{self, ProcessError},
};

/// Why a package could not be had.
#[derive(Debug, thiserror::Error)]
pub enum AptError {
    /// One of apt's programs failed.
    #[error(transparent)]
    Process(#[from] ProcessError),
    /// The machine's apt has no Debian archive that could be asked for another suite.
    #[error("apt has no source of Debian packages on this machine; add one to /etc/apt/sources.list.d")]
    NoArchive,
    /// The private configuration can't be written.
    #[error("cannot write a private apt configuration: {0}")]
    Configuration(#[from] io::Error),
    /// Installing needs root.
    #[error("these Debian packages are missing: {0}; as root: apt-get install --no-install-recommends {0}")]
    NotRoot(String),
    /// `apt-get download` said that it worked, but there is no file.
    #[error("apt-get downloaded no file for {0}")]
    NoFile(String),
}

/// A view of one archive: the machine's own suites, or one other suite.
#[derive(Debug)]
pub struct Apt {
    private: Option<TempDir>,
}

impl Apt {
    /// The suite `codename`, for this machine.
    ///
    /// # Errors
    /// As [`Self::suite_for`].
    pub fn suite(codename: &str) -> Result<Self, AptError> {
        Self::suite_for(codename, None)
    }

    /// The suite `codename`, for such machines: through this machine's own configuration if it has it, else through a
    /// private one, which takes some seconds to fetch the package lists.
    ///
    /// # Errors
    /// When the machine has no Debian archive or that suite can't be fetched from it.
    pub fn suite_for(codename: &str, architecture: Option<Architecture>) -> Result<Self, AptError> {
        let foreign = architecture.filter(|architecture| !architecture.is_host());
        let targets = targets()?;
        if foreign.is_none() && targets.iter().any(|target| target.release == codename) {
            return Ok(Self { private: None });
        }
        let archive = archive(&targets).ok_or(AptError::NoArchive)?;
        let folder = tempfile::Builder::new().prefix("denyd-apt-").tempdir()?;
        let sources = folder.path().join("sources.list.d");
        fs::create_dir_all(&sources)?;
        fs::create_dir_all(folder.path().join("lists/partial"))?;
        fs::create_dir_all(folder.path().join("cache/archives/partial"))?;
        fs::write(sources.join("suite.sources"), archive.stanza(codename)?)?;
        fs::write(folder.path().join("apt.conf"), configuration(folder.path(), foreign))?;
        let apt = Self { private: Some(folder) };
        apt.refresh()?;
        Ok(apt)
    }

    /// The machine's own Debian release and the source (deb822) of its packages.
    ///
    /// # Errors
    /// When the machine has no Debian archive.
    pub fn machine_source() -> Result<(String, String), AptError> {
        let targets = targets()?;
        let archive = archive(&targets).ok_or(AptError::NoArchive)?;
        let stanza = archive.stanza(&archive.release)?;
        Ok((archive.release.clone(), stanza))
    }

    /// The source (deb822) of another Debian release's packages, from this machine's archive.
    ///
    /// # Errors
    /// When the machine has no Debian archive.
    pub fn source_of(codename: &str) -> Result<String, AptError> {
        let targets = targets()?;
        Ok(archive(&targets).ok_or(AptError::NoArchive)?.stanza(codename)?)
    }

    /// The names of the packages that match the regular expression `pattern`.
    ///
    /// # Errors
    /// When apt-cache fails.
    pub fn search(&self, pattern: &str) -> Result<Vec<String>, AptError> {
        let listing = process::read(self.command("apt-cache").args(["search", "--names-only", pattern]))?;
        Ok(listing.lines().filter_map(|line| line.split(' ').next()).map(str::to_owned).collect())
    }

    /// Fetches `package` (a name, or `name=version` with `*` allowed) into the folder `into` and returns
    /// the .deb file.
    ///
    /// # Errors
    /// When the archive has no such package or can't be reached.
    pub fn download(&self, package: &str, into: &Path) -> Result<PathBuf, AptError> {
        let fetch =
            || process::capture(self.command("apt-get").args(["download", package]).current_dir(into));
        if fetch().is_err() {
            self.refresh()?;
            fetch()?;
        }
        let prefix = format!("{}_", package.split('=').next().unwrap_or(package));
        fs::read_dir(into)?
            .filter_map(Result::ok)
            .map(|entry| entry.path())
            .find(|path| {
                let name = path.file_name().unwrap_or_default().to_string_lossy();
                name.starts_with(&prefix) && name.ends_with(".deb")
            })
            .ok_or_else(|| AptError::NoFile(package.to_owned()))
    }

    /// Fetches the package lists again: a machine's own may be older than the package, or name one that is gone.
    ///
    /// # Errors
    /// When the archive can't be reached, or these are the machine's lists and there is no root.
    pub fn refresh(&self) -> Result<(), AptError> {
        if self.private.is_none() {
            return update_machine(&["(none, but newer package lists: apt-get update)"]);
        }
        process::capture(self.command("apt-get").arg("update"))?;
        Ok(())
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        if let Some(folder) = &self.private {
            command.env("APT_CONFIG", folder.path().join("apt.conf"));
        }
        command
    }
}

/// Unpacks the files of the package `deb` below the folder `into`.
///
/// # Errors
/// When it is no Debian package or `into` can't be written.
pub fn unpack(deb: &Path, into: &Path) -> Result<(), AptError> {
    process::capture(Command::new("dpkg-deb").arg("--extract").arg(deb).arg(into))?;
    Ok(())
}

/// Those of `packages` that are not installed.
///
/// # Errors
/// When there is no dpkg, which is to say that this is no Debian machine.
pub fn missing<'a>(packages: &[&'a str]) -> Result<Vec<&'a str>, AptError> {
    let mut query = Command::new("dpkg-query");
    query.args(["--show", "--showformat", "${Package} ${db:Status-Abbrev}\n"]).args(packages);
    let output =
        query.output().map_err(|source| ProcessError::Start { program: "dpkg-query".to_owned(), source })?;
    let installed = String::from_utf8_lossy(&output.stdout).into_owned();
    Ok(not_installed(packages, &installed))
}

/// Installs `packages`, as root or through sudo.
///
/// # Errors
/// When neither is possible, or apt-get fails.
pub fn install(packages: &[&str]) -> Result<(), AptError> {
    if targets_listed()?.is_empty() || process::capture(&mut simulation(packages)).is_err() {
        update_machine(packages)?;
    }
    let install = || -> Result<(), AptError> {
        let mut install = as_root("apt-get", packages)?;
        install.args(["install", "--yes", "--quiet", "--no-install-recommends"]).args(packages);
        process::capture(&mut install)?;
        Ok(())
    };
    install().or_else(|_| {
        // Old lists name files that the archive no longer has.
        update_machine(packages)?;
        install()
    })
}

fn simulation(packages: &[&str]) -> Command {
    let mut command = Command::new("apt-get");
    command.args(["install", "--simulate", "--no-install-recommends"]).args(packages);
    command
}

fn update_machine(wanted: &[&str]) -> Result<(), AptError> {
    process::capture(as_root("apt-get", wanted)?.args(["update", "--quiet"]))?;
    Ok(())
}

/// `program` with the rights of root; `wanted` is what it was for, should that not be possible.
fn as_root(program: &str, wanted: &[&str]) -> Result<Command, AptError> {
    let mut command = if is_root() {
        Command::new(program)
    } else if let Some(sudo) = find_program("sudo") {
        let mut command = Command::new(sudo);
        command.args(["--preserve-env=DEBIAN_FRONTEND", "--", program]);
        command
    } else {
        return Err(AptError::NotRoot(wanted.join(" ")));
    };
    command.env("DEBIAN_FRONTEND", "noninteractive");
    Ok(command)
}

/// Whether this process has the rights of root.
#[must_use]
pub fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt as _;
    fs::metadata("/proc/self").is_ok_and(|metadata| metadata.uid() == 0)
}

/// Where on `PATH` the program `name` is.
#[must_use]
pub fn find_program(name: &str) -> Option<PathBuf> {
    env::split_paths(&env::var_os("PATH")?).map(|folder| folder.join(name)).find(|path| path.is_file())
}

fn not_installed<'a>(packages: &[&'a str], listing: &str) -> Vec<&'a str> {
    let is_installed = |package: &str| listing.lines().any(|line| line.trim_end() == format!("{package} ii"));
    packages.iter().copied().filter(|package| !is_installed(package)).collect()
}

/// One package index that the machine's apt knows.
#[derive(Debug, PartialEq)]
struct Target {
    release: String,
    /// The configuration file that names it.
    file: PathBuf,
    uri: String,
}

impl Target {
    /// A source that names `suite` of this archive, signed by the same keys.
    fn stanza(&self, suite: &str) -> io::Result<String> {
        let keys = signed_by(&fs::read_to_string(&self.file)?, &self.release);
        let keys = keys.map(|keys| format!("Signed-By: {keys}\n")).unwrap_or_default();
        Ok(format!("Types: deb\nURIs: {}\nSuites: {suite}\nComponents: main\n{keys}", self.uri))
    }
}

/// The machine's package indexes, fetched first if it has none yet.
fn targets() -> Result<Vec<Target>, AptError> {
    let listed = targets_listed()?;
    if !listed.is_empty() {
        return Ok(listed);
    }
    update_machine(&["(none, but the package lists: apt-get update)"])?;
    targets_listed()
}

fn targets_listed() -> Result<Vec<Target>, AptError> {
    let format = "$(RELEASE)|$(COMPONENT)|$(SOURCESENTRY)|$(REPO_URI)";
    let listing = process::read(Command::new("apt-get").args([
        "indextargets",
        "--format",
        format,
        "Created-By: Packages",
    ]))?;
    Ok(parse_targets(&listing))
}

fn parse_targets(listing: &str) -> Vec<Target> {
    listing
        .lines()
        .filter_map(|line| {
            let mut fields = line.splitn(4, '|');
            let (release, component) = (fields.next()?, fields.next()?);
            let (entry, uri) = (fields.next()?, fields.next()?);
            // The entry is `FILE:NUMBER`.
            let file = entry.rsplit_once(':')?.0;
            (component == "main").then(|| Target {
                release: release.to_owned(),
                file: file.into(),
                uri: uri.to_owned(),
            })
        })
        .collect()
}

/// The main archive: the one with a plain release, not its updates, security or backports.
fn archive(targets: &[Target]) -> Option<&Target> {
    targets.iter().find(|target| !target.release.contains(['-', '/']))
}

/// What the sources file says about the keys of `release`: the value of a deb822 `Signed-By` field, several
/// lines if the key itself stands there, or of a one-line `signed-by` option.
fn signed_by(sources: &str, release: &str) -> Option<String> {
    let names_release = |text: &str| text.split_whitespace().any(|word| word == release);
    let of_stanza = |stanza: &str| {
        let mut lines = stanza.lines().filter(|line| !line.starts_with('#'));
        let first = lines.by_ref().find_map(|line| line.strip_prefix("Signed-By:"))?;
        let more = lines.take_while(|line| line.starts_with([' ', '\t']));
        Some(more.fold(first.trim().to_owned(), |value, line| value + "\n" + line))
    };
    let of_line = |line: &str| {
        let options = line.strip_prefix("deb ")?.trim().strip_prefix('[')?.split(']').next()?;
        options.split_whitespace().find_map(|option| option.strip_prefix("signed-by=")).map(str::to_owned)
    };
    sources
        .split("\n\n")
        .filter(|stanza| names_release(stanza))
        .find_map(of_stanza)
        .or_else(|| sources.lines().filter(|line| names_release(line)).find_map(of_line))
}

fn configuration(folder: &Path, foreign: Option<Architecture>) -> String {
    let folder = folder.display();
    let foreign = foreign.map(|architecture| {
        let name = architecture.debian();
        // What is installed here is not for such machines.
        format!("APT::Architecture \"{name}\";\nAPT::Architectures \"{name}\";\nDir::State::status \"/dev/null\";\n")
    });
    let foreign = foreign.unwrap_or_default();
    format!(
        r#"Dir::Etc::sourcelist "/dev/null";
Dir::Etc::sourceparts "{folder}/sources.list.d";
Dir::State::lists "{folder}/lists";
Dir::Cache "{folder}/cache";
APT::Sandbox::User "root";
Acquire::Languages "none";
Acquire::IndexTargets::deb::DEP-11::DefaultEnabled "false";
{foreign}"#
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const STANZAS: &str = "\
Types: deb
# a remark
URIs: file:/archive
Suites: bookworm bookworm-updates
Components: main
Signed-By: /usr/share/keyrings/archive.gpg

Types: deb
URIs: file:/security
Suites: bookworm-security
Components: main
Signed-By:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .
 mQINBGPL
Enabled: yes
";

    #[test]
    fn index_targets_are_read() {
        let listing = "bookworm|main|/etc/apt/sources.list.d/debian.sources:1|file:/archive/\n\
                       bookworm|contrib|/etc/apt/sources.list.d/debian.sources:1|file:/archive/\n\
                       bookworm-security|main|/etc/apt/sources.list:3|file:/security/\n\
                       nonsense\n";
        let targets = parse_targets(listing);
        assert_eq!(targets.len(), 2);
        assert_eq!(targets[1].file, Path::new("/etc/apt/sources.list"));
        assert_eq!(archive(&targets).unwrap().uri, "file:/archive/");
    }

    #[test]
    fn an_archive_of_only_updates_is_none() {
        let targets = parse_targets("bookworm-updates|main|/etc/apt/sources.list:1|file:/archive/\n");
        assert_eq!(archive(&targets), None);
    }

    #[test]
    fn the_keyring_of_a_stanza_is_found() {
        assert_eq!(signed_by(STANZAS, "bookworm").as_deref(), Some("/usr/share/keyrings/archive.gpg"));
    }

    #[test]
    fn a_key_within_the_stanza_is_kept_whole() {
        assert_eq!(
            signed_by(STANZAS, "bookworm-security").as_deref(),
            Some("\n -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n mQINBGPL")
        );
    }

    #[test]
    fn a_one_line_source_names_its_keyring_or_none() {
        let sources = "deb [arch=amd64 signed-by=/k.gpg] file:/archive bookworm main\n\
                       deb file:/archive trixie main\n";
        assert_eq!(signed_by(sources, "bookworm").as_deref(), Some("/k.gpg"));
        assert_eq!(signed_by(sources, "trixie"), None);
    }

    #[test]
    fn only_other_machines_packages_are_asked_for_by_architecture() {
        let own = configuration(Path::new("/f"), None);
        assert!(own.contains("/f/lists") && !own.contains("Architecture"), "{own}");
        let foreign = configuration(Path::new("/f"), Some(Architecture::Arm64));
        assert!(foreign.contains("APT::Architectures \"arm64\";"), "{foreign}");
    }

    #[test]
    fn half_installed_packages_count_as_missing() {
        let listing = "cpio ii \nzstd rc \n";
        assert_eq!(not_installed(&["cpio", "zstd", "lz4"], listing), ["zstd", "lz4"]);
    }
}
