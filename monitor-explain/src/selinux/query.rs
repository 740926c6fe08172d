//! Questions to a [policy](super::policy::Policy), answered as the kernel and libsepol answer them.

mod boolean;
mod cause;
mod compute;
mod constraint;
mod difference;
mod extended;
mod label;
mod search;
mod transition;

pub use self::{
    boolean::{Flip, Flips},
    cause::{Answer, Cause, QuestionError},
    compute::{Decision, Reasons},
    constraint::{Outcome, Violation},
    extended::{ExtendedDecision, Operation},
    label::{INITIAL_SIDS, LabelOf},
    search::{Found, Side, Wanted},
    transition::TransitionKind,
};
