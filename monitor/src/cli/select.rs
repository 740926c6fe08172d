//! The choice of events on the command line.

use clap::Args;
use monitor_event::selection::{Selection, SelectionError};
use serde::de::IntoDeserializer as _;

use crate::event::{Module, Verdict};

/// Which events.
#[derive(Debug, Args)]
#[command(next_help_heading = "Which events")]
pub(super) struct Select {
    /// Match this systemd unit: `nginx`, `user@*`.
    #[arg(short, long, value_name = "UNIT")]
    unit: Vec<String>,

    /// Match these security modules.
    #[arg(long, value_name = "MODULE", value_delimiter = ',', value_parser = word::<Module>)]
    module: Vec<Module>,

    /// Match this thread name.
    #[arg(long, value_name = "NAME")]
    comm: Vec<String>,

    /// Match this process or thread id.
    #[arg(long, value_name = "PID", value_delimiter = ',')]
    pid: Vec<u32>,

    /// Match this object path: `/srv/**`, `**/*.key`.
    #[arg(long, value_name = "PATTERN")]
    path: Vec<String>,

    /// Match this subject: label, SELinux type, AppArmor profile or Landlock domain.
    #[arg(long, value_name = "LABEL")]
    subject: Vec<String>,

    /// Match this container or pod, by name or id.
    #[arg(long, value_name = "CONTAINER")]
    container: Vec<String>,

    /// Match this verdict: `denied`, `permitted`.
    #[arg(long, value_name = "VERDICT", value_delimiter = ',', value_parser = word::<Verdict>)]
    verdict: Vec<Verdict>,

    /// Include silent denials, which the policy does not log. The daemon must watch them (`denyd run --silent`).
    #[arg(long)]
    pub(super) silent: bool,

    /// Match this filter expression, as in denyd's configuration: `"write" in action.permissions`.
    #[arg(long, value_name = "EXPRESSION")]
    filter: Option<String>,
}

impl Select {
    /// What it means. It is checked here, so that a mistake is one in the command line.
    pub(super) fn selection(&self) -> Result<Selection, SelectionError> {
        let Self { unit, module, comm, pid, path, subject, container, verdict, silent, filter } = self;
        let selection = Selection {
            unit: unit.clone(),
            module: module.clone(),
            comm: comm.clone(),
            pid: pid.clone(),
            path: path.clone(),
            subject: subject.clone(),
            container: container.clone(),
            verdict: verdict.clone(),
            silent: *silent,
            filter: filter.clone(),
        };
        selection.compile().map(|_| selection)
    }
}

/// A word that is in events, such as a module's name.
pub(super) fn word<T: for<'de> serde::Deserialize<'de>>(text: &str) -> Result<T, String> {
    let error = |error: serde::de::value::Error| error.to_string().replace("unknown variant", "there is no");
    T::deserialize(text.into_deserializer()).map_err(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_what_events_have() {
        assert_eq!(word::<Module>("selinux"), Ok(Module::Selinux));
        let error = word::<Verdict>("refused").unwrap_err();
        assert_eq!(error, "there is no `refused`, expected `denied` or `permitted`");
    }
}
