//! Profiles that a program writes, so that a change of them does not last.

/// A profile that is not for people to change.
#[derive(Debug)]
pub(super) struct Generated {
    /// What writes it.
    by: &'static str,
    /// What is done in place of a change.
    pub(super) setting: String,
    /// Where rules last, if anywhere.
    pub(super) rules: &'static str,
}

const OF_ITS_OWN: &str = "a copy of the profile with these rules would do, given to the container";

impl Generated {
    /// By the label, if it is of such a profile.
    pub(super) fn of(label: &str) -> Option<Self> {
        let outer = label.split("//").next().unwrap_or(label);
        // `lxd-NAME_</var/snap/lxd/common/lxd>`
        let instance = |prefix: &str| outer.strip_prefix(prefix)?.rsplit_once("_<").map(|(name, _)| name);
        let new = |by, setting: String, rules| Some(Self { by, setting, rules });
        let option = "give the container a profile of its own that allows it: --security-opt apparmor=NAME";
        let field = "give the pod a profile of its own that allows it: securityContext.appArmorProfile";
        match outer {
            "docker-default" => return new("Docker", option.to_owned(), OF_ITS_OWN),
            "cri-containerd.apparmor.d" => return new("containerd", field.to_owned(), OF_ITS_OWN),
            "crio-default" => return new("CRI-O", field.to_owned(), OF_ITS_OWN),
            _ if outer.starts_with("containers-default-") => {
                return new("Podman", option.to_owned(), OF_ITS_OWN);
            }
            _ => {}
        }
        if let Some(snap) = outer.strip_prefix("snap.").and_then(|rest| rest.split('.').next()) {
            let setting = format!(
                "connect the interface that the snap needs: `snap connections {snap}` shows them, `snap connect \
                 {snap}:INTERFACE` connects one"
            );
            return new(
                "snapd",
                setting,
                "no change of the profile lasts; these rules only show what is lacking",
            );
        }
        let is_snapd = outer.starts_with("snap-update-ns.")
            || outer.starts_with("/snap/") && outer.ends_with("/snap-confine");
        if is_snapd {
            let setting =
                "it is snapd's own program: bring snapd up to date, and report what is refused still";
            return new(
                "snapd",
                setting.to_owned(),
                "no change of the profile lasts; these rules only show what is lacking",
            );
        }
        if outer.strip_prefix("libvirt-").is_some_and(|id| id.len() == 36 && id.split('-').count() == 5) {
            let setting = "have it in the machine's XML (disk, device, shared folder), from which libvirt writes what its \
                           profile allows";
            return new(
                "libvirt",
                setting.to_owned(),
                "what all machines need belongs into abstractions/libvirt-qemu",
            );
        }
        if let Some(name) = instance("lxd-") {
            let setting =
                format!("`lxc config set {name} raw.apparmor RULES` adds rules, from its next start on");
            return new("LXD", setting, "the rules for raw.apparmor");
        }
        if let Some(name) = instance("incus-") {
            let setting =
                format!("`incus config set {name} raw.apparmor RULES` adds rules, from its next start on");
            return new("Incus", setting, "the rules for raw.apparmor");
        }
        let name = instance("lxc-")?;
        let setting = format!(
            "lxc.apparmor.raw = RULE in the configuration of {name} adds a rule, from its next start on"
        );
        new("LXC", setting, "the rules for lxc.apparmor.raw, each in a line of its own")
    }

    /// Who writes it.
    pub(super) fn evidence(&self, label: &str) -> String {
        format!(
            "{} writes the profile {}, and writes it anew",
            self.by,
            label.split("//").next().unwrap_or(label)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_writes_a_profile_is_known_by_its_label() {
        for (label, by, setting) in [
            ("docker-default", "Docker", "--security-opt apparmor="),
            ("cri-containerd.apparmor.d", "containerd", "appArmorProfile"),
            ("crio-default", "CRI-O", "appArmorProfile"),
            ("containers-default-0.44.4", "Podman", "--security-opt apparmor="),
            ("snap.signal-desktop.signal-desktop", "snapd", "snap connect signal-desktop:INTERFACE"),
            ("snap-update-ns.firefox", "snapd", "up to date"),
            (
                "/snap/snapd/21759/usr/lib/snapd/snap-confine//mount-namespace-capture-helper",
                "snapd",
                "up to date",
            ),
            ("libvirt-7cf29f14-a170-4e33-bece-1f1e4c7e10b7", "libvirt", "XML"),
            ("lxd-CentOS6_</var/lib/lxd>", "LXD", "config set CentOS6 raw.apparmor"),
            ("incus-web_</var/lib/incus>", "Incus", "config set web raw.apparmor"),
            ("lxc-web_</var/lib/lxc>", "LXC", "configuration of web"),
        ] {
            let generated = Generated::of(label).unwrap_or_else(|| panic!("{label}"));
            assert_eq!(generated.by, by, "{label}");
            assert!(generated.setting.contains(setting), "{label}: {}", generated.setting);
        }
    }

    #[test]
    fn what_people_and_packages_write_is_theirs_to_change() {
        for label in [
            "foo",
            "docker-default-mine",
            "lxc-container-default-cgns",
            "libvirt-dbus",
            "libvirtd",
            "/usr/lib/snapd/snap-confine",
            "unconfined",
        ] {
            assert!(Generated::of(label).is_none(), "{label}");
        }
    }
}
