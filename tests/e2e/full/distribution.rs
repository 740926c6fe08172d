//! Denials as administrators meet them: by the distribution's own policy, by profiles made of its abstractions.

use tests::expectation::Expectation;
use xtask::vm::Module;

use super::Step;

pub(super) const STEPS: [Step; 2] = [
    Step {
        name: "a_profile_of_the_distribution_refuses",
        module: Module::Apparmor,
        script: "
            cat >/run/profile <<'end'
            abi <abi/3.0>,
            include <tunables/global>
            profile no_shadow /usr/bin/head {
                include <abstractions/base>
            }
            end
            apparmor_parser --add /run/profile
            known reader head -c 1 /etc/shadow && exit 1
            apparmor_parser --remove /run/profile
        ",
        files: &[],
        check: |seen| {
            let wanted = Expectation::denied().path("/etc/shadow").field("subject.label", "no_shadow");
            seen.all_agree("reader", 1, &wanted)
        },
    },
    Step {
        name: "the_policy_keeps_nginx_from_a_file_that_was_moved_from_a_home",
        module: Module::Selinux,
        script: r#"
            echo money >/var/www/html/ledger
            chcon -t user_home_t /var/www/html/ledger
            systemctl start nginx
            fact worker $(pgrep -P $(cat /run/nginx.pid))
            python3 -c 'import urllib.request as r; r.urlopen("http://127.0.0.1/ledger")' && exit 1
            systemctl stop nginx
        "#,
        files: &[],
        check: |seen| {
            let wanted = Expectation::denied().path("/var/www/html/ledger").action("file", ["getattr"]);
            let wanted = wanted
                .field("subject.label", "system_u:system_r:httpd_t:s0")
                .field("object.label", "system_u:object_r:user_home_t:s0")
                .field("process.comm", "nginx")
                .field("process.cgroup.path", "/system.slice/nginx.service");
            // By its name, and as a folder.
            seen.all_agree("worker", 2, &wanted)
        },
    },
];
