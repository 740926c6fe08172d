//! Contexts of every shape: users, roles, sensitivities and categories.

use super::{case, denied};
use crate::{case::Case, confinement::Confinement, operation::file, scene::labelled_file};

pub fn cases() -> Vec<Case> {
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
