//! Watching without a daemon: by a child that gives up every privilege before it reads what the kernel says.
//!
//! The child is this same program, which knows it by the name that it was started under. It serves events as the daemon
//! does, on a socket that only its parent's user may use, and ends with its parent.

use std::{
    env,
    io::{self, BufRead as _, BufReader},
    num::NonZeroUsize,
    os::{
        fd::OwnedFd,
        unix::{
            net::{SocketAddr, UnixListener, UnixStream},
            process::CommandExt as _,
        },
    },
    path::{Path, PathBuf},
    process::{Child, Command, ExitCode, Stdio},
    sync::Arc,
};

use monitor_api::snapshot::SourceState;
use rustix::{
    net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, bind, listen, socket_with},
    process::{Signal, set_parent_process_death_signal},
};
use serde::{Deserialize, Serialize};

use super::{failure::Failure, print, say};
use crate::{
    config::{self, Choice, Config},
    enrich::{Enricher, accounts},
    format::Format,
    kernel::{self, Attached, KernelError},
    output::{Encoding, Hub},
    pipeline::{End, Pipeline},
    privilege::Unprivileged,
    tail::{
        history::History,
        server::{self, Services},
    },
};

/// The program itself, wherever it is and whatever has become of its file.
const OWN: &str = "/proc/self/exe";
/// The child's name.
const NAME: &str = "denyd-watch";
/// Events that may wait to be taken into the history.
const QUEUE: usize = 8192;
/// Connections at once: `selftest` has one for each module.
const CLIENTS: NonZeroUsize = NonZeroUsize::new(64).expect("it is not 0");
/// Connections that wait to be accepted.
const BACKLOG: i32 = 16;

/// What the child is to do.
#[derive(Debug, Serialize, Deserialize)]
struct Task {
    /// Where a daemon may have left its history.
    history: PathBuf,
    /// Bytes of events kept in memory.
    memory: usize,
    /// Whether silent denials are wanted.
    silent: bool,
}

/// What the child says, in one line, before it serves events.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Start {
    /// It watches: the name of each source, and its state.
    Watching(Vec<(String, SourceState)>),
    /// It lacks the privilege.
    NotPrivileged,
    /// Something else went wrong.
    Failed(String),
}

/// A child that watches. It ends when this is dropped.
#[derive(Debug)]
pub(super) struct Watcher {
    child: Child,
    address: SocketAddr,
    /// Each source's state, by its name.
    pub(super) states: Vec<(String, SourceState)>,
}

impl Watcher {
    /// Starts a child, and waits until it watches.
    pub(super) fn start(history: &Path, memory: usize, silent: bool) -> Result<Self, Failure> {
        let listener = unnamed_listener().map_err(Failure::Runtime)?;
        let address = listener.local_addr().map_err(Failure::Runtime)?;
        let task = Task { history: history.to_owned(), memory, silent };
        let task = serde_json::to_string(&task).map_err(|error| Failure::Runtime(error.into()))?;
        let mut child = Command::new(OWN)
            .arg0(NAME)
            .arg(task)
            .stdin(OwnedFd::from(listener))
            .stdout(Stdio::piped())
            // An interrupt from the terminal is this process's, which shows what came until then.
            .process_group(0)
            .spawn()
            .map_err(Failure::Runtime)?;
        let mut line = String::new();
        if let Some(stdout) = child.stdout.take() {
            BufReader::new(stdout).read_line(&mut line).map_err(Failure::Runtime)?;
        }
        let start = serde_json::from_str(&line)
            .unwrap_or_else(|_| Start::Failed("the child that was to watch ended before it did".to_owned()));
        let mut watcher = Self { child, address, states: Vec::new() };
        match start {
            Start::Watching(states) => {
                watcher.states = states;
                Ok(watcher)
            }
            Start::NotPrivileged => Err(KernelError::NotPrivileged.into()),
            Start::Failed(why) => Err(Failure::Watch(why)),
        }
    }

