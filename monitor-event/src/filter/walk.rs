//! The walk over an event: a serializer that writes nothing, and compares what it meets.
//!
//! It goes only where the filter has a place, so that a filter costs what it asks and not what the event holds.

use std::fmt;

use serde::{
    Serialize,
    ser::{self, Impossible},
};

use super::{place::Place, test::Value};

/// A visit of one place.
pub(super) struct Walk<'w> {
    /// The place.
    pub place: &'w Place,
    /// The bits of what is true.
    pub hits: &'w mut u64,
}

/// A value refused to be serialised.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct WalkError(String);

impl ser::Error for WalkError {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self(message.to_string())
    }
}

impl Walk<'_> {
    fn meet(self, value: Value<'_>) {
        *self.hits |= self.place.present;
        for (bit, test) in &self.place.tests {
            if test.passes(value) {
                *self.hits |= bit;
            }
        }
    }
}

macro_rules! numbers {
    ($($method:ident($type:ty)),* $(,)?) => {$(
        fn $method(self, value: $type) -> Result<(), WalkError> {
            self.meet(Value::Number(value.into()));
            Ok(())
        }
    )*};
}

impl ser::Serializer for Walk<'_> {
    type Ok = ();
    type Error = WalkError;
    type SerializeSeq = Self;
    type SerializeTuple = Self;
    type SerializeTupleStruct = Impossible<(), WalkError>;
    type SerializeTupleVariant = Impossible<(), WalkError>;
    type SerializeMap = Impossible<(), WalkError>;
    type SerializeStruct = Self;
    type SerializeStructVariant = Impossible<(), WalkError>;

    numbers!(
        serialize_i8(i8),
        serialize_i16(i16),
        serialize_i32(i32),
        serialize_i64(i64),
        serialize_u8(u8),
        serialize_u16(u16),
        serialize_u32(u32),
        serialize_u64(u64),
    );

    fn serialize_bool(self, value: bool) -> Result<(), WalkError> {
        self.meet(Value::Flag(value));
        Ok(())
    }

    fn serialize_str(self, value: &str) -> Result<(), WalkError> {
        self.meet(Value::Text(value));
        Ok(())
    }

    fn serialize_char(self, value: char) -> Result<(), WalkError> {
        self.serialize_str(value.encode_utf8(&mut [0; 4]))
    }

    fn collect_str<T: fmt::Display + ?Sized>(self, value: &T) -> Result<(), WalkError> {
        if self.place.tests.is_empty() {
            *self.hits |= self.place.present;
            return Ok(());
        }
        self.serialize_str(&value.to_string())
    }

    fn serialize_unit_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
    ) -> Result<(), WalkError> {
        self.serialize_str(variant)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), WalkError> {
        value.serialize(self)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _name: &'static str,
        value: &T,
    ) -> Result<(), WalkError> {
        value.serialize(self)
    }

    fn serialize_struct(self, _name: &'static str, _len: usize) -> Result<Self, WalkError> {
        *self.hits |= self.place.present;
        Ok(self)
    }

    fn serialize_seq(self, _len: Option<usize>) -> Result<Self, WalkError> {
        *self.hits |= self.place.present;
        Ok(self)
    }

    fn serialize_tuple(self, len: usize) -> Result<Self, WalkError> {
        self.serialize_seq(Some(len))
    }

    // Nothing of the following is in an event.

    fn serialize_none(self) -> Result<(), WalkError> {
        Ok(())
    }

    fn serialize_unit(self) -> Result<(), WalkError> {
        Ok(())
    }

    fn serialize_unit_struct(self, _name: &'static str) -> Result<(), WalkError> {
        Ok(())
    }

    fn serialize_f32(self, _value: f32) -> Result<(), WalkError> {
        Ok(())
    }

    fn serialize_f64(self, _value: f64) -> Result<(), WalkError> {
        Ok(())
    }

    fn serialize_bytes(self, _value: &[u8]) -> Result<(), WalkError> {
        Ok(())
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        _index: u32,
        _variant: &'static str,
        _value: &T,
    ) -> Result<(), WalkError> {
        Err(foreign(name))
    }

    fn serialize_tuple_struct(
        self,
        name: &'static str,
        _len: usize,
    ) -> Result<Self::SerializeTupleStruct, WalkError> {
        Err(foreign(name))
    }

    fn serialize_tuple_variant(
        self,
        name: &'static str,
        _index: u32,
        _variant: &'static str,
        _len: usize,
    ) -> Result<Self::SerializeTupleVariant, WalkError> {
        Err(foreign(name))
    }

    fn serialize_map(self, _len: Option<usize>) -> Result<Self::SerializeMap, WalkError> {
        Err(foreign("a map"))
    }

    fn serialize_struct_variant(
        self,
        name: &'static str,
        _index: u32,
        _variant: &'static str,
        _len: usize,
    ) -> Result<Self::SerializeStructVariant, WalkError> {
        Err(foreign(name))
    }
}

fn foreign(name: &str) -> WalkError {
    WalkError(format!("{name} has a form that no field of an event has"))
}

impl ser::SerializeStruct for Walk<'_> {
    type Ok = ();
    type Error = WalkError;

    fn serialize_field<T: Serialize + ?Sized>(
        &mut self,
        key: &'static str,
        value: &T,
    ) -> Result<(), WalkError> {
        match self.place.fields.iter().find(|(name, _)| *name == key) {
            Some((_, place)) => value.serialize(Walk { place, hits: self.hits }),
            None => Ok(()),
        }
    }

    fn end(self) -> Result<(), WalkError> {
        Ok(())
    }
}

impl ser::SerializeSeq for Walk<'_> {
    type Ok = ();
    type Error = WalkError;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), WalkError> {
        let Some(place) = &self.place.element else { return Ok(()) };
        value.serialize(Walk { place, hits: self.hits })?;
        for any in &self.place.any {
            if any.condition.holds(*self.hits) {
                *self.hits |= any.result;
            }
            *self.hits &= !any.bits;
        }
        Ok(())
    }

    fn end(self) -> Result<(), WalkError> {
        Ok(())
    }
}

impl ser::SerializeTuple for Walk<'_> {
    type Ok = ();
    type Error = WalkError;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), WalkError> {
        ser::SerializeSeq::serialize_element(self, value)
    }

    fn end(self) -> Result<(), WalkError> {
        Ok(())
    }
}
