//! The name service of the C library (`nsswitch.conf`), in a program that has the C library within.
//!
//! Such a program would load the modules of the machine's own C library, which may be of another version, or not be
//! there. So it does without: accounts are those of nscd's and of the files, hosts those of the file and of DNS.
//! [`enrich::accounts`](crate::enrich::accounts) asks systemd for the other accounts.

use std::sync::atomic::{AtomicBool, Ordering};

static IS_BUILT_IN: AtomicBool = AtomicBool::new(false);

/// Whether names are looked up without any module of the machine's C library.
pub(crate) fn is_built_in() -> bool {
    IS_BUILT_IN.load(Ordering::Relaxed)
}

/// Has names looked up without any module of the machine's C library. Comes before the first of them.
#[cfg(target_env = "gnu")]
pub fn use_built_in() {
    use std::ffi::{CStr, c_char, c_int};

    unsafe extern "C" {
        /// glibc's `nss.h`.
        fn __nss_configure_lookup(database: *const c_char, services: *const c_char) -> c_int;
    }

    const DATABASES: [(&CStr, &CStr); 3] =
        [(c"passwd", c"files"), (c"group", c"files"), (c"hosts", c"files dns")];
    IS_BUILT_IN.store(true, Ordering::Relaxed);
    for (database, services) in DATABASES {
        // SAFETY: both are strings that end with a zero byte, and are only read.
        let status = unsafe { __nss_configure_lookup(database.as_ptr(), services.as_ptr()) };
        if status != 0 {
            let error = std::io::Error::last_os_error();
            tracing::warn!(%error, "names of {database:?} are looked up as nsswitch.conf says");
        }
    }
}

/// Other C libraries have no modules.
#[cfg(not(target_env = "gnu"))]
pub fn use_built_in() {
    IS_BUILT_IN.store(true, Ordering::Relaxed);
}
