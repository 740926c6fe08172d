//! The other tools, asked by `tests/oracle/oracle.py`.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use crate::Failure;

/// What the comparison needs.
const PACKAGES: &str =
    "gcc libsepol-dev python3-selinux python3-setools secilc checkpolicy selinux-policy-default";

pub(crate) struct Oracle {
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
        let python =
            Command::new("/usr/bin/python3").args(["-c", "import selinux.audit2why, setools"]).output();
        if !python.is_ok_and(|output| output.status.success()) {
            return missing("python3 has no selinux.audit2why or setools");
        }
        let tools = ["secilc", "checkpolicy"];
        let has = |tool: &&&str| Command::new(tool).arg("--help").output().is_err();
        if let Some(tool) = tools.iter().find(has) {
            return missing(&format!("there is no {tool}"));
        }
        // The shared library hides functions that the static one has.
        let library = folder.join("libsepol-all.so");
        let linked = Command::new("gcc")
            .args(["-shared", "-o"])
            .arg(&library)
            .args(["-Wl,--whole-archive", "-l:libsepol.a", "-Wl,--no-whole-archive"])
            .output();
        if !linked.is_ok_and(|output| output.status.success()) {
            return missing("gcc can't link libsepol.a");
        }
        Ok(Some(Self { library, folder: folder.to_owned() }))
    }

    /// The answers to `questions` about the policy `file`.
    pub(crate) fn ask(&self, file: &Path, questions: &[String]) -> Result<Vec<String>, Failure> {
        let asked = self.folder.join("questions");
        fs::write(&asked, questions.join("\n") + "\n")?;
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/oracle/oracle.py");
        let output = Command::new("/usr/bin/python3")
            .arg(script)
            .arg(file)
            .env("LIBSEPOL", &self.library)
            .stdin(File::open(asked)?)
            .stderr(Stdio::piped())
            .output()?;
        if !output.status.success() {
            return Err(String::from_utf8_lossy(&output.stderr).into_owned().into());
        }
        Ok(String::from_utf8(output.stdout)?.lines().map(str::to_owned).collect())
    }
}
