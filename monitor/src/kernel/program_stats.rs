//! What the kernel counts of each program, from `/proc/self/fdinfo` (`bpf_prog_show_fdinfo`, kernel/bpf/syscall.c).
//!
//! The files are opened once and read again and again: that takes no privilege, and works where a sandbox hides `/proc`
//! later.

use std::{
    fs::{self, File},
    os::{
        fd::{AsRawFd as _, OwnedFd},
        unix::fs::FileExt as _,
    },
};

use monitor_common::SourceId;

use crate::source;

/// Reads the counts.
#[derive(Debug)]
pub struct ProgramStats {
    programs: Vec<Program>,
}

#[derive(Debug)]
struct Program {
    source: SourceId,
    name: &'static str,
    hook: String,
    /// Keeps the number in `info`'s path this program's.
    _held: OwnedFd,
    info: Option<File>,
}

/// What the kernel counted of one program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProgramCounts {
    /// The source that it belongs to.
    pub source: SourceId,
    /// Its name.
    pub name: &'static str,
    /// Where it is attached.
    pub hook: String,
    /// Nanoseconds that it ran while the sysctl `kernel.bpf_stats_enabled` was 1.
    pub run_time_ns: u64,
    /// How often it ran in that time.
    pub runs: u64,
    /// Runs that the kernel skipped, since it was already running on that CPU. `None` where the kernel doesn't say
    /// (before 5.12).
    pub recursion_misses: Option<u64>,
}

impl ProgramStats {
    pub(super) fn new(programs: impl IntoIterator<Item = (SourceId, &'static str, OwnedFd)>) -> Self {
        let programs = programs.into_iter().map(|(source, name, program)| {
            let info = File::open(format!("/proc/self/fdinfo/{}", program.as_raw_fd())).ok();
            let programs =
                source::by_id(source).attachments.iter().flat_map(|attachment| attachment.programs);
            let place = programs.into_iter().find(|program| program.name == name);
            let hook = place.map(|program| program.hook.to_string()).unwrap_or_default();
            Program { source, name, hook, _held: program, info }
        });
        Self { programs: programs.collect() }
    }

    /// What the kernel has counted so far. A program whose counts can't be read is left out.
    #[must_use]
    pub fn read(&self) -> Vec<ProgramCounts> {
        self.programs.iter().filter_map(Program::counts).collect()
    }

    /// How often the kernel skipped a source's programs. 0 where the kernel doesn't say.
    #[must_use]
    pub fn recursion_misses(&self, source: SourceId) -> u64 {
        let programs = self.programs.iter().filter(|program| program.source == source);
        programs.filter_map(|program| program.counts()?.recursion_misses).fold(0, u64::wrapping_add)
    }
}

impl Program {
    fn counts(&self) -> Option<ProgramCounts> {
        let mut buffer = [0; 4096];
        let len = self.info.as_ref()?.read_at(&mut buffer, 0).ok()?;
        let info = str::from_utf8(&buffer[..len]).ok()?;
        let field = |name: &str| -> Option<u64> {
            let value = info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
            value.trim().parse().ok()
        };
        Some(ProgramCounts {
            source: self.source,
            name: self.name,
            hook: self.hook.clone(),
            run_time_ns: field("run_time_ns")?,
            runs: field("run_cnt")?,
            recursion_misses: field("recursion_misses"),
        })
    }
}

/// Whether the kernel measures programs now; `None` if that can't be read.
#[must_use]
pub fn measured() -> Option<bool> {
    Some(fs::read_to_string("/proc/sys/kernel/bpf_stats_enabled").ok()?.trim() != "0")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What `/proc/self/fdinfo` of a program says on Linux 6.12.
    const INFO: &str = "pos:\t0\nflags:\t02000002\nmnt_id:\t15\nino:\t1057\nprog_type:\t26\nprog_jited:\t1\n\
                        prog_tag:\ta04f5eef06a7f555\nmemlock:\t4096\nprog_id:\t7\nrun_time_ns:\t1500\nrun_cnt:\t3\n\
                        recursion_misses:\t2\nverified_insns:\t900\n";

    fn program(info: &str) -> (tempfile::TempDir, ProgramStats) {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("info"), info).unwrap();
        let open = || File::open(folder.path().join("info")).unwrap();
        let program = Program {
            source: SourceId::Selinux,
            name: "selinux_fexit",
            hook: "fexit/common_lsm_audit".to_owned(),
            _held: open().into(),
            info: Some(open()),
        };
        (folder, ProgramStats { programs: vec![program] })
    }

    #[test]
    fn counts_are_read_again_and_again() {
        let (folder, stats) = program(INFO);
        let counts = stats.read().remove(0);
        assert_eq!((counts.run_time_ns, counts.runs, counts.recursion_misses), (1500, 3, Some(2)));
        assert_eq!(stats.recursion_misses(SourceId::Selinux), 2);
        assert_eq!(stats.recursion_misses(SourceId::Apparmor), 0);
        fs::write(folder.path().join("info"), INFO.replace("run_cnt:\t3", "run_cnt:\t4")).unwrap();
        assert_eq!(stats.read()[0].runs, 4);
    }

    #[test]
    fn an_older_kernel_does_not_tell_skipped_runs_and_another_file_tells_nothing() {
        let (_folder, stats) = program(&INFO.replace("recursion_misses", "unknown"));
        assert_eq!(stats.read()[0].recursion_misses, None);
        let (_folder, stats) = program("pos:\t0\n");
        assert_eq!(stats.read(), []);
    }
}
