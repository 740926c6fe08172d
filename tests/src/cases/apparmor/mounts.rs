//! Mounts.

use super::{case, denied};
use crate::{case::Case, operation::system, scene::directory};

pub(super) fn cases() -> Vec<Case> {
    vec![
        case("apparmor_denied_mount_reports_all_that_was_asked")
            .given(|_| directory("/srv/open/mount"))
            .when(|_| system::mount_restricted_tmpfs("denyd-source", "/srv/open/mount"))
            .expect(
                denied("mount")
                    .field("object.path", "/srv/open/mount/")
                    .field("object.mount_source", "denyd-source")
                    .field("object.mount_type", "tmpfs")
                    .present("action.mount_options"),
            ),
        case("apparmor_denied_bind_mount")
            .given(|_| {
                directory("/srv/open/bind-from")?;
                directory("/srv/open/bind-to")
            })
            .when(|_| system::mount_bind("/srv/open/bind-from", "/srv/open/bind-to"))
            .expect(
                denied("mount")
                    .field("object.path", "/srv/open/bind-to/")
                    .field("object.mount_source", "/srv/open/bind-from/"),
            ),
        case("apparmor_denied_remount")
            .given(|_| {
                directory("/srv/open/remount")?;
                system::mount_tmpfs("tmpfs", "/srv/open/remount")
            })
            .when(|_| system::remount_read_only("/srv/open/remount"))
            .expect(denied("mount").field("object.path", "/srv/open/remount/")),
        case("apparmor_denied_move_of_a_mount")
            .before(|_| {
                system::leave_mount_namespace()?;
                directory("/srv/open/move-from")?;
                directory("/srv/open/move-to")?;
                system::mount_tmpfs("tmpfs", "/srv/open/move-from")
            })
            .when(|_| system::move_mount("/srv/open/move-from", "/srv/open/move-to"))
            .expect(
                denied("mount")
                    .field("object.path", "/srv/open/move-to/")
                    .field("object.mount_source", "/srv/open/move-from/"),
            ),
        case("apparmor_denied_change_of_propagation")
            .given(|_| {
                directory("/srv/open/private")?;
                system::mount_tmpfs("tmpfs", "/srv/open/private")
            })
            .when(|_| system::make_private("/srv/open/private"))
            .expect(denied("mount").field("object.path", "/srv/open/private/")),
        case("apparmor_denied_unmount")
            .given(|_| {
                directory("/srv/open/unmount")?;
                system::mount_tmpfs("tmpfs", "/srv/open/unmount")
            })
            .when(|_| system::unmount("/srv/open/unmount"))
            .expect(denied("umount").field("object.path", "/srv/open/unmount/")),
        case("apparmor_denied_pivot_root")
            .given(|_| {
                directory("/srv/open/root")?;
                system::mount_tmpfs("tmpfs", "/srv/open/root")?;
                directory("/srv/open/root/old")
            })
            .when(|_| Ok(rustix::process::pivot_root("/srv/open/root", "/srv/open/root/old")?))
            .expect(denied("pivotroot")),
    ]
}
