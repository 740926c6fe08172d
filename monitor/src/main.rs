//! The `denyd` command.

fn main() {}
