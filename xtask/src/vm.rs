//! Guests: real kernels with a security module in force, booted in QEMU to run one command.
//!
//! ```no_run
//! use xtask::{architecture::Architecture, cache::Cache, kernel::Kernel, vm::{Guest, Module}};
//!
//! let kernel = Kernel::resolve("6.12", Architecture::Amd64, &Cache::open()?)?;
//! let outcome = Guest::new(kernel, Module::Selinux)
//!     .binary("target/release/denyd")
//!     .run(["sh", "-c", "runcon system_u:system_r:app_t:s0 cat /var/lib/x/y"], &mut std::io::sink())?;
//! assert_eq!(outcome.status, 1);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::{
    ffi::{OsStr, OsString},
    fmt,
    fs::{self, File},
    io::{self, Read as _, Write},
    os::unix::ffi::OsStrExt as _,
    path::{Path, PathBuf},
    time::Duration,
};

use crate::{
    kernel::Kernel,
    process::last_lines,
    vm::{
        initramfs::{InitramfsError, Tree},
        programs::Programs,
        qemu::Machine,
    },
};

pub mod full;
pub mod initramfs;
pub mod programs;
mod qemu;
pub(crate) mod root;
pub mod stream;
mod tiny;

/// How many of the console's lines an error shows.
const CONSOLE_LINES: usize = 25;

/// The security module in force in a guest. Landlock, lockdown, Yama and BPF are active beside each of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Module {
    /// SELinux, enforcing.
    Selinux,
    /// AppArmor.
    Apparmor,
    /// Neither of them.
    None,
}

impl Module {
    /// Its name, as in the kernel's `lsm=`; `none` for none.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Selinux => "selinux",
            Self::Apparmor => "apparmor",
            Self::None => "none",
        }
    }
}

impl fmt::Display for Module {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// What a guest has besides its kernel.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Userland {
    /// Busybox and a small policy in an initramfs: up in seconds.
    #[default]
    Tiny,
    /// Debian with systemd, its real policy and profiles and the administrator's tools: this image.
    Full(PathBuf),
}

/// What a tiny guest's security modules enforce, and what there is to enforce it on: files of the host.
/// Whatever is not given, the guest goes without.
#[derive(Debug, Clone, Default)]
pub struct Policy {
    /// The SELinux policy in CIL. It is loaded before anything else; PID 1 and the command then run as
    /// `system_u:system_r:init_t:s0`, which it must define.
    pub selinux: Option<PathBuf>,
    /// A folder of AppArmor profiles, which is `/etc/apparmor.d` in the guest. Each file in it is loaded,
    /// those in folders below only if a file includes them.
    pub apparmor: Option<PathBuf>,
    /// A shell script that PID 1 sources once the policy is in force, before the command. `/var`, `/tmp`, `/run`
    /// and `/home` are each an empty tmpfs then, where files take labels (`chcon`).
    pub prepare: Option<PathBuf>,
}

/// A guest to be booted. Each [`run`](Guest::run) boots it anew, from the same state.
#[derive(Debug, Clone)]
pub struct Guest {
    kernel: Kernel,
    module: Module,
    programs: Programs,
    userland: Userland,
    append: Vec<String>,
    files: Vec<(PathBuf, String)>,
    binaries: Vec<PathBuf>,
    policy: Option<Policy>,
    timeout: Duration,
    processors: u32,
    counts_instructions: bool,
    kernel_log: bool,
}

/// How a command in a guest went.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// Its exit status; 128 and the signal's number if a signal ended it.
    pub status: u8,
    /// What it printed, standard output and error as they came.
    pub output: Vec<u8>,
    /// The kernel's log when the command had ended; empty unless [`Guest::kernel_log`] was asked for.
    pub kernel_log: String,
    /// What came over the serial console: warnings and worse, of the kernel and of PID 1.
    pub console: Console,
}

/// The text of a guest's console.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Console(String);

impl From<String> for Console {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl Console {
    /// What a kernel says first when it crashes.
    const CRASHES: [&str; 3] = ["Oops: ", "BUG: ", "Kernel panic - not syncing"];

