//! A struct without some of its fields.
//!
//! What another format has a place for goes there; the rest is passed on as it is, under its native names. A field that
//! is new in the event is in the rest until a format gives it a place.

use serde::{
    Serialize, Serializer,
    ser::{Error as _, Impossible, SerializeStruct},
};

use crate::event::{Container, Event};

/// Which fields of an event have a place in another format, by their native names.
pub(super) trait Mapping {
    /// Of the event itself, but for the groups that follow.
    fn has(&self, name: &str) -> bool;
    fn has_of_action(&self, name: &str) -> bool;
    fn has_of_object(&self, name: &str) -> bool;
    fn has_of_process(&self, name: &str) -> bool;
    fn has_of_container(&self, container: &Container<'_>, name: &str) -> bool;
}

/// Writes what of an event has no place in another format.
pub(super) fn serialize_rest<S: Serializer>(
    event: &Event<'_>,
    mapping: &impl Mapping,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let is_group = |name| matches!(name, "action" | "object" | "process" | "container");
    let rest = Rest {
        others: Except { of: event, is_left_out: |name| is_group(name) || mapping.has(name) },
        action: Except { of: &event.action, is_left_out: |name| mapping.has_of_action(name) },
        object: Except { of: &event.object, is_left_out: |name| mapping.has_of_object(name) },
        process: Except { of: &event.process, is_left_out: |name| mapping.has_of_process(name) },
        container: event.container.as_ref().map(|container| Except {
            of: container,
            is_left_out: |name| mapping.has_of_container(container, name),
        }),
    };
    rest.serialize(serializer)
}

/// An event, each of whose groups is without the fields that have a place elsewhere.
#[derive(Serialize)]
struct Rest<Others, Action, Object, Process, Container> {
    /// The event itself, without the groups that follow.
    #[serde(flatten)]
    others: Others,
    action: Action,
    object: Object,
    process: Process,
    #[serde(skip_serializing_if = "Option::is_none")]
    container: Option<Container>,
}

/// A struct without the fields that `is_left_out` names.
struct Except<'e, T, F> {
    of: &'e T,
    is_left_out: F,
}

impl<T: Serialize, F: Fn(&'static str) -> bool> Serialize for Except<'_, T, F> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.of.serialize(Struct { inner: serializer, is_left_out: &self.is_left_out })
    }
}

/// Takes a struct, and nothing else.
struct Struct<'f, S, F> {
    inner: S,
    is_left_out: &'f F,
}

/// The fields of a struct.
struct Fields<'f, S, F> {
    inner: S,
    is_left_out: &'f F,
}

impl<S: SerializeStruct, F: Fn(&'static str) -> bool> SerializeStruct for Fields<'_, S, F> {
    type Ok = S::Ok;
    type Error = S::Error;

    fn serialize_field<T: Serialize + ?Sized>(
        &mut self,
        key: &'static str,
        value: &T,
    ) -> Result<(), S::Error> {
        if (self.is_left_out)(key) {
            self.inner.skip_field(key)
        } else {
            self.inner.serialize_field(key, value)
        }
    }

    fn skip_field(&mut self, key: &'static str) -> Result<(), S::Error> {
        self.inner.skip_field(key)
    }

    fn end(self) -> Result<S::Ok, S::Error> {
        self.inner.end()
    }
}

/// The methods of a serialiser for what is no struct.
macro_rules! no_struct {
    ($($method:ident($($argument:ty),*) $(<$generic:ident>)? -> $result:ty;)*) => {
        $(fn $method $(<$generic: Serialize + ?Sized>)? (self, $(_: $argument),*) -> Result<$result, S::Error> {
            Err(S::Error::custom("only a struct has fields to leave out"))
        })*
    };
}

impl<'f, S: Serializer, F: Fn(&'static str) -> bool> Serializer for Struct<'f, S, F> {
    type Ok = S::Ok;
    type Error = S::Error;
    type SerializeSeq = Impossible<S::Ok, S::Error>;
    type SerializeTuple = Impossible<S::Ok, S::Error>;
    type SerializeTupleStruct = Impossible<S::Ok, S::Error>;
    type SerializeTupleVariant = Impossible<S::Ok, S::Error>;
    type SerializeMap = Impossible<S::Ok, S::Error>;
    type SerializeStruct = Fields<'f, S::SerializeStruct, F>;
    type SerializeStructVariant = Impossible<S::Ok, S::Error>;

    fn serialize_struct(self, name: &'static str, len: usize) -> Result<Self::SerializeStruct, S::Error> {
        Ok(Fields { inner: self.inner.serialize_struct(name, len)?, is_left_out: self.is_left_out })
    }

    no_struct! {
        serialize_bool(bool) -> S::Ok;
        serialize_i8(i8) -> S::Ok;
        serialize_i16(i16) -> S::Ok;
        serialize_i32(i32) -> S::Ok;
        serialize_i64(i64) -> S::Ok;
        serialize_u8(u8) -> S::Ok;
        serialize_u16(u16) -> S::Ok;
        serialize_u32(u32) -> S::Ok;
        serialize_u64(u64) -> S::Ok;
        serialize_f32(f32) -> S::Ok;
        serialize_f64(f64) -> S::Ok;
        serialize_char(char) -> S::Ok;
        serialize_str(&str) -> S::Ok;
        serialize_bytes(&[u8]) -> S::Ok;
        serialize_none() -> S::Ok;
        serialize_some(&T) <T> -> S::Ok;
        serialize_unit() -> S::Ok;
        serialize_unit_struct(&'static str) -> S::Ok;
        serialize_unit_variant(&'static str, u32, &'static str) -> S::Ok;
        serialize_newtype_struct(&'static str, &T) <T> -> S::Ok;
        serialize_newtype_variant(&'static str, u32, &'static str, &T) <T> -> S::Ok;
        serialize_seq(Option<usize>) -> Self::SerializeSeq;
        serialize_tuple(usize) -> Self::SerializeTuple;
        serialize_tuple_struct(&'static str, usize) -> Self::SerializeTupleStruct;
        serialize_tuple_variant(&'static str, u32, &'static str, usize) -> Self::SerializeTupleVariant;
        serialize_map(Option<usize>) -> Self::SerializeMap;
        serialize_struct_variant(&'static str, u32, &'static str, usize) -> Self::SerializeStructVariant;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Serialize)]
    struct Three {
        a: u8,
        #[serde(skip_serializing_if = "Option::is_none")]
        b: Option<&'static str>,
        c: [u8; 2],
    }

    #[test]
    fn the_named_fields_are_left_out_and_the_others_stay() {
        let of = &Three { a: 1, b: Some("x"), c: [2, 3] };
        let json =
            |is_left_out: fn(&str) -> bool| serde_json::to_string(&Except { of, is_left_out }).unwrap();
        assert_eq!(json(|name| name == "a"), r#"{"b":"x","c":[2,3]}"#);
        assert_eq!(json(|name| name != "b"), r#"{"b":"x"}"#);
        assert_eq!(json(|_| true), "{}");
        let of = &Three { b: None, ..*of };
        assert_eq!(
            serde_json::to_string(&Except { of, is_left_out: |_| false }).unwrap(),
            r#"{"a":1,"c":[2,3]}"#
        );
    }

    #[test]
    fn what_is_no_struct_is_an_error() {
        assert!(serde_json::to_string(&Except { of: &[1, 2], is_left_out: |_| false }).is_err());
    }
}
