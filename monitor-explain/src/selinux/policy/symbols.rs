//! What a policy names: permissions, classes, roles, types, users, booleans, sensitivities and categories.

use super::{
    Part, PolicyError, Problem,
    bitmap::Bitmap,
    constraint::Constraint,
    context::{Level, Range},
    id::{BooleanId, CategoryId, ClassId, CommonId, LevelId, OBJECT_ROLE, RoleId, TypeId, UserId},
    reader::Reader,
    table::Table,
};

/// Permissions that classes share (`struct common_datum`).
#[derive(Clone, Debug)]
pub struct Common {
    /// Their names, by their bits.
    pub(crate) permissions: Vec<Option<Box<str>>>,
}

impl Common {
    /// Their names, in the order of their bits.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.permissions.iter().filter_map(Option::as_deref)
    }
}

/// A class of objects (`struct class_datum`).
#[derive(Clone, Debug)]
pub struct Class {
    /// Its number.
    pub id: ClassId,
    /// The permissions that it shares with others.
    pub common: Option<CommonId>,
    /// All its permissions' names, by their bits.
    pub(crate) permissions: Vec<Option<Box<str>>>,
    /// What must hold for some of its permissions.
    pub constraints: Vec<Constraint>,
    /// What must hold when an object's label changes.
    pub transition_constraints: Vec<Constraint>,
    /// Where a new object has its user from: 0 not said, 1 source, 2 target.
    pub(crate) default_user: u32,
    /// The same for its role.
    pub(crate) default_role: u32,
    /// The same for its type.
    pub(crate) default_type: u32,
    /// Where it has its levels from (`DEFAULT_SOURCE_LOW` and what follows).
    pub(crate) default_range: u32,
}

impl Class {
    /// The bit of the permission `name`.
    #[must_use]
    pub fn permission(&self, name: &str) -> Option<u32> {
        let place = self.permissions.iter().position(|own| own.as_deref() == Some(name))?;
        1_u32.checked_shl(u32::try_from(place).ok()?)
    }

    /// The names of the permissions in `bits`, in the order of their bits.
    pub fn names(&self, bits: u32) -> impl Iterator<Item = &str> {
        self.permissions
            .iter()
            .enumerate()
            .filter(move |(place, _)| bits >> place & 1 != 0)
            .filter_map(|(_, name)| name.as_deref())
    }

    /// The bits of all its permissions.
    #[must_use]
    pub fn all(&self) -> u32 {
        let named = self.permissions.iter().enumerate().filter(|(_, name)| name.is_some());
        named.fold(0, |bits, (place, _)| bits | 1 << place)
    }
}

/// A role (`struct role_datum`).
#[derive(Clone, Debug)]
pub struct Role {
    /// Its number.
    pub id: RoleId,
    /// The role that bounds it.
    pub bounds: Option<RoleId>,
    pub(crate) dominates: Bitmap,
    pub(crate) types: Bitmap,
}

/// A type or an attribute (`struct type_datum`).
#[derive(Clone, Debug)]
pub struct Type {
    /// Its number.
    pub id: TypeId,
    /// Whether it is an attribute.
    pub attribute: bool,
    /// The type that bounds it.
    pub bounds: Option<TypeId>,
}

/// A user (`struct user_datum`).
#[derive(Clone, Debug)]
pub struct User {
    /// Its number.
    pub id: UserId,
    /// The user that bounds it.
    pub bounds: Option<UserId>,
    pub(crate) roles: Bitmap,
    /// The levels that it may have.
    pub range: Range,
    /// The level that it has at first.
    pub level: Level,
}

/// A boolean (`struct cond_bool_datum`).
#[derive(Clone, Debug)]
pub struct Boolean {
    /// Its number.
    pub id: BooleanId,
    /// Whether it is on in the file. The running kernel's may be set otherwise.
    pub on: bool,
}

/// A sensitivity (`struct level_datum`).
#[derive(Clone, Debug)]
pub struct Sensitivity {
    /// Its number.
    pub id: LevelId,
    /// The categories that may be with it.
    pub(crate) categories: Bitmap,
}

