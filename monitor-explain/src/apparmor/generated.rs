//! Profiles that a program writes, so that a change of them does not last.

/// A profile that is not for people to change.
#[derive(Debug)]
pub(super) struct Generated {
    writer: Writer,
    /// Of what: a container, a snap, a machine.
    of: String,
}

/// What writes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Writer {
    Docker,
    Podman,
    Nerdctl,
    Containerd,
    Crio,
    Snapd,
    /// snapd, for its own programs.
    SnapdItself,
    Multipass,
    Libvirt,
    Lxd,
    Incus,
    /// LXD or Incus, for its own programs.
    LxdItself,
    Lxc,
}

use Writer::{
    Containerd, Crio, Docker, Incus, Libvirt, Lxc, Lxd, LxdItself, Multipass, Nerdctl, Podman, Snapd,
    SnapdItself,
};

/// What is left where only the writer of a profile can change it.
const NOTHING_LASTS: &str = "no change of the profile lasts; these rules only show what is lacking";

/// Whether a profile is one that libvirt writes for a machine, which has the machine's UUID in its name.
pub(super) fn is_of_libvirt(label: &str) -> bool {
    label.strip_prefix("libvirt-").is_some_and(|id| id.len() == 36 && id.split('-').count() == 5)
}

impl Generated {
    /// By the label, if it is of such a profile.
    pub(super) fn of(label: &str) -> Option<Self> {
        let outer = label.split("//").next().unwrap_or(label);
        let new = |writer, of: &str| Some(Self { writer, of: of.to_owned() });
        match outer {
            "docker-default" => return new(Docker, outer),
            "nerdctl-default" => return new(Nerdctl, outer),
            "cri-containerd.apparmor.d" => return new(Containerd, outer),
            "crio-default" => return new(Crio, outer),
            _ => {}
        }
        let begins = |start: &str| outer.starts_with(start);
        if begins("containers-default-") {
            return new(Podman, outer);
        }
        if let Some(snap) = outer.strip_prefix("snap.").and_then(|rest| rest.split('.').next()) {
            return new(Snapd, snap);
        }
        if begins("snap-update-ns.") || begins("/snap/") && outer.ends_with("/snap-confine") {
            return new(SnapdItself, outer);
        }
        if begins("multipass.") {
            return new(Multipass, outer);
        }
        if is_of_libvirt(outer) {
            return new(Libvirt, outer);
        }
        // `lxd-NAME_</var/snap/lxd/common/lxd>`
        let (name, _) = outer.rsplit_once("_<")?;
        let instances =
            [("lxd-", Lxd), ("incus-", Incus), ("lxd_", LxdItself), ("incus_", LxdItself), ("lxc-", Lxc)];
        let (name, writer) =
            instances.into_iter().find_map(|(prefix, writer)| Some((name.strip_prefix(prefix)?, writer)))?;
        new(writer, name)
    }

