//! A running Prometheus, and what Grafana would ask it.

mod server;
mod variables;

pub use self::{
    server::{Period, Server, ServerError},
    variables::{UnknownVariable, Variables},
};