    /// Whether the kernel reported its own crash.
    #[must_use]
    pub fn shows_crash(&self) -> bool {
        self.crash().is_some()
    }

    fn crash(&self) -> Option<&str> {
        let start = Self::CRASHES.iter().filter_map(|sign| self.0.find(sign)).min()?;
        let line = self.0[..start].rfind('\n').map_or(0, |end| end + 1);
        Some(&self.0[line..])
    }
}

/// The beginning of the kernel's report if it crashed, else the last lines.
impl fmt::Display for Console {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = match self.crash() {
            Some(report) => report.lines().take(CONSOLE_LINES).flat_map(|line| ["\n    ", line]).collect(),
            None => last_lines(&self.0, CONSOLE_LINES),
        };
        formatter.write_str(if shown.is_empty() { " nothing" } else { &shown })
    }
}

/// Why a command has no outcome.
#[derive(Debug, thiserror::Error)]
pub enum VmError {
    /// The guest's files could not be put together.
    #[error(transparent)]
    Files(#[from] InitramfsError),
    /// QEMU could not be started.
    #[error("cannot start QEMU: {0}")]
    Start(#[source] io::Error),
    /// The kernel never came to PID 1's report that it is ready.
    #[error("the guest did not boot; its console showed:{console}")]
    NotBooted {
        /// The console, or what QEMU itself said.
        console: Console,
    },
    /// PID 1 could not prepare the guest.
    #[error("the guest is not ready for the command: {reason}; its console showed:{console}")]
    NotReady {
        /// What PID 1 reported.
        reason: String,
        /// The console.
        console: Console,
    },
    /// The kernel panicked or oopsed.
    #[error("the guest crashed; its console showed:{console}")]
    Crashed {
        /// The console, with the kernel's report.
        console: Console,
    },
    /// The command did not end in time.
    #[error("the command did not end within {} s, and the guest was stopped; its console showed:{console}", timeout.as_secs())]
    Hung {
        /// How long it had, boot included.
        timeout: Duration,
        /// The console.
        console: Console,
    },
    /// The guest shut itself down while the command ran.
    #[error("the guest went down before the command had ended; its console showed:{console}")]
    Stopped {
        /// The console.
        console: Console,
    },
    /// The output could not be passed on.
    #[error("cannot pass on the command's output: {0}")]
    Output(#[source] io::Error),
}

impl Guest {
    /// A guest with the tiny userland and one processor, whose command has five minutes.
    #[must_use]
    pub fn new(kernel: Kernel, module: Module) -> Self {
        Self {
            kernel,
            module,
            programs: Programs::default(),
            userland: Userland::default(),
            append: Vec::new(),
            files: Vec::new(),
            binaries: Vec::new(),
            policy: None,
            timeout: Duration::from_mins(5),
            processors: 1,
            counts_instructions: false,
            kernel_log: false,
        }
    }

    /// With programs from here: those of a kernel for another kind of machine (tiny userland only).
    #[must_use]
    pub fn programs(mut self, programs: Programs) -> Self {
        self.programs = programs;
        self
    }

    /// With this userland instead.
    #[must_use]
    pub fn userland(mut self, userland: Userland) -> Self {
        self.userland = userland;
        self
    }

    /// With these words at the end of the kernel's command line, where they override earlier ones.
    #[must_use]
    pub fn append(mut self, words: impl Into<String>) -> Self {
        self.append.push(words.into());
        self
    }

    /// With this folder copied to `/share`.
    #[must_use]
    pub fn share(self, dir: impl Into<PathBuf>) -> Self {
        self.file(dir, "/share")
    }

    /// With this program of the host, and its shared libraries, in `/usr/local/bin`.
    #[must_use]
    pub fn binary(mut self, program: impl Into<PathBuf>) -> Self {
        self.binaries.push(program.into());
        self
    }

    /// With this file or folder of the host at `path`.
    #[must_use]
    pub fn file(mut self, host: impl Into<PathBuf>, path: impl Into<String>) -> Self {
        self.files.push((host.into(), path.into()));
        self
    }

    /// With this policy instead of the default one (tiny userland only).
    #[must_use]
    pub fn policy(mut self, policy: Policy) -> Self {
        self.policy = Some(policy);
        self
    }

    /// With this much time from boot to the end of the command.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// With this many processors. They are emulated in turn by one thread, so nothing gets faster.
    #[must_use]
    pub fn processors(mut self, count: u32) -> Self {
        self.processors = count;
        self
    }

    /// With clocks that count instructions: one takes a nanosecond, and while there is nothing to do, time leaps to
    /// the next timer. What the guest measures of itself is then the same whatever else this machine does.
    #[must_use]
    pub fn counting_instructions(mut self) -> Self {
        self.counts_instructions = true;
        self
    }

    /// With the kernel's log in the outcome; it costs a fraction of a second.
    #[must_use]
    pub fn kernel_log(mut self) -> Self {
        self.kernel_log = true;
        self
    }

    /// Boots the guest, runs `command` (a program and its arguments) as root in it, without input, and passes
    /// what it prints on to `out` as it comes. Whatever the command leaves running is ended with it.
    ///
    /// # Errors
    /// When the guest can't be built or booted, crashes, or takes too long. That the command itself fails
    /// is no error, but an [`Outcome`].
    pub fn run<I>(&self, command: I, out: &mut dyn Write) -> Result<Outcome, VmError>
    where
        I: IntoIterator<Item: AsRef<OsStr>>,
    {
        let scratch =
            tempfile::Builder::new().prefix("denyd-guest-").tempdir().map_err(InitramfsError::Write)?;
        let token = token().map_err(InitramfsError::Write)?;
        let initrd = scratch.path().join("initrd");
        self.write_initrd(&initrd, &token, &command_script(command))?;
        let machine = Machine {
            architecture: self.kernel.architecture(),
            kernel: self.kernel.image().to_owned(),
            initrd,
            disk: match &self.userland {
                Userland::Tiny => None,
                Userland::Full(image) => Some(image.clone()),
            },
            command_line: self.command_line(),
            memory_mib: 2048,
            processors: self.processors,
            counts_instructions: self.counts_instructions,
            timeout: self.timeout,
            token,
        };
        machine.run(scratch.path(), out)
    }

    fn write_initrd(&self, path: &Path, token: &str, script: &[u8]) -> Result<(), InitramfsError> {
        let mut payload = self.payload(token, script)?;
        let tree = match self.userland {
            Userland::Tiny => {
                let mut tree = tiny::base(&self.programs)?;
                match &self.policy {
                    Some(policy) => tiny::own_policy(&mut tree, policy)?,
                    None => tiny::default_policy(&mut tree)?,
                }
                tree.overlay(payload);
                tree
            }
            Userland::Full(_) => {
                full::add_service(&mut payload);
                full::initramfs(payload)?
            }
        };
        let mut file = io::BufWriter::new(File::create(path).map_err(InitramfsError::Write)?);
        tree.write(&mut file)?;
        file.flush().map_err(InitramfsError::Write)
    }

    /// What this one guest is given.
    fn payload(&self, token: &str, script: &[u8]) -> Result<Tree, InitramfsError> {
        let mut tree = Tree::default();
        tree.file("etc/xtask/session", 0o644, include_str!("../guest/session"));
        let (_console, port) = qemu::ports(self.kernel.architecture());
        tree.file("etc/xtask/port", 0o644, port);
        tree.file("etc/xtask/token", 0o600, token);
        tree.file("etc/xtask/command", 0o755, script);
        for program in &self.binaries {
            let name = program.file_name().unwrap_or_default().to_string_lossy();
            tree.program(&self.programs, program, &format!("usr/local/bin/{name}"))?;
        }
        for (host, path) in &self.files {
            // What is asked for is there, whatever it is called on the host.
            let host = fs::canonicalize(host)
                .map_err(|source| InitramfsError::Read { path: host.clone(), source })?;
            tree.copy(&host, path)?;
        }
        Ok(tree)
    }

    fn command_line(&self) -> String {
        let module = match self.module {
            Module::None => String::new(),
            module => format!("{module},"),
        };
        let (console, _port) = qemu::ports(self.kernel.architecture());
        // loglevel: audit records go to the log only, which is faster than the console.
        let mut words = format!(
            "console={console} loglevel=4 panic=-1 oops=panic mitigations=off printk.devkmsg=on log_buf_len=4M \
             lsm=landlock,lockdown,yama,integrity,{module}bpf denyd.module={}",
            self.module
        );
        if self.module == Module::Selinux {
            words.push_str(" enforcing=1");
        }
        if self.kernel_log {
            words.push_str(" denyd.log=1");
        }
        for more in &self.append {
            words.push(' ');
            words.push_str(more);
        }
        words
    }
}

/// Random for each boot, so that no command can know it.
fn token() -> io::Result<String> {
    let mut bytes = [0; 16];
    File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(format!("{:032x}", u128::from_ne_bytes(bytes)))
}

/// A shell script that becomes `command`.
fn command_script<I>(command: I) -> Vec<u8>
where
    I: IntoIterator<Item: AsRef<OsStr>>,
{
    let mut script = b"exec".to_vec();
    for word in command {
        script.push(b' ');
        script.extend(quoted(word.as_ref()).as_bytes());
    }
    script.push(b'\n');
    script
}

/// `word` as the shell reads it literally.
fn quoted(word: &OsStr) -> OsString {
    let mut quoted = OsString::from("'");
    for (position, part) in word.as_bytes().split(|&byte| byte == b'\'').enumerate() {
        if position > 0 {
            quoted.push(r"'\''");
        }
        quoted.push(OsStr::from_bytes(part));
    }
    quoted.push("'");
    quoted
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;
    use crate::{architecture::Architecture, cache::Cache};

    fn guest(module: Module) -> Guest {
        let folder = tempfile::tempdir().unwrap();
        let vmlinux = folder.path().join("vmlinux");
        fs::write(&vmlinux, b"\x7fELF").unwrap();
        let cache = Cache::at(folder.path().join("cache")).unwrap();
        Guest::new(Kernel::resolve(vmlinux.to_str().unwrap(), Architecture::Amd64, &cache).unwrap(), module)
    }

    #[test]
    fn the_command_line_puts_the_module_in_force_beside_the_others() {
        let line = guest(Module::Selinux).command_line();
        assert!(line.contains("lsm=landlock,lockdown,yama,integrity,selinux,bpf "), "{line}");
        assert!(line.ends_with("enforcing=1"), "{line}");
        let line = guest(Module::None).append("audit=0").append("quiet").command_line();
        assert!(line.contains("lsm=landlock,lockdown,yama,integrity,bpf "), "{line}");
        assert!(line.ends_with(" audit=0 quiet"), "{line}");
        assert!(!line.contains("enforcing"), "{line}");
    }

    #[test]
    fn a_shell_reads_the_command_as_it_was_given() {
        let words = ["printf", "%s|", "it's", "$HOME \"x\"", "", "*", "a\nb", "\\"];
        let script = command_script(words);
        let output = Command::new("sh").arg("-c").arg(OsStr::from_bytes(&script)).output().unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stdout), "it's|$HOME \"x\"||*|a\nb|\\|");
    }

    #[test]
    fn a_console_shows_the_crash_or_else_its_end() {
        let lines: Vec<_> = (0..60).map(|number| format!("line {number}\n")).collect();
        let lines = lines.concat();
        let end = Console::from(lines.clone());
        assert!(!end.shows_crash());
        assert!(end.to_string().ends_with("line 59"), "{end}");
        let crash = Console::from(format!("{lines}[ 1.0] BUG: unable to handle page fault\n{lines}"));
        assert!(crash.shows_crash());
        assert!(crash.to_string().starts_with("\n    [ 1.0] BUG: unable"), "{crash}");
        assert_eq!(Console::default().to_string(), " nothing");
    }

    #[test]
    fn no_two_boots_have_the_same_token() {
        assert_ne!(token().unwrap(), token().unwrap());
        assert_eq!(token().unwrap().len(), 32);
    }
}
