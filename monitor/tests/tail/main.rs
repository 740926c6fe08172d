//! The daemon's side of `denyd tail`, over real unix sockets.

mod clients;
mod command;
mod cursor;
mod explain;
mod history;
mod status;
mod support;
