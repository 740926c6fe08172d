//! The choice of sources in the configuration and on the command line.

use std::sync::LazyLock;

use clap::{ValueEnum, builder::PossibleValue};
use monitor_common::SourceId;

use crate::source::{self, Source};

/// One word of `--source`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Choice {
    /// Those that run only when something is refused.
    Default,
    /// Every one.
    All,
    /// This one.
    One(SourceId),
}

impl ValueEnum for Choice {
    fn value_variants<'a>() -> &'a [Self] {
        static ALL: LazyLock<Vec<Choice>> = LazyLock::new(|| {
            let chosen_by_name = source::ALL.iter().filter(|source| !source.silent);
            let ones = chosen_by_name.map(|source| Choice::One(source.id));
            [Choice::Default, Choice::All].into_iter().chain(ones).collect()
        });
        &ALL
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(match self {
            Self::Default => {
                PossibleValue::new("default").help("those that run only when something is refused")
            }
            Self::All => PossibleValue::new("all").help("every one of the following"),
            Self::One(id) => {
                let source = source::by_id(*id);
                let help = match source.cost {
                    None => source.about.to_owned(),
                    Some(cost) => format!("{}; {cost}", source.about),
                };
                PossibleValue::new(source.name).help(help)
            }
        })
    }
}

impl Choice {
    fn includes(self, source: &Source) -> bool {
        match self {
            Self::Default => source.cost.is_none() && !source.silent,
            Self::All => !source.silent,
            Self::One(id) => source.id == id,
        }
    }
}

/// The sources that these words choose, in the order of their numbers; if `silent`, also those of silent denials by the
/// same modules.
#[must_use]
pub(crate) fn chosen(choices: &[Choice], silent: bool) -> Vec<SourceId> {
    let named = |source: &Source| choices.iter().any(|choice| choice.includes(source));
    let of_chosen_module =
        |source: &Source| source::ALL.iter().any(|other| other.module == source.module && named(other));
    let included =
        |source: &&Source| if source.silent { silent && of_chosen_module(source) } else { named(source) };
    source::ALL.iter().filter(included).map(|source| source.id).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_default_nothing_runs_when_access_is_allowed() {
        for id in chosen(&[Choice::Default], false) {
            assert_eq!(source::by_id(id).cost, None);
        }
        assert!(!chosen(&[Choice::Default], false).contains(&SourceId::Capability));
    }

    #[test]
    fn silent_denials_are_watched_only_when_asked_for() {
        for id in chosen(&[Choice::Default, Choice::All], false) {
            assert!(!source::by_id(id).silent);
        }
        assert_eq!(chosen(&[Choice::All], true), SourceId::ALL);
        assert_eq!(
            chosen(&[Choice::One(SourceId::Landlock)], true),
            [SourceId::Landlock],
            "of chosen modules"
        );
    }

    #[test]
    fn words_add_up() {
        let (landlock, capability) = (Choice::One(SourceId::Landlock), Choice::One(SourceId::Capability));
        assert_eq!(
            chosen(&[capability, landlock], false),
            [SourceId::Landlock, SourceId::Capability],
            "in the order of the numbers",
        );
        assert_eq!(chosen(&[Choice::All, Choice::Default], false), chosen(&[Choice::All], false));
    }
}
