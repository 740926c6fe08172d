//! Contexts of every shape: users, roles, sensitivities and categories.

use rustix::process::Signal;

use super::{case, denied};
use crate::{
    case::Case,
    confinement::Confinement,
    expectation::Expectation,
    operation::{file, policy, process},
    scene::labelled_file,
};

/// What the kernel takes for unlabeled.
const UNLABELED: &str = "system_u:object_r:unlabeled_t:s0";

pub(super) fn cases() -> Vec<Case> {
    vec![
        case("selinux_denied_subject_with_one_category")
            .given(|_| labelled_file("/srv/mls/one", "system_u:object_r:secret_t:s0:c1023"))
            .confined_by(Confinement::Selinux("system_u:system_r:app_t:s0:c5"))
            .when(|_| file::open_to_write("/srv/mls/one").map(drop))
            .expect(
                denied("file", ["write"])
                    .field("subject.label", "system_u:system_r:app_t:s0:c5")
                    .field("object.label", "system_u:object_r:secret_t:s0:c1023"),
            ),
        case("selinux_denied_subject_with_two_categories")
            .given(|_| labelled_file("/srv/mls/two", "system_u:object_r:secret_t:s0:c63,c64"))
            .confined_by(Confinement::Selinux("system_u:system_r:app_t:s0:c1,c384"))
            .when(|_| file::open_to_write("/srv/mls/two").map(drop))
            .expect(
                denied("file", ["write"])
                    .field("subject.label", "system_u:system_r:app_t:s0:c1,c384")
                    .field("object.label", "system_u:object_r:secret_t:s0:c63,c64"),
            ),
        case("selinux_denied_subject_with_a_run_of_categories")
            .given(|_| labelled_file("/srv/mls/run", "system_u:object_r:secret_t:s0:c60.c70"))
            .confined_by(Confinement::Selinux("system_u:system_r:app_t:s0:c0.c2,c4,c6.c9,c383.c385"))
            .when(|_| file::open_to_write("/srv/mls/run").map(drop))
            .expect(
                denied("file", ["write"])
                    .field("subject.label", "system_u:system_r:app_t:s0:c0.c2,c4,c6.c9,c383.c385")
                    .field("object.label", "system_u:object_r:secret_t:s0:c60.c70"),
            ),
        case("selinux_denied_subject_with_all_categories_above")
            .given(|_| labelled_file("/srv/mls/all", "system_u:object_r:secret_t:s0:c0.c1023"))
            .confined_by(Confinement::Selinux("system_u:system_r:app_t:s0-s0:c0.c1023"))
            .when(|_| file::open_to_write("/srv/mls/all").map(drop))
            .expect(
                denied("file", ["write"])
                    .field("subject.label", "system_u:system_r:app_t:s0-s0:c0.c1023")
                    .field("object.label", "system_u:object_r:secret_t:s0:c0.c1023"),
            ),
        case("selinux_denied_subject_with_a_range_of_levels")
            .given(|_| labelled_file("/srv/mls/range", "system_u:object_r:secret_t:s1:c3"))
            .confined_by(Confinement::Selinux("system_u:system_r:app_t:s0:c1-s1:c1,c7.c10"))
            .when(|_| file::open_to_write("/srv/mls/range").map(drop))
            .expect(
                denied("file", ["write"])
                    .field("subject.label", "system_u:system_r:app_t:s0:c1-s1:c1,c7.c10")
                    .field("object.label", "system_u:object_r:secret_t:s1:c3"),
            ),
        case("selinux_denied_subject_of_another_user_and_role")
            .given(|_| labelled_file("/srv/mls/staff", "staff_u:object_r:secret_t:s0"))
            .confined_by(Confinement::Selinux("staff_u:staff_r:staff_t:s0"))
            .when(|_| file::open_to_write("/srv/mls/staff").map(drop))
            .expect(
                denied("file", ["write"])
                    .field("subject.label", "staff_u:staff_r:staff_t:s0")
                    .field("object.label", "staff_u:object_r:secret_t:s0"),
            ),
        case("selinux_denied_subject_whose_type_the_policy_no_longer_knows")
            .given(|_| labelled_file("/srv/mls/leaving", "secret_t"))
            .confined_by(Confinement::Selinux("system_u:system_r:leaving_t:s0:c7"))
            .when(|_| {
                policy::load_with_type_renamed("leaving_t", "arrived_t")?;
                file::open_to_write("/srv/mls/leaving").map(drop)
            })
            .expect(Expectation::policy_changed().field("changes.0.what", "policy"))
            .expect(
                denied("file", ["write"])
                    .field("subject.label", UNLABELED)
                    .field("subject.unknown_label", "system_u:system_r:leaving_t:s0:c7")
                    .path("/srv/mls/leaving"),
            ),
        case("selinux_denied_object_whose_type_the_policy_no_longer_knows")
            .given(|scene| scene.stand(&["--selinux", "system_u:system_r:parting_t:s0"]))
            .before(|_| policy::load_with_type_renamed("parting_t", "staying_t"))
            .when(|scene| process::kill(scene.number("target")?, Signal::USR1))
            .expect(Expectation::policy_changed().field("changes.0.what", "policy"))
            .expect(
                denied("process", ["signal"])
                    .field("object.label", UNLABELED)
                    .field("object.unknown_label", "system_u:system_r:parting_t:s0"),
            ),
        case("selinux_denied_after_a_transition_by_exec")
            .given(|_| labelled_file("/srv/mls/exec", "secret_t"))
            // Entered by executing a program, not by a dynamic transition.
            .confined_by(Confinement::SelinuxExec("system_u:system_r:app_t:s0:c9"))
            .when(|_| file::open_to_read("/srv/mls/exec").map(drop))
            .expect(
                denied("file", ["read"])
                    .field("subject.label", "system_u:system_r:app_t:s0:c9")
                    .path("/srv/mls/exec"),
            ),
    ]
}
