//! What systemd's units, and what else there is beside SELinux and AppArmor, refuse services.

use xtask::vm::Module;

use super::{Broken, Remedy, Set};

/// A service whose unit keeps it from what it needs.
const fn limited(
    name: &'static str,
    given: &'static str,
    works: &'static str,
    finding: &'static str,
    cause: &'static str,
    line: &'static str,
) -> Broken {
    Broken { name, given, works, finding, cause, remedy: Remedy::Mends("setting", line) }
}

pub(super) const SET: Set = Set {
    name: "broken-units",
    module: Module::Apparmor,
    shared: concat!(include_str!("apparmor"), include_str!("units")),
    services: &[
        limited(
            "system_call_filter",
            "
                echo x >/srv/own
                unit filter SystemCallFilter=~@chown 'ExecStart=/bin/chown 33 /srv/own'
            ",
            "systemctl start broken-filter",
            "broken-filter.service",
            "sandbox",
            "\"SystemCallFilter=fchownat\"",
        ),
        limited(
            "memory_deny_write_execute",
            "
                unit memory MemoryDenyWriteExecute=yes \\
                    'ExecStart=/usr/bin/python3 -SEsc \"import mmap; mmap.mmap(-1, 4096, prot=7)\"'
            ",
            "systemctl start broken-memory",
            "broken-memory.service",
            "sandbox",
            "\"MemoryDenyWriteExecute=no\"",
        ),
        limited(
            "restrict_namespaces",
            "unit namespaces RestrictNamespaces=yes 'ExecStart=/usr/bin/unshare --uts true'",
            "systemctl start broken-namespaces",
            "broken-namespaces.service",
            "sandbox",
            "\"RestrictNamespaces=no\"",
        ),
        limited(
            "lock_personality",
            "unit personality LockPersonality=yes 'ExecStart=/usr/bin/setarch --addr-no-randomize true'",
            "systemctl start broken-personality",
            "broken-personality.service",
            "sandbox",
            "\"LockPersonality=no\"",
        ),
        limited(
            "restrict_realtime",
            "unit realtime RestrictRealtime=yes 'ExecStart=/usr/bin/chrt --fifo 1 true'",
            "systemctl start broken-realtime",
            "broken-realtime.service",
            "sandbox",
            "\"RestrictRealtime=no\"",
        ),
        limited(
            "restrict_suid_sgid",
            "
                echo x >/srv/suid
                unit suid RestrictSUIDSGID=yes 'ExecStart=/bin/chmod u+s /srv/suid'
            ",
            "systemctl start broken-suid",
            "broken-suid.service",
            "sandbox",
            "\"RestrictSUIDSGID=no\"",
        ),
        limited(
            "capability_bounding_set",
            "
                echo x >/srv/bound
                unit bounding CapabilityBoundingSet=~CAP_CHOWN 'ExecStart=/bin/chown 34 /srv/bound'
            ",
            "systemctl start broken-bounding",
            "broken-bounding.service",
            "capability",
            "\"CapabilityBoundingSet=CAP_CHOWN\"",
        ),
        limited(
            "ambient_capabilities",
            "unit ambient User=www-data 'ExecStart=/usr/bin/chrt --fifo 1 true'",
            "systemctl start broken-ambient",
            "broken-ambient.service",
            "capability",
            "\"AmbientCapabilities=CAP_SYS_NICE\"",
        ),
        limited(
            "private_devices",
            "
                unit devices PrivateDevices=yes \\
                    'ExecStart=/bin/sh -c \"mknod /run/broken-null c 1 3 && rm /run/broken-null\"'
            ",
            "systemctl start broken-devices",
            "broken-devices.service",
            "capability",
            "\"PrivateDevices=no\"",
        ),
        Broken {
            name: "system_call_of_debuggers_is_asked_about",
            given: "unit debug SystemCallFilter=~ptrace 'ExecStart=/usr/bin/strace --output=/dev/null true'",
            works: "systemctl start broken-debug",
            finding: "broken-debug.service",
            cause: "sandbox",
            remedy: Remedy::Told("setting", "\"SystemCallFilter=ptrace\""),
        },
        Broken {
            name: "restrict_address_families_is_told",
            given: "
                unit families RestrictAddressFamilies=AF_UNIX \\
                    'ExecStart=/usr/bin/python3 -SEsc \"import socket; socket.socket(socket.AF_INET)\"'
            ",
            works: "systemctl start broken-families",
            finding: "broken-families.service",
            cause: "sandbox",
            // The filter does not tell which family it was.
            remedy: Remedy::Told("setting", "name the family"),
        },
        Broken {
            name: "yama_is_told",
            given: "
                peer
                sysctl kernel.yama.ptrace_scope=2
                unit yama CapabilityBoundingSet=~CAP_SYS_PTRACE \\
                    \"ExecStart=/usr/bin/strace --output=/dev/null --attach $(cat /run/peer)\"
            ",
            works: "systemctl start broken-yama",
            finding: "broken-yama.service",
            cause: "setting",
            remedy: Remedy::Told("setting", "ptrace_scope"),
        },
        Broken {
            name: "lockdown_is_told",
            given: "
                echo integrity >/sys/kernel/security/lockdown
                unit lockdown 'ExecStart=/usr/bin/head --bytes 1 /dev/mem'
            ",
            works: "systemctl start broken-lockdown",
            finding: "broken-lockdown.service",
            cause: "setting",
            remedy: Remedy::Told("setting", "use what the kernel offers of it in /sys or /proc"),
        },
        Broken {
            name: "landlock_is_told",
            given: "
                echo x >/srv/sealed
                unit landlock \"ExecStart=$(command -v actor) landlock /srv/sealed\"
            ",
            works: "systemctl start broken-landlock",
            finding: "broken-landlock.service",
            cause: "sandbox",
            remedy: Remedy::Told("setting", "only the program that made the domain can allow more"),
        },
    ],
};
