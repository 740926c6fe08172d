//! The daemon's status, for clients that ask for it: what is watched, and where every event went.

use std::{collections::BTreeSet, fmt, sync::Arc, time::Duration};

use monitor_api::{
    protocol::{StatusNow, StatusRequest},
    snapshot::Snapshot,
};
use tokio::{
    task::{JoinSet, spawn_blocking},
    time::timeout,
};

use crate::{checkpoint::Checkpoint, output::Listed};

/// The longest that a client may have the daemon wait.
const PATIENCE: Duration = Duration::from_mins(1);

/// What the status is made of.
#[derive(Clone)]
pub struct Status {
    read: Arc<dyn Fn() -> Snapshot + Send + Sync>,
    outputs: Listed,
    checkpoint: Checkpoint,
}

impl fmt::Debug for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Status").finish_non_exhaustive()
    }
}

impl Status {
    /// The status that this reads, of these outputs, of the pipeline with this checkpoint.
    pub fn new(
        read: Arc<dyn Fn() -> Snapshot + Send + Sync>,
        outputs: Listed,
        checkpoint: Checkpoint,
    ) -> Self {
        Self { read, outputs, checkpoint }
    }

    /// The status now, or once the outputs are done with what they have. None, if it can't be read.
    pub(super) async fn tell(&self, request: &StatusRequest) -> Option<StatusNow> {
        self.checkpoint.passed().await;
        let unsettled = self.settle(request).await;
        let read = Arc::clone(&self.read);
        // It reads files. It fails only if it panics.
        let now = spawn_blocking(move || read()).await.ok()?;
        Some(StatusNow { unsettled: unsettled.into_iter().collect(), now })
    }

    /// Waits until the outputs have written, filtered or lost all that they have received. Gives the names of those that
    /// did not in time.
    async fn settle(&self, request: &StatusRequest) -> BTreeSet<String> {
        let mut open = BTreeSet::new();
        let mut waits = JoinSet::new();
        let outputs = self.outputs.now().into_iter().map(|output| output.counts);
        for counts in outputs.filter(|counts| !request.except.iter().any(|name| name == counts.name())) {
            open.insert(counts.name().to_owned());
            let taken = counts.taken();
            waits.spawn(async move {
                counts.settled(taken).await;
                counts.name().to_owned()
            });
        }
        let limit = request.settle_ms.map_or(Duration::ZERO, |ms| Duration::from_millis(ms.into()));
        let all = async {
            while let Some(Ok(name)) = waits.join_next().await {
                open.remove(&name);
            }
        };
        // Those that are late stay.
        let _late = timeout(limit.min(PATIENCE), all).await;
        open
    }
}
