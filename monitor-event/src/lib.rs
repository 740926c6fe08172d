//! What a denial is: the [event](event::Event) with its labels and [names], the [formats](mod@format) it is written in, and
//! what chooses events: the [filter] and the [selection]. Nothing here needs a kernel, a daemon or an async runtime.

pub mod event;
pub mod filter;
pub mod fingerprint;
pub mod format;
pub mod names;
pub mod nearest;
pub mod selection;
pub mod text;
