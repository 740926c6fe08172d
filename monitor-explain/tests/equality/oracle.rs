//! The other tools, asked by `tests/oracle/oracle.py`.

use std::{
    env,
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use crate::{Failure, policies};

/// What the comparison needs.
const PACKAGES: &str = "gcc libsepol-dev python3-selinux python3-setools secilc checkpolicy selinux-policy-default \
     selinux-policy-mls";

/// The other tools. `PYTHON` and `LIBSEPOL` name others than the system's: a command, and a library made of all of
/// libsepol.a.
pub(crate) struct Oracle {
    python: Vec<String>,
    library: PathBuf,
    folder: PathBuf,
}

impl Oracle {
    /// The tools, or none if something is missing.
    pub(crate) fn find(folder: &Path) -> Result<Option<Self>, Failure> {
        let missing = |what: &str| {
            eprintln!("skipped: {what}; as root: apt-get install --no-install-recommends {PACKAGES}");
            Ok(None)
        };
        let python = env::var("PYTHON").unwrap_or_else(|_| "/usr/bin/python3".to_owned());
        let python: Vec<String> = python.split(' ').map(str::to_owned).collect();
        let imports = command(&python)?.args(["-c", "import selinux.audit2why, setools"]).output();
        if !imports.is_ok_and(|output| output.status.success()) {
            return missing("python3 has no selinux.audit2why or setools");
        }
        let mut tools = [vec!["checkpolicy".to_owned()], policies::secilc_command()].into_iter();
        if let Some(tool) =
            tools.find(|tool| command(tool).and_then(|mut tool| Ok(tool.arg("-h").output()?)).is_err())
        {
            return missing(&format!("there is no {}", tool.join(" ")));
        }
        // The shared library hides functions that the static one has.
        let built = folder.join("libsepol-all.so");
        let given = env::var_os("LIBSEPOL").map(PathBuf::from);
        let linked = given.is_some()
            || Command::new("gcc")
                .args(["-shared", "-o"])
                .arg(&built)
                .args(["-Wl,--whole-archive", "-l:libsepol.a", "-Wl,--no-whole-archive"])
                .output()
                .is_ok_and(|output| output.status.success());
        if !linked {
            return missing("gcc can't link libsepol.a");
        }
        Ok(Some(Self { python, library: given.unwrap_or(built), folder: folder.to_owned() }))
    }

    /// Whether libsepol and audit2why may be asked about types whose bounds are bounded themselves. Before 3.5, they
    /// crash where such may do more than they should.
    pub(crate) fn depth() -> (bool, bool) {
        let version = Command::new("dpkg-query").args(["-W", "-f", "${Version}", "libsepol-dev"]).output();
        let version =
            version.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
        let mut parts = version.split(['.', '-']).map_while(|part| part.parse::<u32>().ok());
        let new = (parts.next(), parts.next()) >= (Some(3), Some(5));
        (new || env::var_os("LIBSEPOL").is_some(), new)
    }

    /// The answers to `questions` about the policy `file`.
    pub(crate) fn ask(&self, file: &Path, questions: &[String]) -> Result<Vec<String>, Failure> {
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        let asked = self.folder.join(format!("questions-{name}"));
        fs::write(&asked, questions.join("\n") + "\n")?;
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/oracle/oracle.py");
        let output = command(&self.python)?
            .arg(script)
            .arg(file)
            .env("LIBSEPOL", &self.library)
            .stdin(File::open(asked)?)
            .stderr(Stdio::piped())
            .output()?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            let last: Vec<&str> = said.lines().rev().take(8).collect();
            let last: Vec<&str> = last.into_iter().rev().collect();
            return Err(format!("oracle.py: {}: {}", output.status, last.join("\n")).into());
        }
        Ok(String::from_utf8(output.stdout)?.lines().map(str::to_owned).collect())
    }
}

/// A command of several words.
pub(crate) fn command(words: &[String]) -> Result<Command, Failure> {
    let [program, arguments @ ..] = words else { return Err("no command".into()) };
    let mut command = Command::new(program);
    command.args(arguments);
    Ok(command)
}
