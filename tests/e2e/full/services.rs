//! Services and containers: the cgroup, the unit and the container in an event are what systemd and the runtimes say,
//! and what `/proc` says of the living process; also of a process that exits at once.
//!
//! All are refused by the profile `fenced`, which allows everything but what it doesn't name: `/forbidden`.

use serde_json::json;
use tests::expectation::Expectation;
use xtask::vm::Module;

use super::{Seen, Step};

/// What the steps share.
const FENCED: (&str, &str) = ("fenced", include_str!("fenced"));

pub(super) const STEPS: [Step; 5] = [
    Step {
        name: "a_service_that_is_refused_is_named",
        module: Module::Apparmor,
        script: "
            . /share/fenced
            cat >/run/systemd/system/fenced@.service <<end
            [Service]
            Type=oneshot
            RemainAfterExit=yes
            AppArmorProfile=fenced
            ExecStart=-/usr/bin/cat /forbidden
            end
            cat >/run/systemd/system/fenced.service <<end
            [Service]
            AppArmorProfile=fenced
            ExecStart=/bin/sh -c '$TRY_AND_STAY'
            end
            systemctl daemon-reload
            systemctl start fenced@x\\\\x2dy.service
            fact at_once $(systemctl show --property ExecMainPID --value fenced@x\\\\x2dy.service)
            mkfifo /var/tried
            systemctl start fenced.service
            cat /var/tried
            see living $(systemctl show --property MainPID --value fenced.service)
            systemctl stop fenced.service fenced@x\\\\x2dy.service
            rm /var/tried
        ",
        files: &[FENCED],
        check: |seen| {
            let unit = json!({ "name": r"fenced@x\x2dy.service", "slice": "system-fenced.slice" });
            let path = r"/system.slice/system-fenced.slice/fenced@x\\x2dy.service";
            seen.in_cgroup("at_once", &Expectation::default().field("unit", unit).field("process.cgroup.path", path))?;
            let unit = json!({ "name": "fenced.service", "slice": "system.slice" });
            seen.in_cgroup("living", &Expectation::default().field("unit", unit))?;
            seen.same_as_proc("living")
        },
    },
    Step {
        name: "a_users_service_that_is_refused_is_named",
        module: Module::Apparmor,
        script: "
            . /share/fenced
            systemctl start user@33.service
            as_user() { setpriv --reuid 33 --regid 33 --clear-groups env XDG_RUNTIME_DIR=/run/user/33 \"$@\"; }
            as_user systemd-run --user --unit at-once --property Type=oneshot --remain-after-exit \\
                aa-exec -p fenced -- cat /forbidden && exit 1
            fact at_once $(as_user systemctl --user show --property ExecMainPID --value at-once)
            mkfifo -m 666 /var/tried
            as_user systemd-run --user --unit living --slice probe aa-exec -p fenced -- sh -c \"$TRY_AND_STAY\"
            cat /var/tried
            see living $(as_user systemctl --user show --property MainPID --value living)
            systemctl stop user@33.service
            rm /var/tried
        ",
        files: &[FENCED],
        check: |seen| {
            let unit = |user_unit: &str, user_slice: &str| {
                json!({
                    "name": "user@33.service", "slice": "user-33.slice", "owner": 33,
                    "user_unit": user_unit, "user_slice": user_slice,
                })
            };
            let wanted = Expectation::default().field("unit", unit("at-once.service", "app.slice"));
            seen.in_cgroup("at_once", &wanted)?;
            let wanted = Expectation::default().field("unit", unit("living.service", "probe.slice"));
            seen.in_cgroup("living", &wanted)?;
            seen.same_as_proc("living")
        },
    },
    Step {
        name: "a_container_of_crun_or_runc_that_is_refused_is_named",
        module: Module::Apparmor,
        script: "
            . /share/fenced
            make_root
            cd /srv/container
            for runtime in crun runc; do
                rm -f config.json
                $runtime spec
                edit_spec cat /forbidden
                $runtime --systemd-cgroup run --pid-file /run/pid at-once && exit 1
                fact ${runtime}_at_once $(cat /run/pid)
                edit_spec sh -c \"$TRY_AND_STAY\"
                $runtime --systemd-cgroup run --detach --pid-file /run/pid living >/dev/null </dev/null
                cat root/var/tried
                see ${runtime}_living $(cat /run/pid)
                fact ${runtime}_list $($runtime list --quiet)
                $runtime delete --force living
                # Without systemd, the cgroup has the container's id for a name, and nothing that says so.
                edit_spec cat /forbidden
                $runtime run --pid-file /run/pid plain && exit 1
                fact ${runtime}_plain $(cat /run/pid)
            done
            remove_root
        ",
        files: &[FENCED],
        check: |seen| {
            for runtime in ["crun", "runc"] {
                let container =
                    |id: &str| json!({ "id": id, "runtime": runtime, "found_by": "cgroup" });
                let scope = |id: &str| json!({ "name": format!("{runtime}-{id}.scope"), "slice": "system.slice" });
                let wanted = Expectation::default().field("unit", scope("at-once"));
                seen.in_cgroup(&format!("{runtime}_at_once"), &wanted.field("container", container("at-once")))?;
                let id = seen.fact(&format!("{runtime}_list"))?;
                let wanted = Expectation::default().field("unit", scope("living")).field("container", container(id));
                let living = format!("{runtime}_living");
                seen.in_cgroup(&living, &wanted)?;
                seen.same_as_proc(&living)?;
                seen.in_cgroup(&format!("{runtime}_plain"), &Expectation::default().absent("container"))?;
            }
            Ok(())
        },
    },
    Step {
        name: "a_container_of_podman_that_is_refused_is_named",
        module: Module::Apparmor,
        script: "
            . /share/fenced
            make_root
            # The image's file system can't hold overlays.
            mkdir -p /etc/containers
            printf '[storage]\\ndriver = \"vfs\"\\nrunroot = \"/run/containers\"\\ngraphroot = \"/var/lib/containers\"\\n' \\
                >/etc/containers/storage.conf
            run() {
                podman \"$1\" run --name $2 --network none --security-opt apparmor=fenced --pidfile /run/pid $3 \\
                    --rootfs /srv/container/root sh -c \"$4\"
            }
            id() { podman ps --all --no-trunc --filter name=$1 --format '{{.ID}}'; }
            for manager in systemd cgroupfs; do
                run --cgroup-manager=$manager at-once '' 'exec cat /forbidden' && exit 1
                fact ${manager}_at_once $(cat /run/pid)
                fact ${manager}_at_once_id $(id at-once)
                run --cgroup-manager=$manager living --detach \"$TRY_AND_STAY\"
                cat /srv/container/root/var/tried
                see ${manager}_living $(cat /run/pid)
                fact ${manager}_living_id $(id living)
                podman rm --force --time 0 at-once living
            done
            remove_root
        ",
        files: &[FENCED],
        check: |seen| {
            for manager in ["systemd", "cgroupfs"] {
                for known in ["at_once", "living"] {
                    let known = format!("{manager}_{known}");
                    let id = seen.fact(&format!("{known}_id"))?;
                    let container = json!({ "id": id, "runtime": "podman", "found_by": "cgroup" });
                    let mut wanted = Expectation::default().field("container", container);
                    if manager == "systemd" {
                        let unit = json!({ "name": format!("libpod-{id}.scope"), "slice": "machine.slice" });
                        wanted = wanted.field("unit", unit);
                    }
                    seen.in_cgroup(&known, &wanted)?;
                }
                seen.same_as_proc(&format!("{manager}_living"))?;
            }
            Ok(())
        },
    },
    Step {
        name: "a_container_of_nspawn_that_is_refused_is_named",
        module: Module::Apparmor,
        script: "
            . /share/fenced
            make_root
            systemd-nspawn --quiet --machine probe-1 --directory /srv/container/root \\
                aa-exec -p fenced -- sh -c \"$TRY_AND_STAY\" &
            cat /srv/container/root/var/tried
            see living $(machinectl show --property Leader --value probe-1)
            fact machine $(ps -o machine= -p $living)
            machinectl terminate probe-1
            wait
            remove_root
        ",
        files: &[FENCED],
        check: |seen| {
            let id = seen.fact("machine")?;
            let container = json!({ "id": id, "runtime": "systemd-nspawn", "found_by": "cgroup" });
            let unit = json!({ "name": r"machine-probe\x2d1.scope", "slice": "machine.slice" });
            seen.in_cgroup("living", &Expectation::default().field("container", container).field("unit", unit))?;
            seen.same_as_proc("living")
        },
    },
];

impl Seen<'_> {
    /// Whether the one refusal of a process is that of `/forbidden`, and says this of its cgroup.
    fn in_cgroup(&self, known: &str, expectation: &Expectation) -> Result<(), String> {
        let denied = Expectation::denied().path("/forbidden").field("subject.label", "fenced");
        self.all_agree(known, 1, &denied)?;
        self.all_agree(known, 1, expectation)
    }

    /// Whether the event of a process has what `see` saw of the living process in `/proc`, and what `ps` said.
    fn same_as_proc(&self, known: &str) -> Result<(), String> {
        let told = |what: &str| self.fact(&format!("{known}_{what}"));
        // The event has the backslashes of systemd's escapes doubled.
        let path = told("cgroup")?.replace('\\', r"\\");
        let mut wanted = Expectation::default()
            .field("process.cgroup.path", path)
            .field("process.cgroup.id", self.number(&format!("{known}_cgroup_id"))?)
            .field("process.namespaces.pid", self.number(&format!("{known}_pid_namespace"))?);
        for (name, field) in [("unit", "unit.name"), ("uunit", "unit.user_unit"), ("slice", "unit.slice")] {
            // What `ps` has none of is `-`; it says the root slice of what no slice and no unit has.
            let said = told(name)?;
            wanted = if said == "-" || said == "-.slice" && told("unit")? == "-" {
                wanted.absent(field)
            } else {
                wanted.field(field, said)
            };
        }
        self.all_agree(known, 1, &wanted)
    }
}
