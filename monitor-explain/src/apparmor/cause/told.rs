//! What the kernel tells of a denial itself (`info=`), where no rule is what is missing.

use std::collections::BTreeSet;

use super::{Case, SHOWN, UNCONFINED};
use crate::{
    apparmor::{answer, edit, remedy, request, rule},
    finding::{Cause, Draft, Remedy, RemedyKind},
    unit,
};

/// What the kernel puts in place of an inherited file that a profile refuses (`aa_null`, security/apparmor/apparmorfs.c).
const NULL: &str = "apparmor/.null";

/// What lifts `no_new_privs`.
const WITHOUT_NO_NEW_PRIVS: &str = "have it started without no_new_privs: NoNewPrivileges= of its unit, or what implies that for \
    users other than root (SystemCallFilter=, RestrictNamespaces=, PrivateDevices=, ProtectKernelTunables= and the like); \
    setpriv, a container's option";

/// Programs by which others are started, each of which would get what they may.
const LAUNCHERS: [&str; 5] = ["bwrap", "unshare", "busybox", "flatpak", "runc"];

impl Case<'_> {
    /// What follows from what the kernel tells, if anything does.
    pub(super) fn told(&self, info: &str) -> Option<Draft> {
        let class = self.event.action.class.as_deref().unwrap_or_default();
        let draft = match info {
            _ if info.contains("disconnected") && self.event.object.name.as_deref() == Some(NULL) => {
                self.replaced()
            }
            _ if info.contains("disconnected IPC path") => self.without_path(
                "the object's path does not lead to the process's IPC namespace",
                "attach_disconnected.ipc",
                "what leads nowhere is then taken to be below the namespace's root, for its rules to allow",
            ),
            _ if info.contains("disconnected path") => self.without_path(
                "the path does not lead to the process's root",
                "attach_disconnected",
                "what leads nowhere is then taken to be below /, for its rules of / to allow",
            ),
            _ if info.contains("deleted entry") => self.deleted(),
            "no new privs" => self.kept(),
            _ if info.contains("profile transition not found") => self.without_target(),
            // What `strerror` says of ENOENT, when dbus-daemon asks the kernel.
            "No such file or directory" if class == "dbus" => self.without_profile(),
            "label not found" => self.without_label()?,
            "hat not found" => self.without_hat(),
            _ if self.label == "unprivileged_userns" => self.userns(),
            _ if self.label == UNCONFINED && class == "namespace" => self.userns(),
            _ if self.label == UNCONFINED => self.unconfined(),
            _ => return None,
        };
        Some(if info.is_empty() { draft } else { draft.because(format!("the kernel says: {info}")) })
    }

    /// A flag of the profile says what becomes of files that have no path.
    fn without_path(&self, why: &str, flag: &str, danger: &str) -> Draft {
        let label = self.label;
        let mut remedy = Remedy::new(
            RemedyKind::Setting,
            format!("give the profile flags=({flag}): `profile {label} flags=({flag}) {{`"),
        )
        .warn(danger);
        let mut draft = self.draft(Cause::Disconnected, why);
        if let Some(generated) = self.generated() {
            draft = draft.because(generated.evidence(label));
            remedy.text = generated.flagged(flag);
        } else if let Some(known) = self.known() {
            let at = known.profile().at.line;
            draft = draft.because(format!("the profile is in {}:{at}", known.file().display()));
            remedy = edit::flagged(&known, flag, remedy);
        }
        draft.remedy(remedy)
    }

    /// Without `mediate_deleted`, no rule is asked (`d_namespace_path`, security/apparmor/path.c).
    fn deleted(&self) -> Draft {
        let mut draft = self.without_path(
            "the file is deleted, and no rule is asked about such a file",
            "mediate_deleted",
            "its rules then hold for deleted files, too, by the names that they had",
        );
        let known = self.known();
        let request = request::request(self.event).filter(|request| {
            known.as_ref().is_none_or(|known| !answer::ask(&known.profile().entries, request).is_allowed())
        });
        if let Some(request) = request {
            for rule in remedy::rules(&BTreeSet::from([request]), known.as_deref(), self.library()).rules {
                draft = draft.because(format!("after that, this rule is wanted, too: {rule}"));
            }
        }
        draft
    }

    /// It is not the file that was asked for.
    fn replaced(&self) -> Draft {
        let mut text = "nothing for this: see the denial of file_inherit beside it".to_owned();
        if self.generated().is_none() {
            text.push_str("; if that is of a terminal (/dev/pts/), abstractions/consoles allows it");
        }
        self.draft(Cause::Leak, "a file that it was to inherit was refused, and this stands in its place")
            .remedy(Remedy::new(RemedyKind::Nothing, text))
    }

    /// The rules that are about it, as evidence.
    fn with_rules(&self, mut draft: Draft) -> Draft {
        let known = self.known();
        if let Some((known, request)) = known.zip(request::request(self.event)) {
            for entry in answer::ask(&known.profile().entries, &request).allowing.iter().take(SHOWN) {
                draft = draft.because(format!("{}: `{}`", known.position(entry), entry.text));
            }
        }
        draft
    }

    /// The profile that was to be entered.
    fn target(&self) -> Option<&str> {
        self.event.object.target.as_deref().or(self.event.object.name.as_deref())
    }

    /// The rule for it is there, and `no_new_privs` keeps the process under the profile that it has.
    fn kept(&self) -> Draft {
        // The name of what is executed is the program's.
        let target = if self.executes() { self.event.object.target.as_deref() } else { self.target() };
        let why = match target {
            Some(target) => format!("no_new_privs is set, and forbids the change to the profile {target}"),
            None => "no_new_privs is set, and forbids the change to another profile".to_owned(),
        };
        let mut draft = self.with_rules(self.draft(Cause::Transition, &why));
        let danger = "programs with set-user-id that it starts get their rights again";
        let unit = unit::service(self.event).and_then(|name| self.place.unit(&self.event.host, &name));
        let remedy = match unit {
            Some(unit) if unit.get("NoNewPrivileges") == Some("yes") => {
                draft = draft.because(format!("{} has NoNewPrivileges=yes", unit.name));
                unit.set("NoNewPrivileges=no")
            }
            _ => Remedy::new(RemedyKind::Setting, WITHOUT_NO_NEW_PRIVS),
        };
        draft = draft.remedy(remedy.warn(danger));
        if let Some(generated) = self.generated().filter(|_| self.executes()) {
            draft = draft
                .because(generated.evidence(self.label))
                .remedy(Remedy::new(RemedyKind::Setting, generated.under_one()));
        } else if self.executes() {
            draft = draft.remedy(Remedy::new(
                RemedyKind::Rules,
                "let its rule run the program under the same profile (ix), or under both (px -> &NAME): no_new_privs \
                 permits that",
            ));
        }
        draft
    }

    fn executes(&self) -> bool {
        self.event.action.operation.as_deref() == Some("exec")
    }

    /// The rule for a program names a profile that is not loaded.
    fn without_target(&self) -> Draft {
        let draft = self.draft(Cause::Profile, "the profile that the program is to run under is not loaded");
        let Some(generated) = self.generated() else {
            return self.with_rules(draft).remedy(Remedy::new(
                RemedyKind::Setting,
                "load the profile that the rule names, or that is for the program (apparmor_parser -r FILE), or name another",
            ));
        };
        draft
            .because(generated.evidence(self.label))
            .remedy(Remedy::new(RemedyKind::Setting, generated.load()))
            .remedy(Remedy::new(RemedyKind::Setting, generated.setting()))
    }

    /// A profile that a process, or systemd for it, asked to enter is not loaded.
    fn without_label(&self) -> Option<Draft> {
        let target = self.target()?;
        let case = Case { label: target, ..*self };
        let draft =
            self.draft(Cause::Profile, &format!("the profile {target}, which was asked for, is not loaded"));
        Some(case.load(draft, format!(
            "load the profile {target} (apparmor_parser -r FILE), or mend the name where it is asked for: \
             AppArmorProfile= of the unit, the container's profile"
        )))
    }

    /// The remedy that the profile is loaded, by its file if that is known.
    fn load(&self, draft: Draft, otherwise: String) -> Draft {
        let Some(known) = self.known() else {
            if let Some(generated) = self.generated() {
                return draft
                    .because(generated.evidence(self.label))
                    .remedy(Remedy::new(RemedyKind::Setting, generated.load()));
            }
            return draft
                .because(remedy::nowhere(self.label))
                .remedy(Remedy::new(RemedyKind::Setting, otherwise));
        };
        let at = format!("{}:{}", known.file().display(), known.profile().at.line);
        let mut draft = draft.because(format!("the profile is in {at}"));
        if self.is_loaded_since() {
            draft.key.push_str(" and loaded");
            draft.finding.cause = Cause::Allowed;
            return draft.remedy(Remedy::new(RemedyKind::Nothing, "nothing: it was loaded after the denial"));
        }
        draft.remedy(
            Remedy::new(RemedyKind::Reload, "load the profile again").run(edit::reload(known.loaded())),
        )
    }

    /// dbus-daemon asked about a profile that the kernel does not have: that of one of the two.
    fn without_profile(&self) -> Draft {
        let peer = self.event.object.label.as_deref();
        let label = if self.label == UNCONFINED { peer.unwrap_or(self.label) } else { self.label };
        let case = Case { label, ..*self };
        let draft = case.draft(
            Cause::Profile,
            "it is not loaded any more, and dbus-daemon refuses what AppArmor has no answer for",
        );
        case.load(
            draft,
            format!("load the profile {label} again, or restart what ran under it, which is then unconfined"),
        )
    }

    fn without_hat(&self) -> Draft {
        let hat = self.target().and_then(|target| target.rsplit("//").next()).unwrap_or("NAME");
        let draft = self.draft(Cause::Profile, &format!("it has no hat {hat}, which the program asks for"));
        if let Some(generated) = self.generated() {
            return draft
                .because(generated.evidence(self.label))
                .remedy(Remedy::new(RemedyKind::Setting, generated.setting()));
        }
        draft.remedy(Remedy::new(
            RemedyKind::Rules,
            format!(
                "write the hat into the profile (`^{hat} {{ }}`) with the rules that the program needs there, and load it \
                 again; or have the program not ask for it (AAHatName, AADefaultHatName of Apache)"
            ),
        ))
    }

    /// Only what has a profile that allows it may make user namespaces.
    fn userns(&self) -> Draft {
        const WORSE: &str = "the sysctl that lifts this for all programs is worse";
        let exe = self.event.process.exe.as_deref().filter(|exe| exe.starts_with('/'));
        let Some((program, name)) = exe.and_then(|exe| Some((exe, exe.rsplit('/').next()?))) else {
            return self.draft(Cause::Profile, "a program without a profile made a user namespace").remedy(
                Remedy::new(
                    RemedyKind::Setting,
                    format!("write a profile of its own for the program, with `userns,`; {WORSE}"),
                ),
            );
        };
        let why = format!("{program}, which has no profile, made a user namespace");
        let text = format!(
            "write a profile of its own for the program, and load it: `profile {} {} flags=(unconfined) {{ userns, }}`; {WORSE}",
            rule::quoted(name),
            rule::quoted(program)
        );
        let mut remedy = Remedy::new(RemedyKind::Setting, text);
        if LAUNCHERS.contains(&name) {
            remedy = remedy.warn(format!(
                "whatever is started by {name} may make user namespaces then: a profile for what starts it is less"
            ));
        }
        self.draft(Cause::Profile, &why).remedy(remedy)
    }

    /// No profile refused it, so that none is to be changed.
    fn unconfined(&self) -> Draft {
        let operation = self.event.action.operation.as_deref().unwrap_or("unknown");
        if operation == "change_hat" {
            return self.draft(Cause::Profile, "a program without a profile asks for a hat").remedy(Remedy::new(
                RemedyKind::Setting,
                "load a profile for the program, or have it not ask for hats (mod_apparmor, pam_apparmor)",
            ));
        }
        self.draft(Cause::Setting, &format!("programs without a profile may not do it ({operation})"))
            .remedy(Remedy::new(RemedyKind::Setting, "give the program a profile of its own that allows it"))
    }
}