/// A category (`struct cat_datum`).
#[derive(Clone, Debug)]
pub struct Category {
    /// Its number.
    pub id: CategoryId,
}

/// All that a policy names.
#[derive(Clone, Debug)]
pub struct Symbols {
    /// Permissions that classes share.
    pub commons: Table<CommonId, Common>,
    /// The classes.
    pub classes: Table<ClassId, Class>,
    /// The roles.
    pub roles: Table<RoleId, Role>,
    /// The types and attributes.
    pub types: Table<TypeId, Type>,
    /// The users.
    pub users: Table<UserId, User>,
    /// The booleans.
    pub booleans: Table<BooleanId, Boolean>,
    /// The sensitivities.
    pub levels: Table<LevelId, Sensitivity>,
    /// The categories.
    pub categories: Table<CategoryId, Category>,
}

impl Symbols {
    /// Reads all tables (`policydb_read()`, security/selinux/ss/policydb.c).
    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, PolicyError> {
        let commons = Table::read(reader, Part::Commons, common)?;
        let classes = Table::read(reader, Part::Classes, |reader, classes| class(reader, &commons, classes))?;
        Ok(Self {
            commons,
            classes,
            roles: Table::read(reader, Part::Roles, role)?,
            types: Table::read(reader, Part::Types, type_)?,
            users: Table::read(reader, Part::Users, user)?,
            booleans: Table::read(reader, Part::Booleans, boolean)?,
            levels: Table::read(reader, Part::Levels, sensitivity)?,
            categories: Table::read(reader, Part::Categories, category)?,
        })
    }
}

/// Reads permissions into `names` (`perm_read()`).
fn permissions(
    reader: &mut Reader<'_>,
    names: &mut Vec<Option<Box<str>>>,
    limit: u32,
    count: u32,
) -> Result<(), PolicyError> {
    if limit > u32::BITS {
        return Err(reader.error(Problem::Value { what: "number of permissions", value: limit }));
    }
    let inherited = names.len();
    let limit = limit as usize;
    names.resize(limit.max(inherited), None);
    for _ in 0..reader.fits(count, 9)? {
        let [length, value] = reader.words()?;
        let name = reader.symbol(length)?;
        let place = usize::try_from(value).ok().and_then(|value| value.checked_sub(1));
        let free = place.filter(|place| *place < limit).and_then(|place| names.get_mut(place));
        let free = free.ok_or_else(|| reader.error(Problem::Value { what: "permission", value }))?;
        if free.is_some() {
            return Err(reader.error(Problem::Duplicate(format!("permission {value}"))));
        }
        *free = Some(name.into());
        if names.iter().flatten().filter(|own| ***own == *name).nth(1).is_some() {
            return Err(reader.error(Problem::Duplicate(format!("permission {name}"))));
        }
    }
    Ok(())
}

/// `common_read()`.
fn common(reader: &mut Reader<'_>, commons: &mut Table<CommonId, Common>) -> Result<(), PolicyError> {
    let [length, value, limit, count] = reader.words()?;
    let name = reader.symbol(length)?;
    let mut names = Vec::new();
    permissions(reader, &mut names, limit, count)?;
    commons.insert(reader, name, value, Common { permissions: names })
}

/// `class_read()`.
fn class(
    reader: &mut Reader<'_>,
    commons: &Table<CommonId, Common>,
    classes: &mut Table<ClassId, Class>,
) -> Result<(), PolicyError> {
    let [length, common_length, value, limit, count, constraints] = reader.words()?;
    if value > u32::from(u16::MAX) {
        return Err(reader.error(Problem::Value { what: "class", value }));
    }
    let name = reader.symbol(length)?;
    let mut names = Vec::new();
    let mut common = None;
    if common_length != 0 {
        let own = reader.symbol(common_length)?;
        let value = commons.value(own).ok_or_else(|| reader.error(Problem::Missing(own.to_owned())))?;
        common = Some(CommonId(value));
        names = commons.get(CommonId(value)).map(|common| common.permissions.clone()).unwrap_or_default();
    }
    permissions(reader, &mut names, limit, count)?;
    let mut class = Class {
        id: ClassId(value),
        common,
        permissions: names,
        constraints: Constraint::read_all(reader, constraints, false)?,
        transition_constraints: Vec::new(),
        default_user: 0,
        default_role: 0,
        default_type: 0,
        default_range: 0,
    };
    let constraints = reader.u32()?;
    class.transition_constraints = Constraint::read_all(reader, constraints, true)?;
    if reader.version >= 27 {
        [class.default_user, class.default_role, class.default_range] = reader.words()?;
    }
    if reader.version >= 28 {
        class.default_type = reader.u32()?;
    }
    let known = |value: u32, last: u32| value <= last;
    if ![class.default_user, class.default_role, class.default_type].iter().all(|value| known(*value, 2))
        || !known(class.default_range, 7)
    {
        return Err(reader.error(Problem::Value { what: "default of a class", value: class.default_range }));
    }
    classes.insert(reader, name, value, class)
}

