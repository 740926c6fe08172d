//! What AppArmor's profiles refuse services.

use xtask::vm::Module;

use super::{Broken, Remedy, Set};

/// A service whose profile lacks a rule.
const fn lacks(
    name: &'static str,
    given: &'static str,
    works: &'static str,
    finding: &'static str,
    rule: &'static str,
) -> Broken {
    Broken { name, given, works, finding, cause: "profile", remedy: Remedy::Mends("rules", rule) }
}

pub(super) const SET: Set = Set {
    name: "broken-apparmor",
    module: Module::Apparmor,
    shared: include_str!("apparmor"),
    services: &[
        lacks(
            "file",
            "
                echo x >/srv/data
                echo 'include if exists <local/broken-file>' | confined file '/bin/cat /srv/data'
            ",
            "systemctl start broken-file",
            "broken-file.service",
            "\"owner /srv/data r,\"",
        ),
        lacks(
            "name_with_a_tunable",
            "confined tunable '/bin/cat /proc/self/oom_score' </dev/null",
            "systemctl start broken-tunable",
            "broken-tunable.service",
            "\"owner @{PROC}/@{pid}/oom_score r,\"",
        ),
        lacks(
            "names_with_numbers",
            "
                mkdir -p /srv/spool
                echo x | tee /srv/spool/job-1 /srv/spool/job-2 >/srv/spool/job-17
                confined glob '/bin/cat /srv/spool/job-1 /srv/spool/job-2 /srv/spool/job-17' </dev/null
            ",
            "systemctl start broken-glob",
            "broken-glob.service",
            "\"owner /srv/spool/job-[0-9]* r,\"",
        ),
        lacks(
            "abstraction",
            "
                mkdir -p /usr/share/mysql/charsets
                cd /usr/share/mysql/charsets
                echo x | tee Index.xml >latin1.xml
                confined abstraction \"/bin/cat $PWD/Index.xml $PWD/latin1.xml\" </dev/null
            ",
            "systemctl start broken-abstraction",
            "broken-abstraction.service",
            "\"include <abstractions/mysql>\"",
        ),
        lacks(
            "program",
            "
                cp /bin/true /srv/tool
                confined exec '/bin/sh -c /srv/tool' </dev/null
            ",
            "systemctl start broken-exec",
            "broken-exec.service",
            "\"/srv/tool ix,\"",
        ),
        lacks(
            "capability",
            "
                echo x >/srv/own
                echo '/srv/own rw,' | confined capability '/bin/chown 33 /srv/own'
            ",
            "systemctl start broken-capability",
            "broken-capability.service",
            "\"capability chown,\"",
        ),
        lacks(
            "network",
            "
                confined network \\
                    '/usr/bin/python3 -SEsc \"import socket; socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\"' </dev/null
            ",
            "systemctl start broken-network",
            "broken-network.service",
            "\"network inet dgram,\"",
        ),
        lacks(
            "signal",
            "
                peer
                confined signal \"/bin/kill -CONT $(cat /run/peer)\" </dev/null
            ",
            "systemctl start broken-signal",
            "broken-signal.service",
            "\"signal (send) set=(cont) peer=unconfined,\"",
        ),
        lacks(
            "ptrace",
            "
                peer
                echo '@{PROC}/@{pid}/exe r,' | confined ptrace \"/bin/readlink /proc/$(cat /run/peer)/exe\"
            ",
            "systemctl start broken-ptrace",
            "broken-ptrace.service",
            "\"ptrace (read) peer=unconfined,\"",
        ),
        lacks(
            "unix_socket",
            "echo '/run/systemd/journal/dev-log w,' | confined unix '/usr/bin/logger hello'",
            "systemctl start broken-unix",
            "broken-unix.service",
            "\"unix (create) type=dgram,\"",
        ),
        lacks(
            "mount",
            "
                confined mount '/bin/mount -t tmpfs none /mnt' <<end
                capability sys_admin,
                @{PROC}/** r,
                /run/mount/** rwk,
                end
            ",
            "systemctl start broken-mount",
            "broken-mount.service",
            "\"mount fstype=tmpfs none -> /mnt/,\"",
        ),
        lacks(
            "link",
            "
                echo x >/srv/target
                echo '/srv/target r,' | confined link '/bin/ln /srv/target /srv/linked'
            ",
            "rm -f /srv/linked && systemctl start broken-link",
            "broken-link.service",
            "\"owner link /srv/linked -> /srv/target,\"",
        ),
        lacks(
            "change_of_profile",
            "
                confined change '/usr/bin/aa-exec -p sentinel -- /bin/true' <<end
                @{PROC}/@{pid}/{mounts,attr/**} rw,
                /sys/module/apparmor/parameters/enabled r,
                end
            ",
            "systemctl start broken-change",
            "broken-change.service",
            "\"change_profile -> sentinel,\"",
        ),
        Broken {
            name: "dbus_and_a_profile_that_is_not_loaded",
            given: "
                mkfifo /run/connected /run/go
                printf 'file,\\nunix,\\nnetwork,\\n' | confined dbus '/usr/bin/python3 /share/caller.py answered'
                # A restart would wait for what is below.
                printf '[Unit]\\nConditionPathExists=/run/calling\\n' >>/run/systemd/system/broken-dbus.service
            ",
            // dbus-daemon refuses what runs under a profile that is gone, and does not answer.
            works: "
                : >/run/calling
                systemctl start broken-dbus &
                cat /run/connected
                rm /run/calling
                if [ -e /run/unloaded ]; then
                    : >/run/go
                    wait $!
                else
                    apparmor_parser --remove /etc/apparmor.d/broken-dbus
                    : >/run/unloaded >/run/go
                    python3 /share/everywhere.py first denyd tail --follow -n all -o json --subject broken-dbus
                    systemctl stop broken-dbus
                    false
                fi
            ",
            finding: "broken-dbus",
            cause: "profile",
            remedy: Remedy::MendsForGood("reload", "apparmor_parser -r /etc/apparmor.d/broken-dbus"),
        },
        Broken {
            name: "explicit_deny_is_asked_about",
            given: "
                echo x >/srv/shut
                printf '/srv/* r,\\naudit deny /srv/shut r,\\n' | confined deny '/bin/cat /srv/shut'
            ",
            works: "systemctl start broken-deny",
            finding: "broken-deny.service",
            cause: "deny",
            remedy: Remedy::Told("rules", "\"warnings\""),
        },
    ],
};
