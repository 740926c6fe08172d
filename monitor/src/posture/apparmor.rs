//! AppArmor's state, from securityfs (security/apparmor/apparmorfs.c).

use serde::{Deserialize, Serialize};

use super::{Facts, held::Held};

/// AppArmor's state.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Apparmor {
    /// The loaded profiles.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profiles: Option<Profiles>,
    /// The generation of the policy: it grows when profiles are loaded, replaced or removed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy_revision: Option<u64>,
}

/// Loaded profiles by mode.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Profiles {
    /// They refuse.
    pub enforce: u64,
    /// They let pass what they would refuse.
    pub complain: u64,
    /// They kill whoever does what they refuse.
    pub kill: u64,
    /// They confine nothing.
    pub unconfined: u64,
    /// They ask.
    pub prompt: u64,
    /// In a mode that this denyd doesn't know.
    pub other: u64,
}

impl Profiles {
    /// Those in this mode.
    #[must_use]
    pub fn of(&self, mode: &str) -> u64 {
        match mode {
            "enforce" => self.enforce,
            "complain" => self.complain,
            "kill" => self.kill,
            "unconfined" => self.unconfined,
            "prompt" => self.prompt,
            _ => self.other,
        }
    }

    /// All.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.enforce + self.complain + self.kill + self.unconfined + self.prompt + self.other
    }

    /// `NAME (MODE)`, one a line.
    fn parse(list: &str) -> Option<Self> {
        let mut profiles = Self::default();
        for line in list.lines() {
            let (_name, mode) = line.strip_suffix(')')?.rsplit_once(" (")?;
            *match mode {
                "enforce" => &mut profiles.enforce,
                "complain" => &mut profiles.complain,
                "kill" => &mut profiles.kill,
                "unconfined" => &mut profiles.unconfined,
                // "user" before it was called "prompt".
                "prompt" | "user" => &mut profiles.prompt,
                _ => &mut profiles.other,
            } += 1;
        }
        Some(profiles)
    }
}

#[derive(Debug)]
pub(super) struct Watch {
    profiles: Held,
    revision: Held,
    /// The file `revision` has nothing to say until it changes (`ns_revision_read`).
    last_revision: Option<u64>,
}

impl Watch {
    pub(super) fn open() -> Self {
        Self {
            // Only root's user or group may open it (`aa_current_policy_view_capable`).
            profiles: Held::open("/sys/kernel/security/apparmor/profiles"),
            revision: Held::open("/sys/kernel/security/apparmor/revision"),
            last_revision: None,
        }
    }

    pub(super) fn read(&mut self, missing: &mut Facts) -> Apparmor {
        let profiles = missing.unless("apparmor.profiles", self.profiles.parse(Profiles::parse));
        match self.revision.read_if_new() {
            Ok(Some(text)) => self.last_revision = text.trim().parse().ok(),
            // Its first revision is no news either.
            Ok(None) => self.last_revision = self.last_revision.or(Some(0)),
            Err(error) => missing.miss("apparmor.policy_revision", error),
        }
        Apparmor { profiles, policy_revision: self.last_revision }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn profiles_are_counted_by_mode() {
        let list =
            "/usr/sbin/nginx (enforce)\n:lxd://x//y (z) (complain)\nsnap (unconfined)\nnew (strange)\n";
        let profiles = Profiles::parse(list).unwrap();
        let counts = ["enforce", "complain", "unconfined", "kill", "other"].map(|mode| profiles.of(mode));
        assert_eq!(counts, [1, 1, 1, 0, 1]);
        assert_eq!(profiles.total(), 4);
        assert_eq!(Profiles::parse("no mode\n"), None);
        assert_eq!(Profiles::parse(""), Some(Profiles::default()));
    }
}
