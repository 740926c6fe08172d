//! What an object manager told (`USER_AVC`): `pid=1 uid=0 ... msg='avc:  denied ...'`.

use std::collections::BTreeSet;

use crate::record::{Field, RecordError, fields};

/// The permissions (none here) and fields of a record.
type Parts = (BTreeSet<String>, Vec<(String, Field)>);

/// Splits what the kernel says of the manager from what the manager told, which is the field `msg` whole.
pub(super) fn split(rest: &str) -> Result<Parts, RecordError> {
    let (own, told) = rest.split_once("msg='").ok_or(RecordError::Head("message"))?;
    let mut fields = fields(own)?;
    let told = told.strip_suffix('\'').unwrap_or(told);
    fields.push(("msg".to_owned(), Field::Quoted(told.to_owned())));
    Ok((BTreeSet::new(), fields))
}
