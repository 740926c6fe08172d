//! Which events a client wants.

use std::borrow::Cow;

use globset::{Candidate, GlobBuilder, GlobMatcher};
use serde::{Deserialize, Serialize};

use crate::{
    event::{Event, Module, Text, Verdict},
    filter::{Filter, FilterError},
    text,
};

/// The longest pattern.
const PATTERN_MAX: usize = 4096;
/// The most patterns in all, so that a client can't make the daemon match for ever.
const PATTERNS_MAX: usize = 256;

/// Which events a client wants: those that pass every criterion. A criterion of several values is passed if one of them
/// fits, and one without values by every event.
///
/// Names and paths are globs: `*` and `?` (in a path not beyond a `/`), `**` (beyond it), `[ab]`, `{a,b}`; a backslash
/// takes a character for itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Selection {
    /// The unit, the user's unit or the slice. `.service` is understood.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unit: Vec<String>,
    /// The module.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub module: Vec<Module>,
    /// The name of the thread.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub comm: Vec<String>,
    /// The process or the thread.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub pid: Vec<u32>,
    /// A path of the object: its own, its name to the module, or its target.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub path: Vec<String>,
    /// The subject's label, or the type in it, or its Landlock domain.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub subject: Vec<String>,
    /// The container's name or id (12 digits of it do), or its pod's.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub container: Vec<String>,
    /// The verdict. Changes of policy have none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub verdict: Vec<Verdict>,
    /// Silent denials, too.
    pub silent: bool,
    /// An expression, as in denyd's configuration.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub filter: Option<String>,
}

/// A selection that can't be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SelectionError {
    /// It is no glob.
    #[error("`{pattern}` is not a pattern: {reason}: write `\\` before a character that is meant as it is")]
    Pattern {
        /// The pattern, as it was given.
        pattern: String,
        /// What is wrong with it.
        reason: String,
    },
    /// It is longer than any name.
    #[error("a pattern is longer than {PATTERN_MAX} bytes: use `*` for a part of it")]
    Long,
    /// There are too many.
    #[error("more than {PATTERNS_MAX} patterns: use `*` or `{{a,b}}` to say it in fewer")]
    Many,
    /// The expression is none.
    #[error("the filter can't be used: {0}")]
    Filter(#[from] FilterError),
}

/// A selection made ready to select.
#[derive(Clone, Debug)]
pub struct Selector {
    unit: Vec<GlobMatcher>,
    module: Vec<Module>,
    comm: Vec<GlobMatcher>,
    pid: Vec<u32>,
    path: Vec<GlobMatcher>,
    subject: Vec<GlobMatcher>,
    container: Vec<GlobMatcher>,
    verdict: Vec<Verdict>,
    silent: bool,
    filter: Option<Filter>,
}

impl Selection {
    /// Makes it ready.
    ///
    /// # Errors
    ///
    /// If a pattern is none, or there are more than are needed.
    pub fn compile(&self) -> Result<Selector, SelectionError> {
        let Self { unit, module, comm, pid, path, subject, container, verdict, silent, filter } = self;
        let patterns = [unit, comm, path, subject, container];
        if patterns.iter().map(|some| some.len()).sum::<usize>() > PATTERNS_MAX {
            return Err(SelectionError::Many);
        }
        Ok(Selector {
            unit: unit.iter().map(|name| glob(&unit_name(name), false)).collect::<Result<_, _>>()?,
            module: module.clone(),
            comm: globs(comm, false)?,
            pid: pid.clone(),
            path: globs(path, true)?,
            subject: globs(subject, false)?,
            container: globs(container, false)?,
            verdict: verdict.clone(),
            silent: *silent,
            filter: filter.as_deref().map(Filter::parse).transpose()?,
        })
    }
}

/// A unit's whole name: `nginx` is `nginx.service`, as for systemctl.
fn unit_name(name: &str) -> Cow<'_, str> {
    if name.contains(['.', '*', '?', '[', '{']) { name.into() } else { format!("{name}.service").into() }
}

fn globs(patterns: &[String], path: bool) -> Result<Vec<GlobMatcher>, SelectionError> {
    patterns.iter().map(|pattern| glob(pattern, path)).collect()
}

fn glob(pattern: &str, path: bool) -> Result<GlobMatcher, SelectionError> {
    if pattern.len() > PATTERN_MAX {
        return Err(SelectionError::Long);
    }
    let glob = GlobBuilder::new(pattern).literal_separator(path).backslash_escape(true).build();
    let glob = glob.map_err(|error| SelectionError::Pattern {
        pattern: pattern.to_owned(),
        reason: error.kind().to_string(),
    })?;
    Ok(glob.compile_matcher())
}

