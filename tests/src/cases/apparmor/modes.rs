//! Modes of profiles, their kinds, and changes from one to another.

use super::{APP, case, denied, denied_file};
use crate::{
    case::Case,
    confinement::{Confinement, apparmor},
    operation::file,
    scene,
};

pub(super) fn cases() -> Vec<Case> {
    vec![
        case("apparmor_permitted_in_complain_mode")
            .given(|_| scene::file("/srv/shut/complain"))
            .confined_by(Confinement::Apparmor("watched"))
            .when(|_| file::open_to_write("/srv/shut/complain").map(drop))
            .succeeds()
            .expect(
                denied_file("open", "w", "/srv/shut/complain")
                    .field("verdict", "permitted")
                    .field("subject.label", "watched"),
            ),
        case("apparmor_denied_in_kill_mode")
            .given(|_| scene::file("/srv/shut/kill"))
            .confined_by(Confinement::Apparmor("deadly"))
            .when(|_| file::open_to_write("/srv/shut/kill").map(drop))
            .killed_by(libc::SIGKILL)
            .expect(
                denied_file("open", "w", "/srv/shut/kill")
                    .field("verdict", "denied")
                    .field("subject.label", "deadly"),
            ),
        case("apparmor_denied_child_profile_reports_its_whole_name")
            .given(|_| scene::file("/srv/shut/child"))
            .confined_by(Confinement::Apparmor("app//child"))
            .when(|_| file::open_to_read("/srv/shut/child").map(drop))
            .expect(denied_file("open", "r", "/srv/shut/child").field("subject.label", "app//child")),
        case("apparmor_denied_in_a_namespace_reports_it")
            .given(|_| scene::file("/srv/shut/namespace"))
            .confined_by(Confinement::Apparmor(":inner:app"))
            .when(|_| file::open_to_read("/srv/shut/namespace").map(drop))
            .expect(
                denied_file("open", "r", "/srv/shut/namespace").field("subject.namespace", "root//inner"),
            ),
        case("apparmor_denied_by_one_profile_of_a_stack")
            .given(|_| scene::file("/srv/open/stack"))
            .before(|_| apparmor("current", "stack bare"))
            .confined_by(Confinement::None)
            .when(|_| file::open_to_read("/srv/open/stack").map(drop))
            .expect(denied_file("open", "r", "/srv/open/stack").field("subject.label", "bare")),
        case("apparmor_denied_profile_entered_by_exec")
            .given(|_| scene::file("/srv/shut/by-exec"))
            .confined_by(Confinement::ApparmorExec("app"))
            .when(|_| file::open_to_read("/srv/shut/by-exec").map(drop))
            .expect(denied_file("open", "r", "/srv/shut/by-exec")),
        case("apparmor_denied_change_of_profile")
            .confined_by(APP)
            .when(|_| apparmor("current", "changeprofile bare"))
            .expect(denied("change_profile").field("object.name", "bare")),
        case("apparmor_denied_change_of_profile_on_exec")
            .when(|_| apparmor("exec", "exec bare"))
            .expect(denied("change_onexec").field("object.name", "bare")),
        case("apparmor_denied_stacking")
            .when(|_| apparmor("current", "stack bare"))
            .expect(denied("stack").field("object.name", "bare")),
    ]
}
