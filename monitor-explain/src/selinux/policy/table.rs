//! Symbols by their names and numbers.

use std::{collections::HashMap, marker::PhantomData};

use super::{Part, PolicyError, Problem, bitmap::Bitmap, reader::Reader};

/// The number of something.
pub trait Id: Copy {
    /// It.
    fn value(self) -> u32;
}

/// Symbols of one kind: by their names, and by their numbers (`struct symtab`, security/selinux/ss/symtab.h).
#[derive(Clone, Debug)]
pub struct Table<I, T> {
    items: Vec<(Box<str>, T)>,
    /// For each number, its place in `items`, counted from 1; 0 if there is none.
    places: Vec<u32>,
    /// Names and aliases, with their numbers.
    names: HashMap<Box<str>, u32>,
    id: PhantomData<I>,
}

impl<I: Id, T> Table<I, T> {
    /// Reads one, by a function that reads one symbol and inserts it.
    pub(super) fn read(
        reader: &mut Reader<'_>,
        part: Part,
        mut symbol: impl FnMut(&mut Reader<'_>, &mut Self) -> Result<(), PolicyError>,
    ) -> Result<Self, PolicyError> {
        reader.enter(part);
        let [limit, count] = reader.words()?;
        // libsepol has the same bound on the largest number.
        let places = vec![0; reader.fits(limit, 12)?];
        let mut table = Self { items: Vec::new(), places, names: HashMap::new(), id: PhantomData };
        for _ in 0..reader.fits(count, 12)? {
            symbol(reader, &mut table)?;
        }
        let lost = table.names.values().find(|value| !table.has(**value)).copied();
        lost.map_or(Ok(table), |value| Err(reader.error(Problem::Value { what: "number of a name", value })))
    }

    /// The number of `name`, which may be an alias.
    pub(super) fn value(&self, name: &str) -> Option<u32> {
        self.names.get(name).copied()
    }

    fn item(&self, value: u32) -> Option<&(Box<str>, T)> {
        let place = *self.places.get(usize::try_from(value.checked_sub(1)?).ok()?)?;
        self.items.get(usize::try_from(place.checked_sub(1)?).ok()?)
    }

    /// What has this number.
    #[must_use]
    pub fn get(&self, id: I) -> Option<&T> {
        self.item(id.value()).map(|(_, item)| item)
    }

    /// The name of what has this number; empty if nothing has, as in another policy's number.
    #[must_use]
    pub fn name(&self, id: I) -> &str {
        self.item(id.value()).map_or("", |(name, _)| name)
    }

    /// The largest number that there can be.
    pub(super) fn limit(&self) -> u32 {
        u32::try_from(self.places.len()).unwrap_or(u32::MAX)
    }

    /// Whether something has this number.
    pub(super) fn has(&self, value: u32) -> bool {
        self.item(value).is_some()
    }

    /// Whether each bit of `bitmap` is that of something.
    pub(super) fn has_all(&self, bitmap: &Bitmap) -> bool {
        bitmap.iter().all(|bit| bit.checked_add(1).is_some_and(|value| self.has(value)))
    }

    /// How many there are, aliases not counted.
    #[must_use]
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// Names and what they stand for, in the order of the policy; no aliases.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &T)> {
        self.items.iter().map(|(name, item)| (&**name, item))
    }

    /// The aliases and the numbers that they stand for.
    pub(super) fn aliases(&self) -> impl Iterator<Item = (&str, u32)> {
        self.names
            .iter()
            .map(|(name, value)| (&**name, *value))
            .filter(|(name, value)| self.item(*value).is_none_or(|(own, _)| **own != **name))
    }

    pub(super) fn insert(
        &mut self,
        reader: &Reader<'_>,
        name: &str,
        value: u32,
        item: T,
    ) -> Result<(), PolicyError> {
        let missing = || reader.error(Problem::Value { what: "number that a name may have", value });
        let index = value.checked_sub(1).and_then(|index| usize::try_from(index).ok()).ok_or_else(missing)?;
        let place = self.places.get_mut(index).ok_or_else(missing)?;
        if *place != 0 {
            return Err(reader.error(Problem::Duplicate(format!("number {value}"))));
        }
        self.items.push((name.into(), item));
        *place = u32::try_from(self.items.len()).unwrap_or(0);
        self.alias(reader, name, value)
    }

    pub(super) fn alias(&mut self, reader: &Reader<'_>, name: &str, value: u32) -> Result<(), PolicyError> {
        match self.names.insert(name.into(), value) {
            None => Ok(()),
            Some(_) => Err(reader.error(Problem::Duplicate(name.to_owned()))),
        }
    }
}