impl Selector {
    /// Whether this event is wanted.
    #[must_use]
    pub fn selects(&self, event: &Event<'_>) -> bool {
        (self.silent || !event.silent)
            && (self.module.is_empty() || self.module.contains(&event.module))
            && (self.verdict.is_empty()
                || event.verdict.is_some_and(|verdict| self.verdict.contains(&verdict)))
            && (self.pid.is_empty()
                || [event.process.pid, event.process.tid]
                    .into_iter()
                    .flatten()
                    .any(|id| self.pid.contains(&id)))
            && fits(&self.comm, &event.process.comm)
            && fits(&self.unit, unit_names(event))
            && fits(&self.path, paths(event))
            && (fits(&self.subject, subjects(event))
                || selinux_type(event.subject.label.as_deref())
                    .is_some_and(|name| self.subject.iter().any(|glob| glob.is_match(name))))
            && (fits(&self.container, containers(event)) || self.has_container_id(event))
            && self.filter.as_ref().is_none_or(|filter| filter.matches(event))
    }

    /// Whether the start of the container's id fits, as runtimes print it.
    fn has_container_id(&self, event: &Event<'_>) -> bool {
        let id = event.container.as_ref().and_then(|container| container.id.as_deref());
        let short = id.filter(|id| id.len() == 64).and_then(|id| id.get(..12));
        short.is_some_and(|short| self.container.iter().any(|glob| glob.is_match(short)))
    }
}

fn fits<'a>(globs: &[GlobMatcher], texts: impl IntoIterator<Item = &'a Text<'a>>) -> bool {
    globs.is_empty()
        || texts.into_iter().any(|text| {
            // What is escaped in the event is meant by its bytes; a text that can't be an escaped one is taken as it is.
            let bytes = text::unescape(text).unwrap_or(Cow::Borrowed(text.as_bytes()));
            let candidate = Candidate::from_bytes(&*bytes);
            globs.iter().any(|glob| glob.is_match_candidate(&candidate))
        })
}

fn unit_names<'a>(event: &'a Event<'a>) -> impl Iterator<Item = &'a Text<'a>> {
    event
        .unit
        .iter()
        .flat_map(|unit| [&unit.name, &unit.user_unit, &unit.slice, &unit.user_slice].into_iter().flatten())
}

fn paths<'a>(event: &'a Event<'a>) -> impl Iterator<Item = &'a Text<'a>> {
    [&event.object.path, &event.object.name, &event.object.target].into_iter().flatten()
}

fn subjects<'a>(event: &'a Event<'a>) -> impl Iterator<Item = &'a Text<'a>> {
    [&event.subject.label, &event.subject.domain].into_iter().flatten()
}

fn containers<'a>(event: &'a Event<'a>) -> impl Iterator<Item = &'a Text<'a>> {
    event.container.iter().flat_map(|container| {
        let pod = container.pod.as_ref();
        [&container.name, &container.id]
            .into_iter()
            .flatten()
            .chain(pod.and_then(|pod| pod.name.as_ref()))
            .chain(pod.and_then(|pod| pod.uid.as_ref()))
    })
}

