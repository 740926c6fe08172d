//! `denyd status` and the metrics say what the administrator's own tools say.

use xtask::vm::Module;

use super::Step;

/// Reads what denyd says, for the scripts below.
const DENYD: &str = r##"
            cat >/run/denyd_says.py <<'end'
            import json, re, subprocess, urllib.request
            def run(*command):
                return subprocess.run(command, capture_output=True, text=True)
            def status():
                asked = run("denyd", "status", "--json", "--daemon", "127.0.0.1:9935")
                return asked.returncode, json.loads(asked.stdout)
            def metrics(accept="text/plain"):
                asked = urllib.request.Request("http://127.0.0.1:9935/metrics", headers={"Accept": accept})
                return urllib.request.urlopen(asked).read().decode()
            def metric(series):
                return float(re.search("^" + re.escape(series) + " (.*)$", metrics(), re.M)[1])
            def same(what, ours, theirs):
                assert ours == theirs, f"{what}: denyd says {ours!r}, the tool {theirs!r}"
            def audit():
                said = dict(line.split(None, 1) for line in run("auditctl", "-s").stdout.splitlines() if " " in line)
                ours = status()[1]["posture"]["audit"]
                for mine, theirs in [("enabled", "enabled"), ("backlog_limit", "backlog_limit"), ("lost", "lost"),
                                     ("rate_limit", "rate_limit"), ("auditd_pid", "pid")]:
                    same(theirs, ours[mine], int(said[theirs]))
                assert metrics("application/openmetrics-text;version=1.0.0").endswith("# EOF\n")
            end
"##;

/// What `status_says_what_getenforce_sestatus_and_auditctl_say` runs.
const SELINUX: &str = r#"
            cat >/run/check.py <<'end'
            exec(open("/run/denyd_says.py").read())
            code, said = status()
            selinux = said["posture"]["selinux"]
            same("getenforce", selinux["enforcing"], run("getenforce").stdout == "Enforcing\n")
            sestatus = dict(re.split(r":\s+", line) for line in run("sestatus").stdout.splitlines())
            same("policy version", selinux["policy_version"], int(sestatus["Max kernel policy version"]))
            same("deny_unknown", selinux["deny_unknown"], sestatus["Policy deny_unknown status"] == "denied")
            booleans = run("getsebool", "-a").stdout
            same("booleans", selinux["booleans"]["on"], booleans.count("--> on"))
            same("booleans", selinux["booleans"]["off"], booleans.count("--> off"))
            audit()
            same("enforcing", metric("denyd_selinux_enforcing"), 1)
            assert code in (0, 7), said
            loads = metric("denyd_selinux_policy_loads")
            permissive = metric("denyd_selinux_permissive_domains")
            run("setenforce", "0")
            same("permissive", metric("denyd_selinux_enforcing"), 0)
            same("exit status", status()[0], 5)
            run("setenforce", "1")
            run("setsebool", "httpd_can_network_connect", "on")
            same("changed", metric("denyd_selinux_booleans_changed"), 1)
            same("generation", metric("denyd_selinux_policy_loads") > loads, True)
            run("setsebool", "httpd_can_network_connect", "off")
            same("changed", metric("denyd_selinux_booleans_changed"), 0)
            open("/run/permissive.cil", "w").write("(typepermissive httpd_t)")
            made = run("semodule", "-i", "/run/permissive.cil")
            assert made.returncode == 0, made
            same("permissive", metric("denyd_selinux_permissive_domains"), permissive + 1)
            run("semodule", "-r", "permissive")
            same("permissive", metric("denyd_selinux_permissive_domains"), permissive)
            assert metric("denyd_selinux_avc_lookups_total") > 0
            # What the step with nginx was denied.
            for by in ['subject_total{module="selinux",subject="httpd_t"', 'unit_total{module="selinux",unit="nginx.service"']:
                assert metric('denyd_denials_by_%s,verdict="denied"}' % by) >= 2, metrics()
            end
            python3 /run/check.py
"#;

/// What `status_says_what_aa_status_and_auditctl_say` runs.
const APPARMOR: &str = r#"
            cat >/run/check.py <<'end'
            exec(open("/run/denyd_says.py").read())
            def profiles():
                return list(json.loads(run("aa-status", "--json").stdout)["profiles"].values())
            def compare():
                said = status()[1]["posture"]["apparmor"]["profiles"]
                for mode in ["enforce", "complain", "kill", "unconfined"]:
                    same(mode, said[mode], profiles().count(mode))
                    same(mode, metric('denyd_apparmor_profiles{mode="%s"}' % mode), profiles().count(mode))
            open("/run/profile", "w").write("profile stern /usr/bin/stern {\n}\nprofile mild /usr/bin/mild flags=(complain) {\n}\n")
            loaded = run("apparmor_parser", "--add", "/run/profile")
            assert loaded.returncode == 0, loaded
            compare()
            revision = metric("denyd_apparmor_policy_revision")
            run("apparmor_parser", "--replace", "--Complain", "/run/profile")
            compare()
            assert metric("denyd_apparmor_policy_revision") > revision
            run("apparmor_parser", "--remove", "/run/profile")
            compare()
            audit()
            end
            python3 /run/check.py
"#;

pub(super) fn steps() -> Vec<Step> {
    let step = |name, module, script: &str| Step {
        name,
        module,
        files: &[],
        script: [DENYD, script].concat().leak(),
        check: |_| Ok(()),
    };
    vec![
        step("status_says_what_getenforce_sestatus_and_auditctl_say", Module::Selinux, SELINUX),
        step("status_says_what_aa_status_and_auditctl_say", Module::Apparmor, APPARMOR),
    ]
}
