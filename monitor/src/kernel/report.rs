//! What was attached, and what was not and why: what `denyd check` prints.

use monitor_api::snapshot::SourceState;
use serde::Serialize;

/// The state of the whole.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// The kernel's release: `6.12.95-cloud-amd64`.
    pub kernel: String,
    /// The active security modules, in the kernel's order.
    pub modules: Vec<String>,
    /// Every source, in the order of its number.
    pub sources: Vec<SourceReport>,
    /// What is worse than it could be for all sources, and what to do about it.
    pub notes: Vec<String>,
}

/// The state of one source.
#[derive(Clone, Debug, Serialize)]
pub struct SourceReport {
    /// Its name.
    pub name: &'static str,
    /// Its state.
    #[serde(flatten)]
    pub state: State,
    /// What was tried before, the best first, and why it failed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub failed: Vec<Failed>,
    /// Kernel structures that this kernel doesn't have, so that what comes from them is missing in events.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<String>,
}

impl State {
    /// In one word.
    #[must_use]
    pub fn word(&self) -> SourceState {
        match self {
            Self::Attached { .. } => SourceState::Attached,
            Self::Inactive => SourceState::Inactive,
            Self::NotSelected { .. } => SourceState::NotSelected,
            Self::Failed { .. } => SourceState::Failed,
        }
    }
}

/// Whether a source is attached.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "state")]
pub enum State {
    /// It is.
    Attached {
        /// Where: `fexit/common_lsm_audit`.
        hooks: Vec<String>,
        /// What this place can't see, compared with a better one.
        #[serde(skip_serializing_if = "Option::is_none")]
        caveat: Option<&'static str>,
    },
    /// The module is not active on this machine, so there is nothing to see.
    Inactive,
    /// It was not asked for.
    NotSelected {
        /// What it would cost while nothing is refused.
        #[serde(skip_serializing_if = "Option::is_none")]
        cost: Option<&'static str>,
        /// Whether it is watched only with `--silent`.
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        silent: bool,
    },
    /// It could not be attached; [`SourceReport::failed`] says why.
    Failed {
        /// What to do.
        advice: &'static str,
    },
}

/// A way of attaching that failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Failed {
    /// Where.
    pub hook: String,
    /// Why.
    pub reason: String,
}
