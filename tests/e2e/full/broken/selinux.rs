//! What SELinux refuses services: nginx, nscd, ip.

use xtask::vm::Module;

use super::{Broken, Remedy, Set};

pub(super) const SET: Set = Set {
    name: "broken-selinux",
    module: Module::Selinux,
    shared: include_str!("selinux"),
    services: &[
        Broken {
            name: "label_after_mv",
            given: "
                echo x >/root/moved.html
                mv /root/moved.html /var/www/html
            ",
            works: "get 8080 /moved.html",
            finding: "/var/www/html/moved.html",
            cause: "label",
            remedy: Remedy::Mends("relabel", "restorecon -v /var/www/html/moved.html"),
        },
        Broken {
            name: "label_of_a_local_rule",
            given: "
                mkdir /var/www/html/shop
                echo x >/var/www/html/shop/index.html
                semanage fcontext -a -t var_t '/var/www/html/shop(/.*)?'
                restorecon -R /var/www/html/shop
            ",
            works: "get 8080 /shop/index.html",
            finding: "/var/www/html/shop",
            cause: "label",
            remedy: Remedy::Mends("file_context", "semanage fcontext -d"),
        },
        Broken {
            name: "custom_path",
            given: "
                mkdir /var/site
                echo x >/var/site/index.html
                location site 'alias /var/site/;'
            ",
            works: "get 8080 /site/index.html",
            finding: "/var/site",
            cause: "custom_path",
            remedy: Remedy::Mends("file_context", "'/var/site(/.*)?'"),
        },
        Broken {
            name: "boolean",
            given: "
                systemd-run --quiet --unit=backend python3 -m http.server --directory /var 5432
                location db 'proxy_pass http://127.0.0.1:5432/;'
            ",
            works: "get 8080 /db/",
            finding: "on postgresql_port_t",
            cause: "boolean",
            remedy: Remedy::Mends("boolean", "setsebool -P httpd_can_network_connect_db=on"),
        },
        Broken {
            name: "pair_of_booleans",
            // Stands for NFS: a mount whose files have no labels of their own.
            given: "
                mkdir /var/home
                mount -t tmpfs -o context=system_u:object_r:nfs_t:s0 none /var/home
                echo x >/var/home/index.html
                location home 'alias /var/home/;'
            ",
            works: "get 8080 /home/index.html",
            finding: "on nfs_t",
            cause: "boolean",
            remedy: Remedy::Mends("boolean", "setsebool -P httpd_enable_homedirs=on use_nfs_home_dirs=on"),
        },
        Broken {
            name: "port",
            given: "
                echo 'http { server { listen 8888; return 200; } }' |
                    another_nginx port 'ExecStart=/usr/sbin/nginx -c /etc/nginx/port.conf'
            ",
            works: "systemctl restart broken-port && get 8888 /",
            finding: "on unreserved_port_t",
            cause: "port",
            remedy: Remedy::Mends("port", "semanage port -a -t http_port_t -p tcp 8888"),
        },
        Broken {
            name: "module",
            // A page that is there while users may not log in.
            given: "
                : >/etc/nologin
                restorecon /etc/nologin
                location nologin 'if (-f /etc/nologin) { return 200; } return 404;'
            ",
            works: "get 8080 /nologin/",
            finding: "on shutdown_etc_t",
            cause: "no_rule",
            remedy: Remedy::Mends("module", r#""target":"shutdown_etc_t""#),
        },
        Broken {
            name: "constraint",
            // As policies confine services by categories, and as `cp -a` restores a file of another machine.
            given: "
                echo '(typeattributeset mcs_constrained_type (httpd_t))' >/run/modules/categories.cil
                echo x >/var/www/html/restored.html
                chcon -l s0:c1,c2 /var/www/html/restored.html
            ",
            works: "get 8080 /restored.html",
            finding: "/var/www/html/restored.html",
            cause: "constraint",
            remedy: Remedy::Mends("relabel", "restorecon -v -F /var/www/html/restored.html"),
        },
        Broken {
            name: "extended_permission",
            // Of the ioctls of disks, one.
            given: "
                echo '(allowx fsadm_t fixed_disk_device_t (ioctl blk_file (0x1260)))' >/run/modules/one_ioctl.cil
                unit extended 'ExecStart=/usr/sbin/blockdev --getsize64 /dev/nvme0n1'
            ",
            works: "systemctl start broken-extended",
            finding: "fsadm_t was refused blk_file { ioctl } on fixed_disk_device_t",
            cause: "extended",
            // 0x1272, BLKGETSIZE64.
            remedy: Remedy::Mends("module", "[4722"),
        },
        Broken {
            name: "transition_that_no_new_privs_forbids",
            given: "
                echo 'http { server { listen 8008; return 200; } }' |
                    another_nginx unprivileged NoNewPrivileges=yes \\
                        'ExecStart=/bin/sh -c \"exec nginx -c /etc/nginx/unprivileged.conf\"'
            ",
            // It runs, and not confined as nginx.
            works: "
                systemctl restart broken-unprivileged &&
                    grep :httpd_t: /proc/$(cat /run/nginx-unprivileged.pid)/attr/current
            ",
            finding: "process2 { nnp_transition } on httpd_t",
            cause: "transition",
            remedy: Remedy::Mends("setting", "NoNewPrivileges=no"),
        },
        Broken {
            name: "permissive_domain",
            given: "
                echo '(typepermissive nscd_t)' >/run/modules/permissive.cil
                printf 'logfile /var/nscd.log\\nenable-cache passwd no\\n' >/etc/nscd.conf
                : >/var/nscd.log
            ",
            // It does as it is, and would if the domain was enforcing.
            works: "
                systemctl restart nscd && [ $(stat -c %C /var/nscd.log) = system_u:object_r:nscd_log_t:s0 ]
            ",
            finding: "nscd_t would be refused file",
            cause: "custom_path",
            remedy: Remedy::Mends("file_context", "nscd_log_t"),
        },
        Broken {
            name: "leaked_descriptor_is_told",
            given: "unit leaky 'ExecStart=/bin/sh -c \"exec ip link 9>>/var/lib/leaked\"'",
            works: "systemctl start broken-leaky",
            finding: "file { append } on var_lib_t",
            cause: "leak",
            remedy: Remedy::Told("refuse", "leave it refused"),
        },
        Broken {
            name: "attack_is_told",
            given: "location passwords 'alias /etc/shadow;'",
            works: "get 8080 /passwords/",
            finding: "on shadow_t",
            cause: "attack",
            remedy: Remedy::Told("refuse", "leave it refused"),
        },
    ],
};
