//! `cargo xtask vm`

use std::{ffi::OsString, io, path::PathBuf, process::ExitCode, time::Duration};

use anyhow::ensure;
use clap::{Args, ValueEnum};
use xtask::{
    architecture::Architecture,
    cache::Cache,
    kernel::{self, Kernel},
    package::binary,
    setup, vm,
    vm::Guest,
    workspace::{self, Profile},
};

/// Boots a guest with a security module in force, runs a command as root in it with denyd on its PATH,
/// and exits with its status
///
/// The tiny userland's policy refuses to write /var/lib/x/y to what is run by
/// `runcon system_u:system_r:app_t:s0 COMMAND...` (SELinux) or
/// `aa-exec -p app -- COMMAND...` (AppArmor). See xtask/guest.
#[derive(Debug, Args)]
pub(crate) struct Vm {
    /// 5.10, 6.1, 6.12, 7 (the newest), another Debian version such as 7.2, or the path of a bzImage or vmlinux
    #[arg(long, default_value = kernel::NEWEST)]
    kernel: String,
    /// The machine that is emulated; for another than this one, the tiny userland alone
    #[arg(long, value_enum, default_value_t)]
    arch: Architecture,
    /// The security module in force beside Landlock
    #[arg(long, value_enum, default_value_t = Module::Selinux)]
    module: Module,
    /// tiny: an initramfs, up in seconds; full: Debian with systemd, its real policies and tools
    #[arg(long, value_enum, default_value_t = Userland::Tiny)]
    userland: Userland,
    /// More words for the kernel's command line, such as "audit=0"
    #[arg(long, value_name = "KERNEL WORDS")]
    append: Vec<String>,
    /// A folder to be copied to /share
    #[arg(long, value_name = "DIR")]
    share: Option<PathBuf>,
    /// How long it may take, boot included
    #[arg(long, value_name = "SECS", default_value_t = 300)]
    timeout: u64,
    /// The number of processors
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=8))]
    smp: u32,
    /// The command and its arguments
    #[arg(required = true, last = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum Module {
    Selinux,
    Apparmor,
    None,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Userland {
    Tiny,
    Full,
}

impl From<Module> for vm::Module {
    fn from(module: Module) -> Self {
        match module {
            Module::Selinux => Self::Selinux,
            Module::Apparmor => Self::Apparmor,
            Module::None => Self::None,
        }
    }
}

impl Vm {
    pub(crate) fn run(self) -> anyhow::Result<ExitCode> {
        let cache = Cache::open()?;
        setup::guests(&cache)?;
        let programs = setup::machine(self.arch, &cache)?;
        let kernel = Kernel::resolve(&self.kernel, self.arch, &cache)?;
        let mut guest = Guest::new(kernel, self.module.into())
            .timeout(Duration::from_secs(self.timeout))
            .processors(self.smp)
            .programs(programs);
        if let Userland::Full = self.userland {
            ensure!(
                self.arch.is_host(),
                "the full userland is made only for machines as this one; use --userland tiny"
            );
            guest = guest.userland(vm::Userland::Full(setup::full_image(&cache, None)?));
        }
        if let Some(dir) = self.share {
            ensure!(dir.is_dir(), "{} is no folder to share", dir.display());
            guest = guest.share(dir);
        }
        for words in self.append {
            guest = guest.append(words);
        }
        setup::build(&cache)?;
        let denyd = if self.arch.is_host() {
            workspace::build_denyd(Profile::Release)?
        } else {
            binary::build_foreign("monitor", "denyd", self.arch, Profile::Release, &[])?
        };
        let outcome = guest.binary(denyd).run(&self.command, &mut io::stdout())?;
        Ok(ExitCode::from(outcome.status))
    }
}
