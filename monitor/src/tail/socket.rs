//! The daemon's unix socket: made where nothing is in the way, and removed only if it is still ours.

use std::{
    fs, io,
    os::unix::{
        fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _},
        net::UnixListener,
    },
    path::{Path, PathBuf},
};

use rustix::{
    fs::{AtFlags, CWD, Gid, Mode, chownat, fchmod},
    net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, bind, listen as queue, socket_with},
};

/// Connections that wait to be accepted.
const BACKLOG: i32 = 1024;
/// The owner and the group may connect.
const MODE: u32 = 0o660;

/// Why there is no socket.
#[derive(Debug, thiserror::Error)]
pub enum SocketError {
    /// A daemon listens there.
    #[error("another denyd listens on {0}: stop it, or name another socket")]
    InUse(PathBuf),
    /// Something else has that name.
    #[error("{0} is there and is no socket: remove it, or name another socket")]
    NotASocket(PathBuf),
    /// It can't be made.
    #[error("cannot listen on {path}: {error}: see to it that denyd may write in its folder")]
    Io {
        /// Where.
        path: PathBuf,
        /// Why.
        #[source]
        error: io::Error,
    },
}

/// A socket that is listened on, and its name in the file system.
#[derive(Debug)]
pub struct Listening {
    /// What accepts connections; it does not block.
    pub listener: UnixListener,
    /// The name.
    pub name: Name,
}

/// A socket's name, which is removed with it if it is still this socket's.
#[derive(Debug)]
pub struct Name {
    path: PathBuf,
    /// Device and inode.
    identity: (u64, u64),
}

/// Listens. What an earlier denyd left there is replaced. The socket is given to `group`, where there is one and denyd
/// may.
///
/// # Errors
///
/// If something is in the way or the socket can't be made.
pub fn listen(path: &Path, group: Option<u32>) -> Result<Listening, SocketError> {
    let failed = |error: io::Error| SocketError::Io { path: path.to_owned(), error };
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty())
        && let Err(error) = fs::create_dir(folder)
        && error.kind() != io::ErrorKind::AlreadyExists
    {
        return Err(failed(error));
    }
    make_way(path)?;
    let failed_at = |error: rustix::io::Errno| failed(error.into());
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None).map_err(failed_at)?;
    // The name gets this mode as it is made (unix_bind_bsd() in net/unix/af_unix.c), so it is never open to all.
    fchmod(&socket, Mode::from_raw_mode(MODE)).map_err(failed_at)?;
    bind(&socket, &SocketAddrUnix::new(path).map_err(failed_at)?).map_err(failed_at)?;
    let made = fs::symlink_metadata(path).map_err(failed)?;
    let name = Name { path: path.to_owned(), identity: (made.dev(), made.ino()) };
    // The umask took something away from the mode.
    fs::set_permissions(path, fs::Permissions::from_mode(MODE)).map_err(failed)?;
    // A service's filter of system calls may refuse it, where there is nothing to do anyway.
    if let Some(group) = group.filter(|&group| group != made.gid())
        && let Err(error) = chownat(CWD, path, None, Some(Gid::from_raw(group)), AtFlags::SYMLINK_NOFOLLOW)
    {
        tracing::warn!(%error, group, "the socket could not be given to its group: only its owner may connect");
    }
    queue(&socket, BACKLOG).map_err(failed_at)?;
    Ok(Listening { listener: socket.into(), name })
}

/// Removes a socket that nobody listens on.
fn make_way(path: &Path) -> Result<(), SocketError> {
    let failed = |error| SocketError::Io { path: path.to_owned(), error };
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(failed(error)),
        Ok(there) if !there.file_type().is_socket() => return Err(SocketError::NotASocket(path.to_owned())),
        Ok(_) => {}
    }
    match std::os::unix::net::UnixStream::connect(path) {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            fs::remove_file(path).map_err(failed)
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        // Its queue is full, so somebody listens.
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Err(SocketError::InUse(path.to_owned())),
        Err(error) => Err(failed(error)),
        Ok(_) => Err(SocketError::InUse(path.to_owned())),
    }
}

impl Drop for Name {
    fn drop(&mut self) {
        let ours = |there: fs::Metadata| (there.dev(), there.ino()) == self.identity;
        if fs::symlink_metadata(&self.path).is_ok_and(ours)
            && let Err(error) = fs::remove_file(&self.path)
        {
            // The next denyd replaces it.
            tracing::debug!(%error, "the socket could not be removed");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixStream;

    use tempfile::tempdir;

    use super::*;

    #[test]
    fn the_owner_and_the_group_may_connect() {
        let folder = tempdir().unwrap();
        let path = folder.path().join("denyd/denyd.sock");
        let group = rustix::process::getegid().as_raw();
        let listening = listen(&path, Some(group)).unwrap();
        let made = fs::metadata(&path).unwrap();
        assert_eq!((made.mode() & 0o7777, made.gid()), (MODE, group));
        UnixStream::connect(&path).unwrap();
        drop(listening);
        assert!(!path.exists(), "it is removed at the end");
    }

    #[test]
    fn a_socket_that_was_left_is_replaced() {
        let folder = tempdir().unwrap();
        let path = folder.path().join("denyd.sock");
        drop(UnixListener::bind(&path).unwrap());
        assert!(path.exists());
        let _listening = listen(&path, None).unwrap();
        UnixStream::connect(&path).unwrap();
    }

    #[test]
    fn a_socket_that_is_listened_on_is_an_error() {
        let folder = tempdir().unwrap();
        let path = folder.path().join("denyd.sock");
        let _other = UnixListener::bind(&path).unwrap();
        let error = listen(&path, None).unwrap_err();
        assert!(matches!(&error, SocketError::InUse(at) if *at == path), "{error}");
        UnixStream::connect(&path).unwrap();
    }

    #[test]
    fn anything_else_in_the_way_is_an_error_and_stays() {
        let folder = tempdir().unwrap();
        let (file, link, dir) =
            (folder.path().join("file"), folder.path().join("link"), folder.path().join("dir"));
        fs::write(&file, "mine").unwrap();
        std::os::unix::fs::symlink("/nowhere", &link).unwrap();
        fs::create_dir(&dir).unwrap();
        for path in [&file, &link, &dir] {
            let error = listen(path, None).unwrap_err();
            assert!(matches!(&error, SocketError::NotASocket(at) if at == path), "{error}");
            assert!(fs::symlink_metadata(path).is_ok());
        }
    }

    #[test]
    fn a_folder_that_is_none_is_named() {
        let error = listen(Path::new("/dev/null/denyd.sock"), None).unwrap_err();
        assert!(error.to_string().starts_with("cannot listen on /dev/null/denyd.sock: "), "{error}");
    }

    #[test]
    fn another_socket_of_that_name_is_not_removed() {
        let folder = tempdir().unwrap();
        let path = folder.path().join("denyd.sock");
        let listening = listen(&path, None).unwrap();
        fs::remove_file(&path).unwrap();
        let _others = UnixListener::bind(&path).unwrap();
        drop(listening);
        UnixStream::connect(&path).unwrap();
    }
}
