//! Labels of files are those that libselinux finds, for random paths that are made from the patterns.

use std::{
    collections::BTreeSet,
    env,
    error::Error,
    fs,
    path::Path,
    process::{Command, Stdio},
};

use monitor_explain::selinux::file_contexts::{FileContexts, FileKind, Origin};
use proptest::{
    strategy::{Strategy as _, ValueTree as _},
    string::string_regex,
    test_runner::TestRunner,
};

type Failure = Box<dyn Error>;

/// Where Debian's package has its own.
const DEBIAN: &str = "/etc/selinux/default/contexts/files/file_contexts";

/// How many paths are made.
const PATHS: usize = 20_000;

/// Modes of the kinds, and none.
const MODES: [u32; 8] = [0, 0o100_644, 0o040_755, 0o120_777, 0o020_600, 0o060_600, 0o010_600, 0o140_600];

/// A path that the pattern matches, with plain letters where it says anything.
fn path_of(pattern: &str, runner: &mut TestRunner) -> Option<String> {
    let mut plain = String::new();
    let mut characters = pattern.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => plain.extend(['\\', characters.next()?]),
            '.' => plain.push_str("[a-c/.]"),
            other => plain.push(other),
        }
    }
    let plain = plain.replace("[^/]", "[a-z0-9]").replace('*', "{0,6}").replace('+', "{1,6}");
    Some(string_regex(&plain).ok()?.new_tree(runner).ok()?.current())
}

fn compare(file: &Path, paths: usize) -> Result<usize, Failure> {
    let contexts = FileContexts::read(file)?;
    assert_eq!(contexts.problems, []);
    assert_eq!(contexts.broken().count(), 0, "{:?}", contexts.broken().next());
    let mut patterns = Vec::new();
    let mut beginnings = Vec::new();
    for end in ["", ".homedirs", ".local", ".subs", ".subs_dist"] {
        let text = fs::read_to_string(format!("{}{end}", file.display())).unwrap_or_default();
        for line in text.lines().filter(|line| !line.trim_start().starts_with('#')) {
            let mut words = line.split_whitespace().map(str::to_owned);
            let Some(first) = words.next() else { continue };
            if end.starts_with(".subs") {
                beginnings.push(first);
            } else {
                patterns.push((first, words.next().unwrap_or_default()));
            }
        }
    }
    let mut runner = TestRunner::deterministic();
    let mut asked = Vec::new();
    let newer = is_newer();
    for number in 0..paths {
        let (pattern, kind) = &patterns[number % patterns.len()];
        let Some(mut path) = path_of(pattern, &mut runner) else { continue };
        let own = ["", "--", "-d", "-l", "-c", "-b", "-p", "-s"].iter().position(|word| word == kind);
        let mode = MODES[own.filter(|_| number % 3 != 0).unwrap_or(number / 3 % MODES.len())];
        match number % 11 {
            1 => path.push_str("/x"),
            2 => path.truncate(path.rfind('/').unwrap_or_default().max(1)),
            3 if !beginnings.is_empty() => path.insert_str(0, &beginnings[number % beginnings.len()]),
            4 => {
                let rest: Vec<&str> = path.splitn(4, '/').skip(3).collect();
                path = format!("{}/{}", beginnings.get(number % 17).map_or("/usr", |one| one), rest.concat());
            }
            _ => {}
        }
        // Some versions remove a slash at the end.
        let path = format!("/{}", path.trim_matches('/'));
        if !path.contains(['\n', '\t', '\0']) && (mode != 0 || !newer) {
            asked.push((mode, path));
        }
    }
    let questions = tempfile::NamedTempFile::new()?;
    let lines: Vec<String> = asked.iter().map(|(mode, path)| format!("{mode}\t{path}\n")).collect();
    fs::write(questions.path(), lines.concat())?;
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/oracle/labels.py");
    let python = env::var("PYTHON").unwrap_or_else(|_| "/usr/bin/python3".to_owned());
    let mut words = python.split(' ');
    let output = Command::new(words.next().unwrap_or_default())
        .args(words)
        .arg(script)
        .arg(file)
        .stdin(questions.reopen()?)
        .stderr(Stdio::piped())
        .output()?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned().into());
    }
    let answers = String::from_utf8(output.stdout)?;
    let answers: Vec<&str> = answers.lines().collect();
    assert_eq!(answers.len(), asked.len());
    let mut found = BTreeSet::new();
    for ((mode, path), answer) in asked.iter().zip(answers) {
        let matching = contexts.find(path.as_bytes(), FileKind::of_mode(*mode))?;
        let own = matching.and_then(|one| one.context).unwrap_or("none");
        assert_eq!(own, answer, "{path} of mode {mode:o}: {matching:?}");
        found.extend(matching.map(|one| (one.origin, one.line)));
    }
    eprintln!(
        "{}: {} paths equal, by {} of {} lines",
        file.display(),
        asked.len(),
        found.len(),
        contexts.len()
    );
    Ok(found.len())
}

