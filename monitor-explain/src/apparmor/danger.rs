//! What is dangerous about a rule.

use super::rule::Rule;
use crate::other::capability::POWERFUL;

/// Folders of secrets, by what their paths have in them.
const SECRETS: [&str; 8] = [
    "/.ssh/",
    "/.gnupg/",
    "/.aws/",
    "/.kube/",
    "/.password-store/",
    "/.local/share/keyrings/",
    "/etc/ssl/private/",
    "/etc/ssh/ssh_host_",
];

/// What is dangerous to read.
const READ: [(&str, &str); 5] = [
    ("/etc/shadow", "only programs that check passwords read it; this may be an attack"),
    ("/etc/gshadow", "only programs that check passwords read it; this may be an attack"),
    ("/dev/mem", "it is the machine's memory"),
    ("/dev/kmem", "it is the machine's memory"),
    ("/dev/port", "it is the machine's memory"),
];

/// What is dangerous to write, by how the path begins.
const WRITTEN: [(&str, &str); 17] = [
    ("/etc/passwd", ROOT),
    ("/etc/sudoers", ROOT),
    ("/etc/ld.so.preload", ROOT),
    ("/etc/cron", ROOT),
    ("/etc/systemd/system/", ROOT),
    ("@{PROC}/sys/kernel/core_pattern", ROOT),
    ("@{PROC}/sys/kernel/modprobe", ROOT),
    ("@{PROC}/sysrq-trigger", "who writes it may stop the machine"),
    ("/etc/apparmor.d/", "who writes it changes what profiles allow"),
    ("@{run}/docker.sock", ENGINE),
    ("@{run}/podman/podman.sock", ENGINE),
    ("@{run}/containerd/containerd.sock", ENGINE),
    ("/usr/bin/", OTHERS),
    ("/usr/sbin/", OTHERS),
    ("/usr/lib/", OTHERS),
    ("/bin/", OTHERS),
    ("/lib/", OTHERS),
];
const ROOT: &str = "who writes it may become root";
const ENGINE: &str = "who may ask the container engine may become root";
const OTHERS: &str = "others run it";

/// Folders in which everybody may put a program.
const SHARED: [&str; 3] = ["/tmp/", "/var/tmp/", "/dev/shm/"];

/// Whether a path, as a rule has it, is of a folder of secrets.
pub(super) fn is_secret(path: &str) -> bool {
    SECRETS.iter().any(|folder| path.contains(folder))
}

/// What is dangerous about a rule.
pub(super) fn warning(rule: &Rule) -> Option<String> {
    match rule {
        Rule::File { path, letters, .. } => {
            let writes = letters.contains(['w', 'a']);
            of_file(path, writes, letters.ends_with('x')).map(|known| format!("{path}: {known}"))
        }
        // It has the rights to the file that the rules for the link's name give.
        Rule::Link { target, .. } => {
            let known = of_file(target, false, false).or_else(|| of_file(target, true, false))?;
            Some(format!("{target}, by another name: {known}"))
        }
        Rule::Other(text) => of_other(text),
    }
}

fn of_file(path: &str, writes: bool, executes: bool) -> Option<&'static str> {
    let path = path.trim_matches('"');
    let known = |list: &[(&str, &'static str)], is_it: &dyn Fn(&str) -> bool| {
        list.iter().find(|(known, _)| is_it(known)).map(|(_, danger)| *danger)
    };
    if let Some(danger) = known(&READ, &|known| path == known) {
        return Some(danger);
    }
    // Installed programs read their certificates' keys: those are named, and no more.
    if is_secret(path) {
        return Some("it is of a folder of secrets: ask what this program has to do with it");
    }
    if writes && let Some(danger) = known(&WRITTEN, &|known| path.starts_with(known)) {
        return Some(danger);
    }
    if !executes {
        return None;
    }
    if SHARED.iter().any(|folder| path.starts_with(folder)) {
        return Some("everybody may put a program there");
    }
    let is_shell = ["/sh", "/bash", "/dash", "/zsh"].iter().any(|name| path.ends_with(name));
    is_shell.then_some("a service that starts a shell may be under attack")
}

fn of_other(text: &str) -> Option<String> {
    if let Some(name) = text.strip_prefix("capability ").and_then(|rest| rest.strip_suffix(',')) {
        if name == "net_admin" {
            return Some(
                "net_admin configures the network; programs often only try it, for larger buffers, and work without"
                    .to_owned(),
            );
        }
        return POWERFUL.contains(&name).then(|| {
            format!("{name} is much of what root may do; programs often only try it, and work without")
        });
    }
    if text.starts_with("change_profile -> unconfined") {
        return Some("unconfined is no confinement at all".to_owned());
    }
    let traces = text.starts_with("ptrace (trace)") && text.contains("peer=unconfined");
    traces.then(|| "who traces what is unconfined may do all that it may".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_dangerous_is_said() {
        let file = |path: &str, letters: &str| Rule::File {
            owner: false,
            path: path.to_owned(),
            letters: letters.to_owned(),
        };
        let link =
            |target: &str| Rule::Link { owner: false, path: "/srv/x".to_owned(), target: target.to_owned() };
        let other = |text: &str| Rule::Other(text.to_owned());
        for (rule, wanted) in [
            (file("/etc/shadow", "r"), Some("check passwords")),
            (file("@{HOME}/.ssh/id_rsa", "r"), Some("secrets")),
            (file("/etc/passwd", "r"), None),
            (file("/etc/passwd", "rw"), Some("become root")),
            (file("@{run}/docker.sock", "rw"), Some("engine")),
            (file("/tmp/phpA1b2C3", "ix"), Some("everybody")),
            (file("/tmp/x", "rw"), None),
            (file("/usr/bin/dash", "rix"), Some("shell")),
            (file("/usr/bin/gzip", "ix"), None),
            (link("/etc/shadow"), Some("check passwords")),
            (link("/etc/sudoers"), Some("become root")),
            (link("/srv/a"), None),
            (other("capability sys_admin,"), Some("much of what root may do")),
            (other("capability net_admin,"), Some("configures the network")),
            (other("capability chown,"), None),
            (other("ptrace (trace) peer=unconfined,"), Some("unconfined")),
            (other("ptrace (read) peer=unconfined,"), None),
            (other("change_profile -> unconfined,"), Some("no confinement")),
        ] {
            let said = warning(&rule);
            match wanted {
                Some(wanted) => assert!(said.is_some_and(|said| said.contains(wanted)), "{rule}"),
                None => assert_eq!(said, None, "{rule}"),
            }
        }
    }
}
