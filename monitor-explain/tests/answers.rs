//! What a policy answers, by cases that can be read beside `tests/policies/rich.cil` and `newest.cil`.

use std::{error::Error, fs, path::Path};

use monitor_explain::selinux::{
    policy::{Attribute, Context, ContextError, Policy, RuleKind, Unknown},
    query::{Answer, Cause, Found, Operation, QuestionError, Side, TransitionKind, Violation, Wanted},
};

type Failure = Box<dyn Error>;

fn policy(version: u32) -> Result<Policy, Failure> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/policies/rich.{version}"));
    Ok(Policy::read(&fs::read(file)?)?)
}

fn ask<'p>(
    policy: &'p Policy,
    source: &str,
    target: &str,
    class: &str,
    what: &str,
) -> Result<Answer<'p>, Failure> {
    Ok(policy.ask(source, target, class, what)?)
}

fn names(policy: &Policy, answer: &Answer<'_>) -> Vec<String> {
    let flips = policy.flips(&answer.source, &answer.target, answer.class, answer.permission).flips;
    let name = |(boolean, on): &(_, bool)| format!("{}={on}", policy.symbols.booleans.name(*boolean));
    flips.iter().map(|flip| flip.booleans.iter().map(name).collect::<Vec<_>>().join(" ")).collect()
}

#[test]
fn a_rule_allows() -> Result<(), Failure> {
    let policy = policy(33)?;
    let answer = ask(&policy, "sys:sys_r:init_t:s0", "sys:object_r:file_t:s0", "file", "read")?;
    assert!(matches!(answer.cause, Cause::Allowed));
    let rules = policy.allowers(&answer.source, &answer.target, answer.class, answer.permission);
    let texts: Vec<String> = rules.iter().map(Found::text).collect();
    assert_eq!(
        texts,
        ["allow trusted file_type:file { read write create getattr open relabelfrom relabelto };"]
    );
    Ok(())
}

#[test]
fn a_boolean_would_allow() -> Result<(), Failure> {
    let policy = policy(33)?;
    let answer = ask(&policy, "alice:alice_r:b_t:s0", "sys:object_r:file_t:s0", "file", "open")?;
    assert!(matches!(answer.cause, Cause::NoRule));
    assert_eq!(names(&policy, &answer), ["one=true"]);
    let flips = policy.flips(&answer.source, &answer.target, answer.class, answer.permission).flips;
    // What `one` is asked in: itself, `one == six`, and `three != (one && (two || four))`.
    assert_eq!(flips.iter().map(|flip| (flip.opens, flip.closes)).collect::<Vec<_>>(), [(3, 2)]);
    Ok(())
}

#[test]
fn a_pair_of_booleans_would_allow() -> Result<(), Failure> {
    let mut policy = policy(33)?;
    let two = policy.boolean("two").ok_or("no boolean two")?;
    policy.set(two, false);
    let answer = ask(&policy, "alice:alice_r:b_t:s0", "sys:object_r:secret_t:s0", "file", "write")?;
    assert_eq!(names(&policy, &answer), ["two=true three=true"]);
    Ok(())
}

#[test]
fn constraints_forbid() -> Result<(), Failure> {
    let policy = policy(33)?;
    let answer = ask(&policy, "sys:sys_r:init_t:s0-s1", "sys:object_r:file_t:s2:c1", "file", "write")?;
    let Cause::Constraints(violations) = &answer.cause else { return Err("no constraint".into()) };
    let texts: Vec<String> = violations.iter().map(|one| policy.constraint_text(one.constraint)).collect();
    assert_eq!(texts, ["((l1 domby l2) and (h1 dom l2))"]);
    let differing: Vec<Vec<Attribute>> = violations.iter().map(Violation::differing).collect();
    assert_eq!(differing, [[Attribute::Level]]);

    let answer = ask(&policy, "sys:sys_r:init_t:s0", "alice:object_r:file_t:s0", "file", "relabelto")?;
    let Cause::Constraints(violations) = &answer.cause else { return Err("no constraint".into()) };
    assert_eq!(violations.iter().map(Violation::differing).collect::<Vec<_>>(), [[Attribute::User]]);
    assert_eq!(policy.constraint_text(violations[0].constraint), "(u1 == u2)");
    Ok(())
}

