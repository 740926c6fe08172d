//! What an object manager told (`USER_AVC`): `pid=1 uid=0 ... msg='avc:  denied ...'`.

use std::collections::BTreeSet;

use crate::record::{Field, RecordError, fields};

/// The permissions (none here) and fields of a record.
type Parts = (BTreeSet<String>, Vec<(String, Field)>);

/// Splits what the kernel says of the manager from what the manager told, which is the field `msg` whole.
pub(super) fn split(rest: &str) -> Result<Parts, RecordError> {
    let (own, told) = match rest.split_once("msg='") {
        Some(split) => split,
        // What a manager wrote into syslog itself.
        None if ["avc:", "apparmor="].into_iter().any(|start| rest.starts_with(start)) => ("", rest),
        None => return Err(RecordError::Head("message")),
    };
    // Before Linux 3.7 it said that it was a user's.
    let own = own.trim_start();
    let mut fields = fields(own.strip_prefix("user ").unwrap_or(own))?;
    let told = told.strip_suffix('\'').unwrap_or(told);
    fields.push(("msg".to_owned(), Field::Quoted(told.to_owned())));
    Ok((BTreeSet::new(), fields))
}