/// `role_read()`.
fn role(reader: &mut Reader<'_>, roles: &mut Table<RoleId, Role>) -> Result<(), PolicyError> {
    let [length, value, bounds] = reader.words()?;
    let name = reader.symbol(length)?;
    let dominates = Bitmap::read(reader)?;
    let types = Bitmap::read(reader)?;
    if (name == "object_r") != (value == OBJECT_ROLE.0) {
        return Err(reader.error(Problem::Value { what: "number that this role may have", value }));
    }
    let bounds = (bounds != 0).then_some(RoleId(bounds));
    roles.insert(reader, name, value, Role { id: RoleId(value), bounds, dominates, types })
}

/// `type_read()`.
fn type_(reader: &mut Reader<'_>, types: &mut Table<TypeId, Type>) -> Result<(), PolicyError> {
    const PRIMARY: u32 = 1;
    const ATTRIBUTE: u32 = 2;
    let [length, value, properties, bounds] = reader.words()?;
    let name = reader.symbol(length)?;
    if properties & PRIMARY == 0 {
        return types.alias(reader, name, value);
    }
    let bounds = (bounds != 0).then_some(TypeId(bounds));
    types.insert(
        reader,
        name,
        value,
        Type { id: TypeId(value), attribute: properties & ATTRIBUTE != 0, bounds },
    )
}

/// `user_read()`.
fn user(reader: &mut Reader<'_>, users: &mut Table<UserId, User>) -> Result<(), PolicyError> {
    let [length, value, bounds] = reader.words()?;
    let name = reader.symbol(length)?;
    let roles = Bitmap::read(reader)?;
    let range = Range::read(reader)?;
    let level = Level::read(reader)?;
    let bounds = (bounds != 0).then_some(UserId(bounds));
    users.insert(reader, name, value, User { id: UserId(value), bounds, roles, range, level })
}

/// `cond_read_bool()` (security/selinux/ss/conditional.c).
fn boolean(reader: &mut Reader<'_>, booleans: &mut Table<BooleanId, Boolean>) -> Result<(), PolicyError> {
    let [value, state, length] = reader.words()?;
    if state > 1 {
        return Err(reader.error(Problem::Value { what: "state of a boolean", value: state }));
    }
    let name = reader.symbol(length)?;
    booleans.insert(reader, name, value, Boolean { id: BooleanId(value), on: state == 1 })
}

/// `sens_read()`.
fn sensitivity(reader: &mut Reader<'_>, levels: &mut Table<LevelId, Sensitivity>) -> Result<(), PolicyError> {
    let [length, alias] = reader.words()?;
    let name = reader.level(length)?;
    let level = Level::read(reader)?;
    let value = level.sensitivity;
    if alias != 0 {
        return levels.alias(reader, name, value);
    }
    levels.insert(reader, name, value, Sensitivity { id: LevelId(value), categories: level.categories })
}

/// `cat_read()`.
fn category(
    reader: &mut Reader<'_>,
    categories: &mut Table<CategoryId, Category>,
) -> Result<(), PolicyError> {
    let [length, value, alias] = reader.words()?;
    let name = reader.level(length)?;
    if alias != 0 {
        return categories.alias(reader, name, value);
    }
    categories.insert(reader, name, value, Category { id: CategoryId(value) })
}
