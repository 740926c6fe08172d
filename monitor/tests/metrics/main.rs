//! denyd's metrics, as those who scrape them see them.

mod budget;
mod docs;
mod support;
mod web;
