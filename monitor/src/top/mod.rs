//! `denyd top`'s table: events counted by whatever fields are asked for. [`table`] counts, [`view`] draws, and neither
//! knows a terminal or a clock.

pub(crate) mod batch;
pub(crate) mod field;
pub(crate) mod table;
pub(crate) mod view;

pub(crate) use self::{
    field::Field,
    table::{Order, Table},
    view::View,
};