#[test]
fn roles_forbid() -> Result<(), Failure> {
    let policy = policy(33)?;
    let answer =
        ask(&policy, "carol:alice_r:a_t:s1:c0.c2", "carol:carol_r:e_t:s1:c0.c2", "process", "transition")?;
    let Cause::Role { from, to } = answer.cause else { return Err(format!("{:?}", answer.cause).into()) };
    assert_eq!((policy.symbols.roles.name(from), policy.symbols.roles.name(to)), ("alice_r", "carol_r"));
    Ok(())
}

#[test]
fn bounds_forbid() -> Result<(), Failure> {
    let policy = policy(33)?;
    let answer =
        ask(&policy, "carol:carol_r:grandchild_t:s1:c0.c2", "sys:object_r:file_t:s0", "file", "ioctl")?;
    let Cause::Bounds { source, target } = answer.cause else {
        return Err(format!("{:?}", answer.cause).into());
    };
    assert_eq!((policy.symbols.types.name(source), policy.symbols.types.name(target)), ("child_t", "file_t"));
    Ok(())
}

#[test]
fn refusals_are_silent_or_permitted() -> Result<(), Failure> {
    let policy = policy(35)?;
    let ask = |source, permission| ask(&policy, source, "sys:object_r:secret_t:s0", "file", permission);
    let silent = ask("bob:bob_r:c_t:s0", "write")?;
    assert!(silent.silent && !silent.permissive);
    let rules = policy.silencers(&silent.source, &silent.target, silent.class, silent.permission);
    assert_eq!(
        rules.iter().map(Found::text).collect::<Vec<_>>(),
        ["dontaudit c_t file_type:file { write open };"]
    );
    assert!(!ask("bob:bob_r:c_t:s0", "execute")?.silent);
    assert!(ask("carol:carol_r:e_t:s1:c0.c2", "execute")?.permissive);
    assert!(ask("sys:sys_r:quiet_t:s0", "execute")?.silent, "nothing of quiet_t is logged");
    Ok(())
}

#[test]
fn what_the_policy_does_not_know_is_said() -> Result<(), Failure> {
    let policy = policy(33)?;
    let known = "sys:sys_r:init_t:s0";
    let error = |source: &str, target: &str, class: &str, permission: &str| {
        policy.ask(source, target, class, permission).err()
    };
    assert_eq!(
        error(known, known, "nothing", "read"),
        Some(QuestionError::Class { class: "nothing".to_owned(), handling: Unknown::Deny })
    );
    assert_eq!(
        error(known, known, "file", "fly").map(|error| error.to_string()).as_deref(),
        Some("the policy's class file has no permission fly; such are refused")
    );
    assert_eq!(
        error("sys:sys_r:gone_t:s0", known, "file", "read"),
        Some(QuestionError::Source(ContextError::Type("gone_t".to_owned())))
    );
    assert_eq!(
        error(known, "bob:alice_r:a_t:s0", "file", "read").map(|error| error.to_string()).as_deref(),
        Some("target: the user bob may not have the role alice_r")
    );
    assert_eq!(
        error(known, "bob:object_r:file_t", "file", "read"),
        Some(QuestionError::Target(ContextError::NoLevel))
    );
    Ok(())
}

