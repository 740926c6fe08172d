//! `denyd top`'s table: events counted by whatever fields are asked for. [`table`] counts, [`view`] draws, and neither
//! knows a terminal or a clock.

pub mod batch;
pub mod field;
pub mod table;
pub mod view;

pub use self::{
    field::Field,
    table::{Order, Table},
    view::View,
};
