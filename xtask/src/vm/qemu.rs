//! Running QEMU and following what its guest sends until the command has ended, or something has gone wrong.

use std::{
    fs,
    io::{self, Read as _, Write},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::mpsc::{self, RecvTimeoutError},
    thread,
    time::{Duration, Instant},
};

use crate::{
    architecture::Architecture,
    vm::{
        Console, Outcome, VmError,
        initramfs::{InitramfsError, host_program},
        stream::{Piece, Report, Splitter},
    },
};

/// What QEMU is to boot, and for how long.
#[derive(Debug)]
pub(super) struct Machine {
    pub architecture: Architecture,
    pub kernel: PathBuf,
    pub initrd: PathBuf,
    /// A file system image, which stays as it is whatever the guest writes.
    pub disk: Option<PathBuf>,
    pub command_line: String,
    pub memory_mib: u32,
    pub processors: u32,
    /// Whether the guest's time is the number of its instructions.
    pub counts_instructions: bool,
    pub timeout: Duration,
    /// What the guest's reports begin with.
    pub token: String,
}

impl Machine {
    /// Boots, passes the output on to `out` as it comes, and stops the machine when the command has ended.
    pub(super) fn run(&self, scratch: &Path, out: &mut dyn Write) -> Result<Outcome, VmError> {
        let console = scratch.join("console.log");
        let errors = scratch.join("qemu.log");
        let mut child = Running(self.command(&console, &errors)?.spawn().map_err(VmError::Start)?);
        let (sender, receiver) = mpsc::channel();
        let mut port =
            child.0.stdout.take().ok_or_else(|| VmError::Start(io::ErrorKind::BrokenPipe.into()))?;
        let reader = thread::spawn(move || {
            let mut buffer = [0; 16 * 1024];
            while let Ok(count @ 1..) = port.read(&mut buffer) {
                if sender.send(buffer[..count].to_vec()).is_err() {
                    break;
                }
            }
        });
        let deadline = Instant::now() + self.timeout;
        let next = || {
            let left = deadline.saturating_duration_since(Instant::now());
            receiver.recv_timeout(left).map_err(|error| match error {
                RecvTimeoutError::Timeout => Ending::Hung,
                RecvTimeoutError::Disconnected => Ending::Stopped,
            })
        };
        let session = Session::follow(&self.token, next, out);
        drop(child);
        drop(receiver);
        // It ends with the pipe, which ended with QEMU.
        let _: thread::Result<()> = reader.join();
        let console = lossy(&console).into();
        session?.outcome(self.timeout, console, || lossy(&errors))
    }

    fn command(&self, console: &Path, errors: &Path) -> Result<Command, VmError> {
        // Whatever happens to this process, no guest is left running.
        let mut command = Command::new(host_program("setpriv")?);
        command.args(["--pdeathsig", "KILL"]).arg(host_program(self.architecture.emulator())?);
        // KVM on a virtual machine without nested virtualisation aborts or hangs, so it is never tried.
        // More than one thread crashes guests now and then (text patching races in TCG).
        command.args(["-accel", "tcg,thread=single", "-M"]);
        match self.architecture {
            // The last model without AVX: emulated vector instructions and 5-level page tables only cost time.
            Architecture::Amd64 => command.args(["pc", "-cpu", "Nehalem"]),
            // One without pointer authentication, which takes most of an emulated guest's time.
            Architecture::Arm64 => command.args(["virt", "-cpu", "cortex-a72"]),
        };
        command.arg("-smp").arg(self.processors.to_string());
        command.arg("-m").arg(format!("{}M", self.memory_mib));
        command.args(["-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"]);
        command.arg("-kernel").arg(&self.kernel).arg("-initrd").arg(&self.initrd);
        command.arg("-append").arg(&self.command_line);
        command.arg("-serial").arg(format!("file:{}", console.display()));
        match self.architecture {
            Architecture::Amd64 => command.args(["-serial", "stdio"]),
            // A port and no console: QEMU drops what a console writes while nobody reads. Written to only, or the end of
            // standard input would close it.
            Architecture::Arm64 => command.args([
                "-chardev",
                "file,id=session,path=/dev/stdout",
                "-device",
                "virtio-serial-pci",
                "-device",
                "virtserialport,chardev=session",
            ]),
        };
        if self.counts_instructions {
            command.args(["-icount", "shift=0,sleep=off"]);
        }
        if let Some(disk) = &self.disk {
            command
                .arg("-drive")
                .arg(format!("file={},format=raw,if=none,id=root,snapshot=on", disk.display()));
            command.args(["-device", "nvme,drive=root,serial=root"]);
        }
        let errors = fs::File::create(errors).map_err(InitramfsError::Write)?;
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(errors);
        Ok(command)
    }
}

/// The guest's names of its console and of the port that it reports on: the machine for arm64 has one serial port.
pub(super) const fn ports(architecture: Architecture) -> (&'static str, &'static str) {
    match architecture {
        Architecture::Amd64 => ("ttyS0", "ttyS1"),
        Architecture::Arm64 => ("ttyAMA0", "vport0p1"),
    }
}

/// A QEMU that is stopped when dropped.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // Both fail only if it has ended already.
        let _: io::Result<()> = self.0.kill();
        let _: io::Result<_> = self.0.wait();
    }
}

/// How following a guest ended.
#[derive(Debug, PartialEq)]
enum Ending {
    Exited(u8),
    Failed(String),
    Hung,
    /// QEMU ended by itself.
    Stopped,
}