#[test]
fn extended_permissions_decide() -> Result<(), Failure> {
    let policy = policy(35)?;
    let target = policy.context("sys:object_r:dev_t:s0")?;
    let class = policy.class("chr_file").ok_or("no chr_file")?;
    let decide =
        |source: &Context, number| policy.decide_extended(source, &target, class, Operation::Ioctl(number));
    let source = policy.context("alice:alice_r:a_t:s0")?;
    assert!(decide(&source, 0x5401).allows() && decide(&source, 0x5401).auditallow);
    assert!(!decide(&source, 0x5409).allows());
    assert!(decide(&source, 0x1234).allows(), "by the attribute");
    let source = policy.context("alice:alice_r:b_t:s0")?;
    assert!(decide(&source, 0x8765).allows(), "a whole driver");
    // A condition: `six` is off.
    let source = policy.context("bob:bob_r:d_t:s0")?;
    assert!(!decide(&source, 0x7777).allows());
    let source = policy.context("carol:carol_r:e_t:s1:c0.c2")?;
    assert!(decide(&source, 0x6042).allows());
    let message = policy.decide_extended(&source, &target, class, Operation::Message(0x6042));
    assert!(!message.allows(), "messages are no ioctls");
    let none = policy.context("sys:object_r:file_t:s0")?;
    assert!(decide(&none, 0x5401).allows(), "without rules, the permission decides");
    let texts: Vec<String> = policy
        .search(Wanted {
            kinds: &[RuleKind::AllowExtended],
            boolean: policy.boolean("six"),
            ..Wanted::default()
        })
        .iter()
        .map(Found::text)
        .collect();
    assert_eq!(
        texts,
        [
            "allowxperm d_t dev_t:chr_file ioctl { 0x7777 }; [ six ]:True",
            "allowxperm e_t dev_t:chr_file ioctl { 0x6000-0x60ff }; [ six ]:False"
        ]
    );
    Ok(())
}

#[test]
fn new_objects_get_labels() -> Result<(), Failure> {
    let policy = policy(33)?;
    let new = |source: &str, target: &str, class: &str, name: Option<&[u8]>| -> Result<String, Failure> {
        let (source, target) = (policy.context(source)?, policy.context(target)?);
        let class = policy.class(class).ok_or("no such class")?;
        Ok(policy.text(&policy.valid_transition(TransitionKind::New, &source, &target, class, name)?))
    };
    let (a, tmp) = ("alice:alice_r:a_t:s0-s1:c0,c1,c2", "sys:object_r:tmp_t:s0");
    assert_eq!(new(a, tmp, "file", None)?, "alice:object_r:log_t:s0");
    assert_eq!(new(a, tmp, "file", Some(b"a.log"))?, "alice:object_r:named_t:s0");
    assert_eq!(new(a, tmp, "file", Some(b"c.log"))?, "alice:object_r:log_t:s0");
    assert_eq!(new(a, a, "process", None)?, "alice:alice_r:a_t:s0-s1:c0.c2");
    assert_eq!(new(a, a, "tcp_socket", None)?, "alice:alice_r:a_t:s0-s1:c0.c2", "as a process");
    Ok(())
}

#[test]
fn rules_are_found() -> Result<(), Failure> {
    let policy = policy(33)?;
    let found = policy.search(Wanted {
        kinds: &[RuleKind::Allow],
        source: policy.type_("child_t").map(Side::Exactly),
        class: policy.class("file"),
        permission: Some("write"),
        ..Wanted::default()
    });
    let texts: Vec<(String, bool)> = found.iter().map(|found| (found.text(), found.holds())).collect();
    assert_eq!(
        texts,
        [
            ("allow child_t file_t:file { read write execute };".to_owned(), true),
            ("allow child_t log_t:file write; [ three ]:True".to_owned(), false),
        ]
    );
    let trusted = policy.attribute("trusted").ok_or("no attribute")?;
    let members: Vec<&str> =
        policy.types_with(trusted).map(|type_| policy.symbols.types.name(type_)).collect();
    assert_eq!(members, ["init_t", "a_t"]);
    Ok(())
}

#[test]
fn ports_and_paths_have_labels() -> Result<(), Failure> {
    let policy = policy(33)?;
    let port = policy.port(6, 8080);
    assert_eq!(
        port.context.map(|context| policy.text(context)).as_deref(),
        Some("sys:object_r:web_port_t:s0")
    );
    assert!(!port.by_default);
    assert!(policy.port(6, 40_000).by_default);
    let file = policy.class("file").ok_or("no file")?;
    let label = policy.path("proc", b"//sys/kernel/x", file).ok_or("no label")?;
    assert_eq!(policy.text(label), "sys:object_r:log_t:s0");
    Ok(())
}
