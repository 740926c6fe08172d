//! Names of users and groups, looked up on a thread of their own: who is asked may ask the network, and then that
//! blocks for as long as it takes.
//!
//! First asked is the name service of the C library, then systemd (`userdb`): a program that has the C library within
//! ([`name_service`](crate::name_service)) knows only the accounts of the files and of nscd by itself.

mod userdb;

use std::{io, path::Path, thread};

use nix::{
    errno::Errno,
    unistd::{Gid, Group, Uid, User},
};

use monitor_api::snapshot::NameWay;

use super::cache::{Answer, Requests};
use crate::text;

/// What has a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Id {
    /// A user, by uid.
    User(u32),
    /// A group, by gid.
    Group(u32),
}

/// By which ways names are looked up on this machine now, in the order in which they are asked.
#[must_use]
pub fn ways() -> Vec<NameWay> {
    ways_at(Path::new("/"), crate::name_service::is_built_in())
}

/// Those of a machine whose root is there, of a program that does without modules of the C library, or with them.
fn ways_at(root: &Path, is_built_in: bool) -> Vec<NameWay> {
    let mut ways = Vec::new();
    if root.join("run/nscd/socket").exists() {
        ways.push(NameWay::Nscd);
    }
    if !is_built_in {
        ways.push(NameWay::Nsswitch);
    } else if root.join("etc/passwd").exists() {
        ways.push(NameWay::Files);
    }
    ways.extend(userdb::way(&root.join(userdb::FOLDER.trim_start_matches('/'))));
    ways
}

/// Starts the thread that asks this machine's name service. It ends when nobody asks any more.
///
/// # Errors
///
/// If the thread can't be started.
pub fn start(requests: Requests<Id, Box<str>>) -> io::Result<()> {
    // The name service loads its modules with its first answer. That should not be in the way of the first event.
    let prepare = || drop((name_service(Id::User(0)), name_service(Id::Group(0))));
    start_with(requests, prepare, look_up)
}

fn start_with(
    mut requests: Requests<Id, Box<str>>,
    prepare: impl FnOnce() + Send + 'static,
    look_up: impl Fn(Id) -> Answer<Box<str>> + Send + 'static,
) -> io::Result<()> {
    thread::Builder::new().name("names".to_owned()).spawn(move || {
        prepare();
        while let Some(id) = requests.questions.blocking_recv() {
            if requests.answers.blocking_send((id, look_up(id))).is_err() {
                break;
            }
        }
    })?;
    Ok(())
}

/// Asks the name service, and, if it doesn't know, systemd.
fn look_up(id: Id) -> Answer<Box<str>> {
    match name_service(id) {
        Ok(None) => userdb::name(Path::new(userdb::FOLDER), id)
            .map(|name| name.map(|name| text::escape(name.as_bytes()).into()))
            .map_err(|error| error.to_string().into()),
        known => known,
    }
}

/// Asks `getpwuid_r` and `getgrgid_r`.
fn name_service(id: Id) -> Answer<Box<str>> {
    let name = match id {
        Id::User(uid) => User::from_uid(Uid::from_raw(uid)).map(|user| user.map(|user| user.name)),
        Id::Group(gid) => Group::from_gid(Gid::from_raw(gid)).map(|group| group.map(|group| group.name)),
    };
    match name {
        Ok(name) => Ok(name.map(|name| text::escape(name.as_bytes()).into())),
        // As getpwuid_r(3) says that there is none: also where there is no /etc/passwd.
        Err(Errno::ENOENT | Errno::ESRCH) => Ok(None),
        Err(error) => Err(format!("the name service failed: {}", error.desc()).into()),
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::mpsc;

    use super::*;

    #[test]
    fn root_has_a_name_and_an_unused_id_has_none() {
        assert_eq!(name_service(Id::User(0)), Ok(Some("root".into())));
        assert_eq!(name_service(Id::Group(0)), Ok(Some("root".into())));
        assert_eq!(name_service(Id::User(3_999_999_999)), Ok(None));
        assert_eq!(name_service(Id::Group(3_999_999_999)), Ok(None));
    }

    #[test]
    fn the_ways_are_those_that_are_there() {
        let root = tempfile::tempdir().unwrap();
        let path = |path: &str| root.path().join(path);
        assert_eq!(ways_at(root.path(), true), []);
        std::fs::create_dir_all(path("etc")).unwrap();
        std::fs::write(path("etc/passwd"), "").unwrap();
        assert_eq!(ways_at(root.path(), true), [NameWay::Files]);
        assert_eq!(ways_at(root.path(), false), [NameWay::Nsswitch]);
        for folder in ["run/nscd", "run/systemd/userdb"] {
            std::fs::create_dir_all(path(folder)).unwrap();
        }
        std::fs::write(path("run/nscd/socket"), "").unwrap();
        std::fs::write(path("run/systemd/userdb/io.systemd.DynamicUser"), "").unwrap();
        assert_eq!(ways_at(root.path(), true), [NameWay::Nscd, NameWay::Files, NameWay::DynamicUser]);
        std::fs::write(path("run/systemd/userdb/io.systemd.Multiplexer"), "").unwrap();
        assert_eq!(ways_at(root.path(), true), [NameWay::Nscd, NameWay::Files, NameWay::Userdbd]);
    }

    #[test]
    fn a_name_service_that_hangs_blocks_only_its_thread() {
        let (ask, questions) = mpsc::channel(2);
        let (answer, mut answers) = mpsc::channel(2);
        let (release, hanging) = std::sync::mpsc::channel::<()>();
        start_with(
            Requests { questions, answers: answer },
            || {},
            move |id| {
                hanging.recv().unwrap();
                Ok(Some(format!("{id:?}").into()))
            },
        )
        .unwrap();
        ask.blocking_send(Id::User(1)).unwrap();
        ask.blocking_send(Id::Group(2)).unwrap();
        assert!(answers.try_recv().is_err());
        release.send(()).unwrap();
        release.send(()).unwrap();
        let named = |id: Id| Some((id, Ok(Some(format!("{id:?}").into()))));
        assert_eq!(answers.blocking_recv(), named(Id::User(1)));
        assert_eq!(answers.blocking_recv(), named(Id::Group(2)));
        drop(ask);
        assert_eq!(answers.blocking_recv(), None, "the thread has ended");
    }
}