    fn by(&self) -> &'static str {
        match self.writer {
            Docker => "Docker",
            Podman => "Podman",
            Nerdctl => "nerdctl",
            Containerd => "containerd",
            Crio => "CRI-O",
            Snapd | SnapdItself => "snapd",
            Multipass => "Multipass",
            Libvirt => "libvirt",
            Lxd => "LXD",
            Incus => "Incus",
            LxdItself => "LXD or Incus",
            Lxc => "LXC",
        }
    }

    /// How it is given a profile that people write, with or without what this one has, if it can.
    fn another(&self, which: &str) -> Option<String> {
        let name = &self.of;
        Some(match self.writer {
            Docker | Podman | Nerdctl => {
                format!("give the container a profile of its own {which}: --security-opt apparmor=NAME")
            }
            Containerd | Crio => {
                format!("give the pod a profile of its own {which}: securityContext.appArmorProfile")
            }
            Lxd => format!(
                "give it a profile of its own {which} (of containers: `lxc config set {name} raw.lxc \
                 lxc.apparmor.profile=NAME`): raw.apparmor only adds rules"
            ),
            Incus => format!(
                "give it a profile of its own {which} (of containers: `incus config set {name} raw.lxc \
                 lxc.apparmor.profile=NAME`): raw.apparmor only adds rules"
            ),
            Lxc => format!(
                "give it a profile of its own {which}: lxc.apparmor.profile = NAME in the configuration of {name}; \
                 lxc.apparmor.raw only adds rules"
            ),
            Snapd | SnapdItself | Multipass | Libvirt | LxdItself => return None,
        })
    }

    /// That nothing which is set here holds.
    fn report(&self) -> String {
        let by = self.by();
        format!(
            "nothing that is set on this machine lasts: bring {by} up to date, and report what is refused still"
        )
    }

    /// What is done in place of a rule.
    pub(super) fn setting(&self) -> String {
        let name = &self.of;
        match self.writer {
            Snapd => format!(
                "connect the interface that the snap needs: `snap connections {name}` shows them, `snap connect \
                 {name}:INTERFACE` connects one; what no interface allows is the snap's to mend"
            ),
            SnapdItself => format!("it is snapd's own program: {}", self.report()),
            Libvirt => "have it in the machine's XML (disk, device, shared folder), from which libvirt writes what its \
                        profile allows"
                .to_owned(),
            Lxd => format!("`lxc config set {name} raw.apparmor RULES` adds rules, from its next start on"),
            Incus => format!("`incus config set {name} raw.apparmor RULES` adds rules, from its next start on"),
            Lxc => format!(
                "lxc.apparmor.raw = RULE in the configuration of {name} adds a rule, from its next start on"
            ),
            _ => self.another("that allows it").unwrap_or_else(|| self.report()),
        }
    }

    /// Where rules last, if anywhere.
    pub(super) fn rules(&self) -> &'static str {
        match self.writer {
            Docker | Podman | Nerdctl | Containerd | Crio => {
                "a copy of the profile with these rules would do, given to the container"
            }
            Snapd | SnapdItself | Multipass | LxdItself => NOTHING_LASTS,
            Libvirt => "what all machines need belongs into /etc/apparmor.d/local/abstractions/libvirt-qemu",
            Lxd | Incus => "the rules for raw.apparmor",
            Lxc => "the rules for lxc.apparmor.raw, each in a line of its own",
        }
    }

    /// What gives it a flag, if anything does.
    pub(super) fn flagged(&self, flag: &str) -> String {
        match self.writer {
            Libvirt => format!(
                "put flags=({flag}) into /etc/apparmor.d/libvirt/TEMPLATE.qemu (of containers: TEMPLATE.lxc), from which \
                 libvirt writes the profile at the machine's next start"
            ),
            _ => self.another(&format!("with flags=({flag})")).unwrap_or_else(|| self.report()),
        }
    }

    /// What is done about a rule that denies, which no other overrides.
    pub(super) fn without_deny(&self) -> String {
        match self.writer {
            Snapd => self.setting(),
            Libvirt => "if it is needed: take the deny rule out of /etc/apparmor.d/libvirt/TEMPLATE.qemu or what that \
                        includes (abstractions/libvirt-qemu)"
                .to_owned(),
            _ => self.another("without the deny rule").unwrap_or_else(|| self.report()),
        }
    }

    /// What is done where `no_new_privs` keeps a program under it that would get another.
    pub(super) fn under_one(&self) -> String {
        self.another("whose rule runs the program under the same profile (ix)")
            .unwrap_or_else(|| self.report())
    }

    /// What loads it.
    pub(super) fn load(&self) -> String {
        let (by, name) = (self.by(), &self.of);
        match self.writer {
            Snapd | SnapdItself => {
                "have snapd load its profiles: `systemctl restart snapd.apparmor.service`, or else refresh the snap"
                    .to_owned()
            }
            Crio => "have CRI-O load it: `systemctl restart crio`".to_owned(),
            Lxd | Incus | Lxc => format!("start {name} again: {by} loads its profile then"),
            Libvirt => "start the machine again: libvirt loads its profile then".to_owned(),
            Multipass | LxdItself => format!("start {by} again: it loads the profile then"),
            Docker | Podman | Nerdctl | Containerd => {
                format!("start the container again: {by} loads the profile {name} then")
            }
        }
    }

    /// Who writes it.
    pub(super) fn evidence(&self, label: &str) -> String {
        format!(
            "{} writes the profile {}, and writes it anew",
            self.by(),
            label.split("//").next().unwrap_or(label)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LABELS: [(&str, Writer, &str); 15] = [
        ("docker-default", Docker, "--security-opt apparmor="),
        ("nerdctl-default", Nerdctl, "--security-opt apparmor="),
        ("cri-containerd.apparmor.d", Containerd, "appArmorProfile"),
        ("crio-default", Crio, "appArmorProfile"),
        ("containers-default-0.44.4", Podman, "--security-opt apparmor="),
        ("snap.signal-desktop.signal-desktop", Snapd, "snap connect signal-desktop:INTERFACE"),
        ("snap-update-ns.firefox", SnapdItself, "up to date"),
        (
            "/snap/snapd/21759/usr/lib/snapd/snap-confine//mount-namespace-capture-helper",
            SnapdItself,
            "up to date",
        ),
        ("multipass.dancing-chipmunk.qemu-system-x86_64", Multipass, "up to date"),
        ("libvirt-7cf29f14-a170-4e33-bece-1f1e4c7e10b7", Libvirt, "XML"),
        ("lxd-CentOS6_</var/lib/lxd>", Lxd, "config set CentOS6 raw.apparmor"),
        ("lxd_dnsmasq-lxdbr0_</var/snap/lxd/common/lxd>", LxdItself, "up to date"),
        ("incus-web_</var/lib/incus>", Incus, "config set web raw.apparmor"),
        ("incus_dnsmasq-incusbr0_</var/lib/incus>", LxdItself, "up to date"),
        ("lxc-web_</var/lib/lxc>", Lxc, "configuration of web"),
    ];

    #[test]
    fn what_writes_a_profile_is_known_by_its_label() {
        for (label, writer, setting) in LABELS {
            let generated = Generated::of(label).unwrap_or_else(|| panic!("{label}"));
            assert_eq!(generated.writer, writer, "{label}");
            assert!(generated.setting().contains(setting), "{label}: {}", generated.setting());
        }
    }

    #[test]
    fn whatever_is_said_names_what_the_writer_offers_or_that_nothing_lasts() {
        for (label, writer, _) in LABELS {
            let Some(generated) = Generated::of(label) else { panic!("{label}") };
            let (offer, template) = match writer {
                Docker | Podman | Nerdctl => ("--security-opt", ""),
                Containerd | Crio => ("appArmorProfile", ""),
                Lxd | Incus => ("raw.lxc", ""),
                Lxc => ("lxc.apparmor.profile", ""),
                Libvirt => ("TEMPLATE.qemu", ""),
                Snapd => ("nothing that is set", "snap connect"),
                SnapdItself | Multipass | LxdItself => ("nothing that is set", ""),
            };
            let flagged = generated.flagged("attach_disconnected");
            assert!(flagged.contains(offer), "{label}: {flagged}");
            let without = generated.without_deny();
            assert!(
                without.contains(if template.is_empty() { offer } else { template }),
                "{label}: {without}"
            );
            let under = generated.under_one();
            assert!(
                under.contains(if writer == Libvirt { "nothing that is set" } else { offer }),
                "{label}: {under}"
            );
            let load = generated.load();
            assert!(!load.contains("apparmor_parser"), "{label}: {load}");
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