#[derive(Debug)]
struct Session {
    started: bool,
    output: Vec<u8>,
    log: Vec<u8>,
    ending: Ending,
}

impl Session {
    /// Takes the guest's bytes from `next` until it reports the end of the command, or `next` says why
    /// nothing more comes.
    fn follow(
        token: &str,
        mut next: impl FnMut() -> Result<Vec<u8>, Ending>,
        out: &mut dyn Write,
    ) -> Result<Self, VmError> {
        let mut splitter = Splitter::new(token);
        let mut session =
            Self { started: false, output: Vec::new(), log: Vec::new(), ending: Ending::Stopped };
        let mut in_log = false;
        loop {
            let bytes = match next() {
                Ok(bytes) => bytes,
                Err(ending) => {
                    session.output.extend(splitter.finish());
                    return Ok(Self { ending, ..session });
                }
            };
            for piece in splitter.push(&bytes) {
                match piece {
                    Piece::Bytes(bytes) if in_log => session.log.extend(bytes),
                    Piece::Bytes(bytes) => {
                        out.write_all(&bytes).and_then(|()| out.flush()).map_err(VmError::Output)?;
                        session.output.extend(bytes);
                    }
                    Piece::Report(Report::Start) => session.started = true,
                    Piece::Report(Report::Log) => in_log = true,
                    Piece::Report(Report::Exit(status)) => {
                        return Ok(Self { ending: Ending::Exited(status), ..session });
                    }
                    Piece::Report(Report::Failed(reason)) => {
                        return Ok(Self { ending: Ending::Failed(reason), ..session });
                    }
                }
            }
        }
    }

    fn outcome(
        self,
        timeout: Duration,
        console: Console,
        qemu_errors: impl FnOnce() -> String,
    ) -> Result<Outcome, VmError> {
        match self.ending {
            Ending::Exited(status) => Ok(Outcome {
                status,
                output: self.output,
                kernel_log: String::from_utf8_lossy(&self.log).into_owned(),
                console,
            }),
            Ending::Failed(reason) => Err(VmError::NotReady { reason, console }),
            _ if console.shows_crash() => Err(VmError::Crashed { console }),
            Ending::Hung if self.started => Err(VmError::Hung { timeout, console }),
            Ending::Stopped if self.started => Err(VmError::Stopped { console }),
            _ if console == Console::default() => Err(VmError::NotBooted { console: qemu_errors().into() }),
            _ => Err(VmError::NotBooted { console }),
        }
    }
}

fn lossy(path: &Path) -> String {
    fs::read(path).map(|bytes| String::from_utf8_lossy(&bytes).replace('\r', "")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIMEOUT: Duration = Duration::from_secs(7);

    /// What becomes of a guest that sends `sent` and then ends in this way.
    fn outcome(sent: &[&str], then: Ending, console: &str) -> Result<Outcome, VmError> {
        let mut sent = sent.iter();
        let mut then = Some(then);
        let next = || sent.next().map(|text| text.as_bytes().to_vec()).ok_or_else(|| then.take().unwrap());
        Session::follow("TOK", next, &mut Vec::new())?
            .outcome(TIMEOUT, console.to_owned().into(), || "qemu: could not load kernel\n".to_owned())
    }

    #[test]
    fn a_command_that_ends_gives_its_output_status_and_log() {
        let sent = ["TOK start\nhel", "lo\nTOK log\n[ 1.0] avc: denied\n", "TOK exit 3\nlate"];
        let outcome = outcome(&sent, Ending::Stopped, "").unwrap();
        assert_eq!(outcome.status, 3);
        assert_eq!(outcome.output, b"hello\n");
        assert_eq!(outcome.kernel_log, "[ 1.0] avc: denied\n");
    }

    #[test]
    fn a_panic_is_shown() {
        let console = "booting\nKernel panic - not syncing: sysrq triggered crash\nCPU: 0\n";
        let error = outcome(&["TOK start\n"], Ending::Stopped, console).unwrap_err();
        assert!(matches!(error, VmError::Crashed { .. }), "{error:?}");
        assert!(error.to_string().contains("sysrq triggered crash"), "{error}");
    }

    #[test]
    fn a_hung_command_shows_the_end_of_the_console() {
        let error = outcome(&["TOK start\n"], Ending::Hung, "the last line\n").unwrap_err();
        assert!(error.to_string().contains("did not end within 7 s"), "{error}");
        assert!(error.to_string().contains("the last line"), "{error}");
    }

    #[test]
    fn a_guest_that_never_starts_shows_the_console_or_what_qemu_said() {
        let error = outcome(&[], Ending::Hung, "VFS: Unable to mount root\n").unwrap_err();
        assert!(error.to_string().contains("did not boot"), "{error}");
        assert!(error.to_string().contains("Unable to mount root"), "{error}");
        let error = outcome(&[], Ending::Stopped, "").unwrap_err();
        assert!(error.to_string().contains("could not load kernel"), "{error}");
    }

    #[test]
    fn a_guest_that_shuts_down_early_is_no_success() {
        let error = outcome(&["TOK start\npart"], Ending::Stopped, "reboot: Power down\n").unwrap_err();
        assert!(matches!(error, VmError::Stopped { .. }), "{error:?}");
    }

    #[test]
    fn a_guest_that_cannot_be_made_ready_says_why() {
        let error = outcome(&["TOK failed no AppArmor\n"], Ending::Stopped, "").unwrap_err();
        assert!(error.to_string().contains("no AppArmor"), "{error}");
    }
}
