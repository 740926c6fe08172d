//! The choice of sources on the command line.

use clap::{ValueEnum, builder::PossibleValue};
use monitor_common::SourceId;

use crate::source::{self, Source};

/// One word of `--source`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Choice {
    /// Those that run only when something is refused.
    Default,
    /// Every one.
    All,
    /// This one.
    One(SourceId),
}

impl ValueEnum for Choice {
    fn value_variants<'a>() -> &'a [Self] {
        const ALL: [Choice; 2 + SourceId::ALL.len()] = {
            let mut all = [Choice::Default, Choice::All, Choice::All, Choice::All, Choice::All, Choice::All];
            let mut index = 0;
            while index < SourceId::ALL.len() {
                all[2 + index] = Choice::One(SourceId::ALL[index]);
                index += 1;
            }
            all
        };
        &ALL
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(match self {
            Self::Default => {
                PossibleValue::new("default").help("those that run only when something is refused")
            }
            Self::All => PossibleValue::new("all").help("every one"),
            Self::One(id) => {
                let source = source::of(*id);
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
            Self::Default => source.cost.is_none(),
            Self::All => true,
            Self::One(id) => source.id == id,
        }
    }
}

/// The sources that these words choose, in the order of their numbers.
pub(super) fn chosen(choices: &[Choice]) -> Vec<SourceId> {
    let included = |source: &&Source| choices.iter().any(|choice| choice.includes(source));
    source::ALL.iter().filter(included).map(|source| source.id).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_default_nothing_runs_when_access_is_allowed() {
        assert_eq!(chosen(&[Choice::Default]), [SourceId::Selinux, SourceId::Apparmor, SourceId::Landlock]);
    }

    #[test]
    fn words_add_up() {
        assert_eq!(
            chosen(&[Choice::One(SourceId::Capability), Choice::Default]),
            SourceId::ALL,
            "in the order of the numbers",
        );
        assert_eq!(chosen(&[Choice::One(SourceId::Landlock)]), [SourceId::Landlock]);
        assert_eq!(chosen(&[Choice::All, Choice::Default]), SourceId::ALL);
    }
}
