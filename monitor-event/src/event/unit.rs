//! The systemd unit that a process is of.

use serde::{Deserialize, Serialize};

use super::Text;

/// A systemd unit, as the path of its cgroup shows it.
///
/// Names are those that `systemctl` takes: what systemd escapes in a unit's name (`\x2d`) stays escaped.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Unit<'a> {
    /// The unit of the system's manager: `httpd.service`, `session-2.scope`, `user@1000.service`. Absent if only a slice
    /// is known.
    #[serde(default, borrow, skip_serializing_if = "Option::is_none")]
    pub name: Option<Text<'a>>,
    /// The innermost slice that it is in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slice: Option<Text<'a>>,
    /// The unit of a user's manager, where [`Self::name`] is that manager: `dbus.service`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_unit: Option<Text<'a>>,
    /// The innermost slice of the user's manager that it is in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_slice: Option<Text<'a>>,
    /// The user whose manager, session or slice it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<u32>,
    /// The login session, as logind numbers it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<Text<'a>>,
}
