# Put before the scripts of both packages: denyd's SELinux module and AppArmor profile, where the machine has these, and
# its pins. What fails here leaves the service unconfined, and is said; it does not fail the package.

selinux_module=/usr/share/selinux/packages/denyd.cil
denyd_files="/usr/bin/denyd /etc/denyd /run/denyd /var/lib/denyd /var/log/denyd"

has_selinux_policy() {
    command -v semodule >/dev/null && [ -e /etc/selinux/config ]
}

relabel() {
    if command -v selinuxenabled >/dev/null && selinuxenabled; then
        for file in $denyd_files; do
            [ ! -e "$file" ] || restorecon -R "$file" || :
        done
    fi
}

# Whether this very module is installed: to install it again would compile the whole policy for nothing.
has_selinux_module() (
    folder=$(mktemp -d) && cd "$folder" || exit 1
    semodule --cil --extract=denyd >/dev/null 2>&1 && cmp -s denyd.cil "$selinux_module"
    same=$?
    rm -rf "$folder"
    exit $same
)

confine() {
    if has_selinux_policy && ! has_selinux_module; then
        # The priority of distributions' modules: one that an administrator installs (400) comes before it.
        semodule -X 200 -i "$selinux_module" ||
            echo "denyd: this policy does not take $selinux_module: the service runs without a domain of its own" >&2
    fi
    relabel
    if command -v aa-enabled >/dev/null && aa-enabled --quiet 2>/dev/null; then
        apparmor_parser --replace --write-cache /etc/apparmor.d/denyd ||
            echo "denyd: cannot load /etc/apparmor.d/denyd: the service runs without a profile" >&2
    fi
}

# Takes the profile out of the kernel. Its file must still be there.
unload_profile() {
    if command -v aa-enabled >/dev/null && aa-enabled --quiet 2>/dev/null && [ -e /etc/apparmor.d/denyd ]; then
        apparmor_parser --remove /etc/apparmor.d/denyd || :
        rm -f /var/cache/apparmor/*/denyd
    fi
}

remove_selinux_module() {
    if has_selinux_policy && semodule --list-modules=full | grep -Eq '^200 +denyd '; then
        semodule -X 200 -r denyd || :
        relabel
    fi
}

# Takes everything of denyd's out of the kernel.
detach() {
    # A configuration with a mistake must not be in the way.
    denyd detach >/dev/null 2>&1 || denyd detach --config /dev/null >/dev/null || :
    rmdir /sys/fs/bpf/denyd 2>/dev/null || :
}
