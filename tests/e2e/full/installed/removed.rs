//! The package's upgrade and removal.

use xtask::vm::Module;

use super::{FILES, Seen, Step, nginx};

/// Upgrades the package while a program is refused one file after another, removes it, and purges it.
const REMOVED: &str = r#"
    set -e
    . /share/install
    install_denyd
    systemctl enable --now denyd-metrics.socket denyd
    printf 'profile upgraded { /usr/** mrix, /etc/** r, /dev/null rw, }' | apparmor_parser --replace
    mkdir /srv/upgraded
    refuse_file() {
        touch /srv/upgraded/$1
        not aa-exec -p upgraded -- cat /srv/upgraded/$1 2>/dev/null
    }
    upgrade dpkg --force-unsafe-io --install /share/denyd.deb
    fact reported "$(python3 /share/upgraded.py /srv/upgraded $count 1)"
    grep -q 'kind = "journald"' /etc/denyd/denyd.toml

    files=$(dpkg --listfiles denyd | while read -r file; do [ -d "$file" ] || echo "$file"; done)
    dpkg --remove denyd
    [ -z "$(systemctl list-unit-files --no-legend 'denyd*')" ]
    [ ! -e /sys/fs/bpf/denyd ]
    not grep '^denyd ' /sys/kernel/security/apparmor/profiles
    left=$(for file in $files; do [ ! -e $file ] || echo $file; done | sort)
    fact left "$(echo $left)"
    [ -e /var/lib/denyd/history ]
    dpkg --purge denyd
    purged=$(ls -d /etc/denyd /etc/apparmor.d/denyd /etc/apparmor.d/local/denyd /etc/logrotate.d/denyd \
        /var/lib/denyd /var/log/denyd 2>/dev/null || :)
    fact purged "$(echo $purged)"
    not dpkg-query --show denyd
"#;

/// Does so by apt, where the package brought a module of SELinux's policy. Nothing of other trials may follow in its guest: the
/// domain of the denyd that watches goes, too.
const REMOVED_BY_APT: &str = r#"
    set -e
    . /share/install
    install_denyd
    systemctl enable --now denyd-metrics.socket denyd
    systemctl start nginx
    mkdir /var/www/html/upgraded
    refuse_file() {
        touch /var/www/html/upgraded/$1
        chcon -t user_home_t /var/www/html/upgraded/$1
        not python3 -c 'import urllib.request as r; r.urlopen("http://127.0.0.1/upgraded/'$1'")' 2>/dev/null
    }
    upgrade apt install /share/denyd.deb
    # nginx looks twice at each: by its name, and as a folder.
    fact reported "$(python3 /share/upgraded.py /var/www/html/upgraded $count 2)"

    files=$(dpkg --listfiles denyd | while read -r file; do [ -d "$file" ] || echo "$file"; done)
    semodule --list-modules=full | grep '^200 *denyd '
    apt remove denyd
    [ -z "$(systemctl list-unit-files --no-legend 'denyd*')" ]
    [ ! -e /sys/fs/bpf/denyd ]
    fact modules "$(semodule --list-modules | grep -x denyd || :)"
    left=$(for file in $files; do [ ! -e $file ] || echo $file; done | sort)
    fact left "$(echo $left)"
    [ -e /var/lib/denyd/history ]
    apt purge denyd
    purged=$(ls -d /etc/denyd /etc/apparmor.d/denyd /etc/logrotate.d/denyd /var/lib/denyd /var/log/denyd \
        2>/dev/null || :)
    fact purged "$(echo $purged)"
    not dpkg-query --show denyd
"#;

/// Has apt install the package on a machine that does not have its module, and has the service report a refusal.
const INSTALLED_BY_APT: &str = r#"
    set -e
    . /share/install
    set_times
    # A new machine does not have it: the image does, unless the step before has removed it.
    ! semodule --list-modules | grep -qx denyd || semodule -X 200 --remove denyd
    apt install /share/denyd.deb
    semodule --list-modules=full | grep '^200 *denyd '
    fact enabled $(systemctl is-enabled denyd)
    fact confined "$(tr -d '\0' </proc/$(systemctl show --property MainPID --value denyd)/attr/current)"
    refuse installed
    fact event "$(python3 /share/everywhere.py first denyd tail --follow -n all -o json --path $refused)"
"#;

pub(super) const STEP: Step = Step {
    name: "the_package_is_upgraded_without_loss_and_removed",
    module: Module::Apparmor,
    script: REMOVED,
    files: FILES,
    check: |seen| seen.upgraded_and_removed(),
};

/// What takes a guest minutes more, on request.
pub(in super::super) const LONG_STEPS: [Step; 2] = [
    Step {
        name: "apt_upgrades_the_package_without_loss_and_removes_it_with_its_module",
        module: Module::Selinux,
        script: REMOVED_BY_APT,
        files: FILES,
        check: |seen| match seen.fact("modules")? {
            "" => seen.upgraded_and_removed(),
            left => Err(format!("removing it left the module {left}")),
        },
    },
    Step {
        name: "apt_installs_the_package_with_its_module",
        module: Module::Selinux,
        script: INSTALLED_BY_APT,
        files: FILES,
        check: |seen| {
            let service = (seen.fact("enabled")?, seen.fact("confined")?);
            if service != ("enabled", "system_u:system_r:denyd_t:s0") {
                return Err(format!("the service is {service:?}"));
            }
            nginx(seen, "event", "/var/www/html/installed")
        },
    },
];

impl Seen<'_> {
    /// Whether the package was upgraded without the loss of a denial, and left nothing when it was removed and purged.
    fn upgraded_and_removed(&self) -> Result<(), String> {
        if self.fact("upgraded")? != env!("CARGO_PKG_VERSION") {
            return Err("the package was not upgraded".to_owned());
        }
        if self.number("refused")? != self.number("reported")? {
            return Err("not each denial of the upgrade was reported once".to_owned());
        }
        // What an administrator may have changed goes when the package is purged.
        let configuration = ["/etc/apparmor.d/denyd", "/etc/denyd/denyd.toml", "/etc/logrotate.d/denyd"];
        let left: Vec<_> = self.fact("left")?.split_whitespace().collect();
        if left != configuration {
            return Err(format!("removing it left {left:?}"));
        }
        match self.fact("purged")? {
            "" => Ok(()),
            left => Err(format!("purging it left {left}")),
        }
    }
}
