//! Findings for clients that ask for them: the daemon has the events, and may read the policy where they may not.

use std::{io, sync::Arc};

use monitor_api::protocol::{Control, End, Request};
use monitor_explain::{denials::Denials, place::Place, report::Report};
use tokio::{
    io::{AsyncWrite, AsyncWriteExt as _},
    sync::Semaphore,
    task::{spawn_blocking, yield_now},
};

use super::{
    history::{History, Judgement, Wanted},
    server::{TURN, bad, first_wanted},
};
use crate::{event::Event, heap};

/// How many different denials are explained for one client.
const DIFFERENT: usize = 4096;

/// Explains denials, those of one client at a time: a policy takes memory, and questions to it take time.
#[derive(Clone, Debug)]
pub struct Explainer {
    turn: Arc<Semaphore>,
    /// What there is to check denials with. It is read anew each time, and kept no longer.
    place: fn() -> Place,
}

impl Explainer {
    /// One that checks denials with what this reads.
    #[must_use]
    pub fn new(place: fn() -> Place) -> Self {
        Self { turn: Arc::new(Semaphore::new(1)), place }
    }

    /// None, if it can't be told.
    async fn report(&self, denials: Denials) -> Option<Report> {
        // It is never closed.
        let _turn = self.turn.acquire().await.ok()?;
        let place = self.place;
        // It fails only if it panics.
        let report = spawn_blocking(move || Report::new(&denials, &place())).await.ok()?;
        heap::give_back();
        Some(report)
    }
}

/// Reads the events that are wanted, and sends what is found.
pub(super) async fn send(
    writer: &mut (impl AsyncWrite + Unpin),
    history: &Arc<History>,
    wanted: Wanted,
    request: &Request,
    explainer: Option<&Explainer>,
) -> io::Result<()> {
    let Some(explainer) = explainer else {
        let error = bad("nothing is explained here: ask the daemon".to_owned());
        return writer.write_all(&Control::Error(error).line()).await;
    };
    let end = history.recent.news().borrow().next;
    let start = first_wanted(history, &wanted, request).await.unwrap_or_else(|| history.origin());
    let mut reader = history.reader(start.min(end));
    let mut denials = Denials::with_room(DIFFERENT);
    let (mut lines, mut broken, mut lost) = (0, 0, 0);
    while reader.number() < end {
        let (gone, chunk) = reader.read(end).await;
        lost += gone;
        for turn in chunk.lines.chunks(TURN) {
            for line in turn {
                match wanted.judge(line) {
                    Judgement::Wanted => {
                        lines += 1;
                        if let Ok(event) = serde_json::from_slice::<Event<'_>>(line) {
                            denials.add_event(&event);
                        }
                    }
                    Judgement::Unwanted => {}
                    Judgement::Unreadable => broken += 1,
                }
            }
            yield_now().await;
        }
        if chunk.lines.is_empty() {
            break;
        }
    }
    let Some(report) = explainer.report(denials).await else {
        let error =
            bad("the denials could not be explained: see what the daemon says (journalctl -u denyd)"
                .to_owned());
        return writer.write_all(&Control::Error(error).line()).await;
    };
    let mut report = report.of_lines(lines, broken);
    if lost > 0 {
        report.notes.push(format!("{lost} events are gone: the history is full"));
    }
    for finding in std::mem::take(&mut report.findings) {
        writer.write_all(&Control::Finding(Box::new(finding)).line()).await?;
    }
    writer.write_all(&Control::Explained(Box::new(report)).line()).await?;
    writer.write_all(&Control::End(End::Done).line()).await
}
