//! Watching without a daemon, within this process.

use std::{sync::Arc, sync::mpsc, thread, time::Duration};

use super::{failure::Failure, say};
use crate::{
    config::{self, Choice},
    enrich::{Enricher, accounts},
    format::Format,
    kernel::{self, Report},
    output::{Encoding, Hub},
    pipeline::{End, Pipeline},
    tail::{history::History, server},
};

/// The ring buffer between the kernel and this process.
const RING: u32 = 4 << 20;
/// Events that may wait to be taken into the history.
const QUEUE: usize = 8192;
/// How long an event may wait for a name.
const NAME_WAIT: Duration = Duration::from_millis(100);

/// Watches from now on until the process ends. Returns when denials are being watched, and says which.
pub(super) fn watch(history: Arc<History>, silent: bool) -> Result<Report, Failure> {
    let (ready, is_ready) = mpsc::channel();
    let watch = move || {
        let result = tokio::runtime::Builder::new_current_thread().enable_all().build();
        match result {
            Ok(runtime) => runtime.block_on(run(history, silent, &ready)),
            // The caller waits for it.
            Err(error) => _ = ready.send(Err(Failure::Runtime(error))),
        }
    };
    thread::Builder::new().name("watch".to_owned()).spawn(watch).map_err(Failure::Runtime)?;
    // The thread tells, or has panicked and said so itself.
    is_ready.recv().unwrap_or(Err(Failure::Runtime(std::io::ErrorKind::Other.into())))
}

async fn run(history: Arc<History>, silent: bool, ready: &mpsc::Sender<Result<Report, Failure>>) {
    let options = kernel::Options {
        sources: config::chosen(&[Choice::Default], silent),
        silent,
        stack: false,
        ring_size: RING,
    };
    let attached = match kernel::attach(&options) {
        Ok(attached) => attached,
        Err(error) => {
            // The caller waits for it.
            _ = ready.send(Err(error.into()));
            return;
        }
    };
    // They are attached as long as this is there.
    let _programs = attached.programs;
    let mut hub = Hub::default();
    let lines = hub.add("tail", &Encoding::Line(Format::Json), None, QUEUE);
    tokio::spawn(async move { server::take_in(lines, &history).await });
    let mut enricher = Enricher::new(NAME_WAIT);
    if let Err(error) = accounts::start(enricher.look_up_accounts()) {
        _ = ready.send(Err(Failure::Runtime(error)));
        return;
    }
    _ = ready.send(Ok(attached.report));
    let mut pipeline = Pipeline::new(attached.reader, attached.facts.tables(), enricher, hub);
    if let End::Failed(error) = pipeline.run(std::future::pending::<()>()).await {
        say(Failure::Ring(error));
    }
    pipeline.finish().await;
}
