//! Who asked, in the words of the module.

use serde::{Deserialize, Serialize};

use super::Text;
#[cfg(doc)]
use super::{Event, Process};

/// Who asked, in the module's own terms.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Subject<'a> {
    /// The label: an SELinux context, an AppArmor profile or a TOMOYO domain.
    #[serde(default, borrow, skip_serializing_if = "Option::is_none")]
    pub label: Option<Text<'a>>,
    /// The SELinux context that it carries and the policy doesn't know (any more), so that it is taken for unlabeled,
    /// which [`Self::label`] says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unknown_label: Option<Text<'a>>,
    /// The namespace of the AppArmor profile, absent for the root namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<Text<'a>>,
    /// The number of the TOMOYO domain's profile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<u8>,
    /// The mode in which TOMOYO's profile has the operation: `enforcing`, `permissive`, `learning`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<Text<'a>>,
    /// The Landlock domain, in hexadecimal as audit prints it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub domain: Option<Text<'a>>,
    /// The parents of the Landlock domain, the nearest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub domain_parents: Vec<Text<'a>>,
    /// False if [`Self::domain`] is the subject's innermost domain, and one of its parents may be what refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub domain_is_exact: Option<bool>,
    /// Landlock: whether the process still runs the program that restricted itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub same_exec: Option<bool>,
    /// User id that was judged, where it is not the process's own: the kernel acts with borrowed credentials at times
    /// (overlayfs, access(2)). So are those that follow.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uid: Option<u32>,
    /// Effective user id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub euid: Option<u32>,
    /// File-system user id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fsuid: Option<u32>,
    /// Group id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gid: Option<u32>,
    /// Effective group id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub egid: Option<u32>,
    /// Effective capabilities, as [`Process::cap_effective`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cap_effective: Option<Text<'a>>,
    /// True if what was judged is not the running task's: the kernel was working for another, so that [`Event::process`]
    /// may not be who asked, or the module judged the other side.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub not_process: bool,
}