/// Whether libselinux is 3.8 or newer. Such give another answer where the kind of a file is not known.
fn is_newer() -> bool {
    let version = Command::new("dpkg-query").args(["-W", "-f", "${Version}", "libselinux1"]).output();
    let version =
        version.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    let mut parts = version.split(['.', '-']).map_while(|part| part.parse::<u32>().ok());
    env::var_os("PYTHON").is_some() || (parts.next(), parts.next()) >= (Some(3), Some(8))
}

#[test]
fn labels_are_those_of_libselinux() -> Result<(), Failure> {
    if !Path::new(DEBIAN).is_file() || !Path::new("/usr/bin/python3").is_file() {
        eprintln!("skipped: as root, apt-get install --no-install-recommends python3 selinux-policy-default");
        return Ok(());
    }
    assert!(compare(Path::new(DEBIAN), PATHS)? > 3_000);
    // The same with files of an administrator beside it.
    let folder = tempfile::tempdir()?;
    let copy = folder.path().join("file_contexts");
    for end in ["", ".homedirs", ".subs_dist"] {
        fs::copy(format!("{DEBIAN}{end}"), format!("{}{end}", copy.display()))?;
    }
    fs::write(folder.path().join("file_contexts.local"), LOCAL)?;
    fs::write(folder.path().join("file_contexts.subs"), "/data /srv\n/data/root /\n/opt/web /var/www\n")?;
    compare(&copy, 2_000)?;
    let contexts = FileContexts::read(&copy)?;
    let label = |path: &str| -> Result<_, Failure> {
        let found = contexts.find(path.as_bytes(), Some(FileKind::Regular))?;
        Ok(found.map(|one| (one.context, one.origin)))
    };
    assert_eq!(label("/usr/bin/anything")?, Some((Some("system_u:object_r:local_t:s0"), Origin::Local)));
    assert_eq!(label("/exact/file")?, Some((Some("system_u:object_r:exact_t:s0"), Origin::Local)));
    assert_eq!(label("/nothing/here")?, Some((None, Origin::Local)));
    assert_eq!(
        label("/opt//web/index.html")?.map(|(context, _)| context),
        label("/var/www/index.html")?.map(|(context, _)| context)
    );
    Ok(())
}

/// Lines of an administrator.
const LOCAL: &str = "/exact/file\tsystem_u:object_r:exact_t:s0
/usr/bin/.*    system_u:object_r:local_t:s0
/nothing(/.*)?    <<none>>
/exact/.* -- system_u:object_r:other_t:s0
/srv/(a|b)/[^/]+\\.txt -- system_u:object_r:text_t:s0
";

#[test]
fn lines_that_make_no_sense_are_named() -> Result<(), Failure> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("file_contexts");
    fs::write(
        &file,
        "# comment\n\n/a\n/b -x system_u:object_r:b_t:s0\n/c(\tsystem_u:object_r:c_t:s0\n/d -- system_u:object_r:d_t:s0\n",
    )?;
    let contexts = FileContexts::read(&file)?;
    let problems: Vec<(usize, &str)> = contexts.problems.iter().map(|one| (one.line, one.problem)).collect();
    assert_eq!(problems, [(3, "the label is missing"), (4, "there is no such kind of files")]);
    assert_eq!(contexts.broken().map(|one| one.line).collect::<Vec<_>>(), [5]);
    assert!(contexts.find(b"/c/x", None).is_err(), "the pattern that can't be understood may match");
    assert!(contexts.find(b"/x", None)?.is_none(), "whatever the pattern means, it begins otherwise");
    assert!(contexts.find(b"/d", None)?.is_some());
    assert!(FileContexts::read(&folder.path().join("none")).is_err());
    Ok(())
}
