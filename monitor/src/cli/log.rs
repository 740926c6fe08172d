//! What denyd says of itself: to the journal with its fields, if that is where standard error goes, or else to standard
//! error.

use std::{env, io, os::fd::AsFd};

use tracing_subscriber::{EnvFilter, Layer as _, layer::SubscriberExt as _, util::SubscriberInitExt as _};

/// What is said unless `DENYD_LOG` says otherwise: of others' code what needs attention, of denyd's own also what
/// changed.
const USUAL: &str = "warn,monitor=info";

/// Starts it.
pub(super) fn start() {
    let filter = EnvFilter::try_from_env("DENYD_LOG").unwrap_or_else(|_| EnvFilter::new(USUAL));
    let registry = tracing_subscriber::registry();
    if is_journal(io::stderr(), env::var("JOURNAL_STREAM").ok().as_deref())
        && let Ok(journal) = tracing_journald::layer()
    {
        let journal = journal.with_field_prefix(Some("DENYD".to_owned()));
        return registry.with(journal.with_filter(filter)).init();
    }
    let stderr = tracing_subscriber::fmt::layer().with_writer(io::stderr).with_ansi(false);
    registry.with(stderr.with_filter(filter)).init();
}

/// Whether this is the stream to the journal that systemd has named: `DEVICE:INODE`.
fn is_journal(stream: impl AsFd, named: Option<&str>) -> bool {
    let Some((device, inode)) = named.and_then(|named| named.split_once(':')) else { return false };
    rustix::fs::fstat(stream)
        .is_ok_and(|stat| (stat.st_dev.to_string(), stat.st_ino.to_string()) == (device.into(), inode.into()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt as _;

    use super::*;

    #[test]
    fn the_journal_is_known_by_its_device_and_inode() {
        let file = tempfile::tempfile().unwrap();
        let about = file.metadata().unwrap();
        let named = format!("{}:{}", about.dev(), about.ino());
        assert!(is_journal(&file, Some(&named)));
        for other in [None, Some(""), Some("8:1"), Some(&*format!("{}:{}", about.dev(), about.ino() + 1))] {
            assert!(!is_journal(&file, other), "{other:?}");
        }
    }
}
