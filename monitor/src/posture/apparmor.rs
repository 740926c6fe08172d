//! AppArmor's state, from securityfs (security/apparmor/apparmorfs.c).

use monitor_api::posture::{Apparmor, Profiles};

use super::{Facts, held::Held};

/// `NAME (MODE)`, one a line.
fn parse_profiles(list: &str) -> Option<Profiles> {
    let mut profiles = Profiles::default();
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
        let profiles = missing.unless("apparmor.profiles", self.profiles.parse(parse_profiles));
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
        let profiles = parse_profiles(list).unwrap();
        let counts =
            ["enforce", "complain", "unconfined", "kill", "other"].map(|mode| profiles.in_mode(mode));
        assert_eq!(counts, [1, 1, 1, 0, 1]);
        assert_eq!(profiles.total(), 4);
        assert_eq!(parse_profiles("no mode\n"), None);
        assert_eq!(parse_profiles(""), Some(Profiles::default()));
    }
}
