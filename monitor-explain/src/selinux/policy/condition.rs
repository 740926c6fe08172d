//! Conditions: which booleans decide about which rules (security/selinux/ss/conditional.c).

use super::{
    PolicyError, Problem, id::BooleanId, reader::Reader, rules::Rules, symbols::Symbols, table::Table,
};
use crate::selinux::policy::symbols::Boolean;

/// How deep an expression may be (`COND_EXPR_MAXDEPTH`, security/selinux/ss/conditional.h).
const DEPTH: usize = 10;

/// When a rule holds: always, or where a condition is true, or where it is false.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct When(u32);

impl When {
    /// It holds always.
    pub const ALWAYS: Self = Self(0);

    fn of(condition: usize, is: bool) -> Option<Self> {
        let condition = u32::try_from(condition).ok()?.checked_mul(2)?.checked_add(2)?;
        Some(Self(condition + u32::from(is)))
    }

    /// The place of the condition in the policy, and what it must be.
    #[must_use]
    pub fn condition(self) -> Option<(usize, bool)> {
        let place = self.0.checked_sub(2)?;
        Some((usize::try_from(place / 2).ok()?, place % 2 == 1))
    }

    /// Whether it is the other branch of the same condition.
    pub(super) fn is_opposite(self, other: Self) -> bool {
        self != Self::ALWAYS && self.0 ^ 1 == other.0
    }
}

/// A step of a condition, in postfix form (`struct cond_expr_node`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The state of a boolean.
    Boolean(BooleanId),
    /// `!`.
    Not,
    /// `||`.
    Or,
    /// `&&`.
    And,
    /// `^`.
    Xor,
    /// `==`.
    Equal,
    /// `!=`.
    NotEqual,
}

/// A condition (`struct cond_node`).
#[derive(Clone, Debug)]
pub struct Condition {
    /// Its expression.
    pub steps: Vec<Step>,
}

/// Which conditions hold. One whose expression is no expression holds neither as true nor as false.
pub(crate) type Switches = Vec<Option<bool>>;

impl Condition {
    /// Reads all conditions and their rules (`cond_read_list()`).
    pub(super) fn read_all(
        reader: &mut Reader<'_>,
        symbols: &Symbols,
        rules: &mut Rules,
    ) -> Result<Vec<Self>, PolicyError> {
        let count = reader.count(16)?;
        let mut conditions = Vec::new();
        for place in 0..count {
            let _state_when_written = reader.u32()?;
            let steps = reader.count(8)?;
            let steps =
                (0..steps).map(|_| Step::read(reader, &symbols.booleans)).collect::<Result<_, _>>()?;
            conditions.push(Self { steps });
            for is in [true, false] {
                let when = When::of(place, is)
                    .ok_or_else(|| reader.error(Problem::Expression("there are too many conditions")))?;
                for _ in 0..reader.count(12)? {
                    rules.read_one(reader, symbols, when)?;
                }
            }
        }
        Ok(conditions)
    }

    /// Whether it is true (`cond_evaluate_expr()`).
    pub(crate) fn evaluate(&self, state: impl Fn(BooleanId) -> bool) -> Option<bool> {
        let mut stack = [false; DEPTH];
        let mut depth = 0;
        for step in &self.steps {
            match step {
                Step::Boolean(boolean) => {
                    *stack.get_mut(depth)? = state(*boolean);
                    depth += 1;
                }
                Step::Not => {
                    let top = stack.get_mut(usize::checked_sub(depth, 1)?)?;
                    *top = !*top;
                }
                Step::Or | Step::And | Step::Xor | Step::Equal | Step::NotEqual => {
                    let right = *stack.get(usize::checked_sub(depth, 1)?)?;
                    let left = stack.get_mut(usize::checked_sub(depth, 2)?)?;
                    *left = match step {
                        Step::Or => *left | right,
                        Step::And => *left & right,
                        Step::Equal => *left == right,
                        _ => *left != right,
                    };
                    depth -= 1;
                }
            }
        }
        // The kernel's answer is the bottom of its stack, whatever lies above.
        (depth > 0).then_some(stack[0])
    }

    /// The booleans in it.
    pub fn booleans(&self) -> impl Iterator<Item = BooleanId> {
        self.steps.iter().filter_map(|step| match step {
            Step::Boolean(boolean) => Some(*boolean),
            _ => None,
        })
    }

    /// It as policies write it, parentheses where they are needed.
    #[must_use]
    pub fn text(&self, booleans: &Table<BooleanId, Boolean>) -> String {
        let mut stack: Vec<(String, bool)> = Vec::new();
        let inner = |(text, compound): (String, bool)| if compound { format!("({text})") } else { text };
        for step in &self.steps {
            let word = match step {
                Step::Boolean(boolean) => {
                    stack.push((booleans.name(*boolean).to_owned(), false));
                    continue;
                }
                Step::Not => {
                    let operand = stack.pop().map(inner).unwrap_or_default();
                    stack.push((format!("!{operand}"), false));
                    continue;
                }
                Step::Or => "||",
                Step::And => "&&",
                Step::Xor => "^",
                Step::Equal => "==",
                Step::NotEqual => "!=",
            };
            let right = stack.pop().map(inner).unwrap_or_default();
            let left = stack.pop().map(inner).unwrap_or_default();
            stack.push((format!("{left} {word} {right}"), true));
        }
        stack.pop().map(|(text, _)| text).unwrap_or_default()
    }
}

impl Step {
    fn read(reader: &mut Reader<'_>, booleans: &Table<BooleanId, Boolean>) -> Result<Self, PolicyError> {
        let [kind, boolean] = reader.words()?;
        Ok(match kind {
            1 if booleans.has(boolean) => Self::Boolean(BooleanId(boolean)),
            1 => return Err(reader.error(Problem::Value { what: "boolean", value: boolean })),
            2 => Self::Not,
            3 => Self::Or,
            4 => Self::And,
            5 => Self::Xor,
            6 => Self::Equal,
            7 => Self::NotEqual,
            other => return Err(reader.error(Problem::Value { what: "part of a condition", value: other })),
        })
    }
}