    /// Connects to it.
    pub(super) fn connect(&self) -> io::Result<UnixStream> {
        UnixStream::connect_addr(&self.address)
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ended = self.child.kill();
        let _status = self.child.wait();
    }
}

/// A socket that listens under a name that the kernel chooses, in no directory.
fn unnamed_listener() -> io::Result<UnixListener> {
    let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
    bind(&socket, &SocketAddrUnix::new_unnamed())?;
    listen(&socket, BACKLOG)?;
    Ok(socket.into())
}

/// Plays the child's part, if this process has it.
pub(super) fn child() -> Option<ExitCode> {
    let mut words = env::args_os();
    if words.next()? != NAME {
        return None;
    }
    let task = words.next().unwrap_or_default();
    let start = match serde_json::from_slice::<Task>(task.as_encoded_bytes()) {
        Ok(task) => watch(&task),
        Err(error) => Err(Failure::Watch(error.to_string())),
    };
    let Err(failure) = start else { return Some(ExitCode::SUCCESS) };
    let told = tell(&match &failure {
        Failure::Kernel(KernelError::NotPrivileged) => Start::NotPrivileged,
        other => Start::Failed(other.to_string()),
    });
    // The parent is gone.
    if told.is_err() {
        say(&failure);
    }
    Some(failure.exit_code())
}

fn tell(start: &Start) -> Result<(), Failure> {
    let line = serde_json::to_string(start).map_err(|error| Failure::Runtime(error.into()))?;
    print(&(line + "\n"))
}

/// Watches until the parent ends.
fn watch(task: &Task) -> Result<(), Failure> {
    set_parent_process_death_signal(Some(Signal::KILL)).map_err(|error| Failure::Runtime(error.into()))?;
    // Standard input is the socket.
    let listener = rustix::io::dup(io::stdin()).map_err(|error| Failure::Runtime(error.into()))?;
    let listener = UnixListener::from(listener);
    listener.set_nonblocking(true).map_err(Failure::Runtime)?;
    // Whoever reads it later may not read the folder any more.
    let history = Arc::new(
        History::copied_from(&task.history, task.memory).unwrap_or_else(|_| History::in_memory(task.memory)),
    );
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Failure::Runtime)?;
    runtime.block_on(async {
        let attached = kernel::attach(&kernel::Options {
            sources: config::chosen(&[Choice::Default], task.silent),
            silent: task.silent,
            stack: false,
            ring_size: Config::default().ring_size,
            fold: None,
            pins: None,
            fault_ring_full: 0,
        })?;
        // Before any thread is started.
        serve(attached.give_up_privileges()?, listener, history).await
    })
}

/// Takes denials into the history, and serves it.
async fn serve(
    attached: Attached<Unprivileged>,
    listener: UnixListener,
    history: Arc<History>,
) -> Result<(), Failure> {
    let mut hub = Hub::default();
    let lines = hub.add("tail", &Encoding::Line(Format::Json), None, QUEUE);
    let opened = server::Opened::inherited(listener, history, CLIENTS);
    opened.start(lines, Services::default()).map_err(|error| Failure::Watch(error.to_string()))?;
    let mut enricher = Enricher::new(Config::default().names.wait);
    accounts::start(enricher.look_up_accounts()).map_err(Failure::Runtime)?;
    let parts = attached.into_parts();
    let sources = parts.report.sources.iter();
    let states = sources.map(|source| (source.name.to_owned(), source.state.word())).collect();
    tell(&Start::Watching(states))?;
    // They are attached as long as this is there.
    let _programs = parts.programs;
    let mut pipeline = Pipeline::new(parts.reader, parts.facts.tables(), enricher, hub);
    if let End::Failed(error) = pipeline.run(std::future::pending::<()>()).await {
        say(Failure::Ring(error));
    }
    pipeline.finish().await;
    Ok(())
}
