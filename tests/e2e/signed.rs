//! IPE takes only policies that are signed by whom the kernel trusts: a key and a kernel for one guest.

use std::{fs, path::PathBuf, process::Command};

use tempfile::TempDir;
use xtask::{kernel::Kernel, process};

/// What a guest with a policy of IPE needs. Its files are gone when it is dropped.
pub(crate) struct Signed {
    folder: TempDir,
    /// A kernel that trusts the policy's certificate.
    pub kernel: Kernel,
}

impl Signed {
    /// Signs a policy with a new key, for a kernel that is like this one but trusts that key.
    pub(crate) fn policy(kernel: &Kernel, policy: &str) -> Result<Self, String> {
        let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
        let shared = folder.path().join("share");
        fs::create_dir(&shared).map_err(|error| error.to_string())?;
        fs::write(folder.path().join("policy"), policy).map_err(|error| error.to_string())?;
        // The kernel has room for little more than this.
        openssl(
            &folder,
            "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc -keyout key -out certificate -days 36500 \
             -subj /CN=t",
        )?;
        openssl(&folder, "x509 -in certificate -outform DER -out certificate.der")?;
        // As IPE's documentation says (Documentation/admin-guide/LSM/ipe.rst).
        openssl(
            &folder,
            "smime -sign -in policy -signer certificate -inkey key -noattr -nodetach -nosmimecap -binary -outform DER \
             -out share/ipe.p7b",
        )?;
        let certificate =
            fs::read(folder.path().join("certificate.der")).map_err(|error| error.to_string())?;
        let kernel = kernel.trusting(&certificate, folder.path()).map_err(|error| error.to_string())?;
        Ok(Self { folder, kernel })
    }

    /// The folder with the policy, `ipe.p7b`.
    pub(crate) fn shared(&self) -> PathBuf {
        self.folder.path().join("share")
    }
}

fn openssl(folder: &TempDir, words: &str) -> Result<(), String> {
    let mut command = Command::new("openssl");
    command.args(words.split_whitespace()).current_dir(folder);
    process::capture(&mut command).map(drop).map_err(|error| error.to_string())
}