/// The type in an SELinux context: `httpd_t` in `system_u:system_r:httpd_t:s0`.
#[must_use]
pub fn selinux_type(label: Option<&str>) -> Option<&str> {
    let mut parts = label?.split(':');
    let name = parts.nth(2)?;
    (!name.is_empty()).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVENT: &str = include_str!("../../monitor/tests/golden/selinux_file.json");
    const PROFILE: &str = include_str!("../../monitor/tests/golden/apparmor_complain_exec.json");
    const SILENT: &str = include_str!("../../monitor/tests/golden/landlock_net_silent.json");

    #[track_caller]
    fn selects(selection: &Selection, event: &str) -> bool {
        selection.compile().unwrap().selects(&serde_json::from_str(event).unwrap())
    }

    fn path(glob: &str) -> Selection {
        Selection { path: vec![glob.to_owned()], ..Selection::default() }
    }

    #[test]
    fn without_criteria_all_pass_that_are_not_silent() {
        assert!(selects(&Selection::default(), EVENT));
        assert!(!selects(&Selection::default(), SILENT));
        assert!(selects(&Selection { silent: true, ..Selection::default() }, SILENT));
        assert!(selects(&Selection { silent: true, ..Selection::default() }, EVENT), "silent ones, too");
    }

    #[test]
    fn a_star_does_not_leave_its_folder() {
        for (glob, fits) in [
            ("/var/lib/x/y", true),
            ("/var/lib/x/*", true),
            ("/var/lib/*", false),
            ("/var/lib/**", true),
            ("**/y", true),
            ("/var/{lib,log}/x/?", true),
            ("y", false),
        ] {
            assert_eq!(selects(&path(glob), EVENT), fits, "{glob}");
        }
    }

    #[test]
    fn a_target_is_a_path_too() {
        assert!(selects(&path("/usr/bin/id"), PROFILE));
        assert!(selects(&path("/usr/bin/nginx/**"), PROFILE));
    }

    #[test]
    fn escaped_bytes_are_matched_by_what_they_are() {
        let event = include_str!("../../monitor/tests/golden/apparmor_file.json");
        assert!(selects(&path(r"/etc/shadow \\ ?"), event), "a backslash, and one byte");
    }

    #[test]
    fn a_subject_is_a_label_or_its_type() {
        for (subject, fits) in [
            ("httpd_t", true),
            ("httpd_*", true),
            ("*:httpd_t:*", true),
            ("system_r", false),
            ("var_lib_t", false),
        ] {
            let selection = Selection { subject: vec![subject.to_owned()], ..Selection::default() };
            assert_eq!(selects(&selection, EVENT), fits, "{subject}");
        }
        let profile = Selection { subject: vec!["*nginx".to_owned()], ..Selection::default() };
        assert!(selects(&profile, PROFILE));
    }

    #[test]
    fn a_unit_needs_no_suffix_and_a_container_not_its_whole_id() {
        let mut event: Event<'_> = serde_json::from_str(EVENT).unwrap();
        event.unit = Some(crate::event::Unit {
            name: Some("user@1000.service".into()),
            user_unit: Some("dbus.service".into()),
            ..Default::default()
        });
        event.container = Some(crate::event::Container {
            id: Some(("0123456789ab".to_owned() + &"c".repeat(52)).into()),
            name: None,
            image: None,
            runtime: None,
            pod: Some(crate::event::Pod { name: Some("web-0".into()), ..Default::default() }),
            parents: Vec::new(),
            found_by: crate::event::FoundBy::Cgroup,
        });
        let event = serde_json::to_string(&event).unwrap();
        for (unit, fits) in [("dbus", true), ("dbus.socket", false), ("user@*", true), ("user@1000", true)] {
            let selection = Selection { unit: vec![unit.to_owned()], ..Selection::default() };
            assert_eq!(selects(&selection, &event), fits, "{unit}");
        }
        for (container, fits) in
            [("0123456789ab", true), ("0123456789ab*", true), ("web-*", true), ("0123", false)]
        {
            let selection = Selection { container: vec![container.to_owned()], ..Selection::default() };
            assert_eq!(selects(&selection, &event), fits, "{container}");
        }
    }

    #[test]
    fn every_criterion_must_be_passed_by_one_of_its_values() {
        let selection = Selection {
            module: vec![Module::Landlock, Module::Selinux],
            pid: vec![1, 4243],
            comm: vec!["c?t".to_owned()],
            verdict: vec![Verdict::Denied],
            ..Selection::default()
        };
        assert!(selects(&selection, EVENT));
        for other in [
            Selection { module: vec![Module::Landlock], ..selection.clone() },
            Selection { pid: vec![1], ..selection.clone() },
            Selection { comm: vec!["dog".to_owned()], ..selection.clone() },
            Selection { verdict: vec![Verdict::Permitted], ..selection },
        ] {
            assert!(!selects(&other, EVENT), "{other:?}");
        }
    }

    #[test]
    fn an_expression_is_one_more_criterion() {
        let filter = |filter: &str| Selection { filter: Some(filter.to_owned()), ..Selection::default() };
        assert!(selects(&filter(r#"process.comm == "cat" && "write" in action.permissions"#), EVENT));
        assert!(!selects(&filter(r#"process.comm == "dog""#), EVENT));
        let error = filter("process.com == 1").compile().unwrap_err().to_string();
        assert!(error.starts_with("the filter can't be used: character 1: "), "{error}");
    }

    #[test]
    fn what_is_no_pattern_is_refused_with_its_reason() {
        let error = path("[a").compile().unwrap_err();
        assert_eq!(
            error.to_string(),
            "`[a` is not a pattern: unclosed character class; missing ']': write `\\` before a character that is \
             meant as it is",
        );
        assert_eq!(path(&"x".repeat(PATTERN_MAX + 1)).compile().unwrap_err(), SelectionError::Long);
        let many = Selection { path: vec!["x".to_owned(); PATTERNS_MAX + 1], ..Selection::default() };
        assert_eq!(many.compile().unwrap_err(), SelectionError::Many);
    }
}
