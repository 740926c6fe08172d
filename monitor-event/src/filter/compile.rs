//! From the text of a filter to its program: `cel` parses it, and here it is held against the event's fields.

use std::cmp::Ordering;

use cel::{
    IdedExpr,
    common::ast::{CallExpr, ComprehensionExpr, Expr, LiteralValue, SourceInfo, operators},
    parser::Parser,
};
use globset::GlobBuilder;
use regex::RegexBuilder;

use super::{
    error::{FilterError, Problem},
    fields::{self, Field, Shape},
    place::{Any, BITS, Condition, Place},
    program::Program,
    test::{Literal, Test},
};
use crate::nearest::nearest;

/// The longest filter, in bytes.
const MAX_LEN: usize = 4096;
/// How deep parentheses and the like may be nested.
const DEEPEST: u16 = 64;
/// The size of a compiled regular expression or pattern, in bytes.
const REGEX_SIZE: usize = 256 * 1024;

const FUNCTIONS: [&str; 8] =
    ["startsWith", "endsWith", "contains", "matches", "glob", "exists", "has", "timestamp"];

/// Parses and checks a filter.
pub(super) fn compile(text: &str) -> Result<Program, FilterError> {
    if text.len() > MAX_LEN {
        return Err(FilterError { line: 1, column: 1, problem: Problem::TooLong(MAX_LEN) });
    }
    if let Some(column) = first_too_deep(text) {
        let problem = Problem::NotAsked("this is nested too deep");
        return Err(FilterError { line: 1, column, problem });
    }
    let parser = Parser::new().max_recursion_depth(DEEPEST);
    let (expression, source) = parser.parse_with_source_info(text).map_err(|errors| {
        let first = errors.errors.into_iter().next();
        let (pos, message) = first.map_or(((1, 1), String::new()), |error| (error.pos, error.msg));
        let from_1 = |number: isize| usize::try_from(number).unwrap_or(0).max(1);
        FilterError { line: from_1(pos.0), column: from_1(pos.1), problem: Problem::Syntax(message) }
    })?;
    let mut compiler = Compiler { source, root: Place::default(), bits: 0, element: None };
    let condition = compiler.condition(&expression)?;
    Ok(Program { root: compiler.root, condition })
}

/// Where more brackets are open than any filter needs. The parser bounds what it visits, but its lexer's and tree's own
/// depth follows from these.
fn first_too_deep(text: &str) -> Option<usize> {
    let mut depth = 0_u16;
    let position = text.chars().position(|character| {
        match character {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        depth > DEEPEST
    });
    position.map(|index| index + 1)
}

struct Compiler {
    source: SourceInfo,
    root: Place,
    /// How many bits are in use.
    bits: usize,
    /// What `exists` goes over, while its condition is compiled.
    element: Option<Element>,
}

/// The elements of a list.
#[derive(Clone)]
struct Element {
    variable: String,
    list: Vec<Step>,
    field: &'static Field,
}

/// A field of the event, and the way to it.
struct Asked {
    name: String,
    steps: Vec<Step>,
    field: &'static Field,
}

#[derive(Clone, Copy)]
enum Step {
    Field(&'static str),
    Element,
}

type Compiled<T> = Result<T, FilterError>;

impl Compiler {
    fn condition(&mut self, expression: &IdedExpr) -> Compiled<Condition> {
        match &expression.expr {
            Expr::Literal(LiteralValue::Boolean(always)) => Ok(Condition::Always(*always.inner())),
            Expr::Call(call) => self.call(expression, call),
            Expr::Select(select) if select.test => {
                let asked = self.path(expression)?;
                let bit = self.bit(expression)?;
                self.place(&asked.steps).present |= bit;
                Ok(Condition::Bit(bit))
            }
            Expr::Ident(_) | Expr::Select(_) => {
                let asked = self.path(expression)?;
                match asked.field.shape {
                    Shape::Flag => self.test(expression, &asked, Test::Equal(Literal::Flag(true))),
                    _ => Err(self.error(
                        expression,
                        Problem::NotAsked("this alone is neither true nor false: compare it with something"),
                    )),
                }
            }
            Expr::Comprehension(comprehension) => self.exists(expression, comprehension),
            _ => Err(self.error(expression, Problem::NotAsked("this is neither true nor false"))),
        }
    }

    fn call(&mut self, expression: &IdedExpr, call: &CallExpr) -> Compiled<Condition> {
        let name = call.func_name.as_str();
        match (name, call.target.as_deref(), call.args.as_slice()) {
            (operators::LOGICAL_AND, None, [left, right]) => {
                Ok(Condition::And(Box::new([self.condition(left)?, self.condition(right)?])))
            }
            (operators::LOGICAL_OR, None, [left, right]) => {
                Ok(Condition::Or(Box::new([self.condition(left)?, self.condition(right)?])))
            }
            (operators::LOGICAL_NOT, None, [other]) => Ok(Condition::Not(Box::new(self.condition(other)?))),
            (
                operators::EQUALS
                | operators::NOT_EQUALS
                | operators::LESS
                | operators::LESS_EQUALS
                | operators::GREATER
                | operators::GREATER_EQUALS,
                None,
                [left, right],
            ) => self.comparison(expression, name, left, right),
            (operators::IN, None, [value, list]) => self.membership(expression, value, list),
            ("startsWith" | "endsWith" | "contains" | "matches" | "glob", Some(target), [argument]) => {
                self.text_function(expression, name, target, argument)
            }
            ("timestamp" | "has", ..) => {
                Err(self.error(expression, Problem::NotAsked("this function takes one argument, elsewhere")))
            }
            ("startsWith" | "endsWith" | "contains" | "matches" | "glob" | "exists", ..) => Err(self.error(
                expression,
                Problem::NotAsked("write it behind a field, as in object.path.startsWith(\"/etc/\")"),
            )),
            (name, ..) if name.starts_with(|first: char| first.is_ascii_alphabetic()) => {
                let nearest = nearest(name, FUNCTIONS).map(str::to_owned);
                Err(self.error(expression, Problem::NoFunction { function: name.to_owned(), nearest }))
            }
            _ => Err(self.error(expression, Problem::NotAsked("a filter compares; it doesn't calculate"))),
        }
    }

    /// `field < value`, or `value > field`.
    fn comparison(
        &mut self,
        expression: &IdedExpr,
        operator: &str,
        left: &IdedExpr,
        right: &IdedExpr,
    ) -> Compiled<Condition> {
        let (field, value, swapped) = match (is_path(left), is_path(right)) {
            (true, false) => (left, right, false),
            (false, true) => (right, left, true),
            (true, true) => {
                // A name without quotes is the likeliest mistake.
                self.path(left)?;
                self.path(right)?;
                return Err(self.error(right, Problem::NotAsked("a field is compared with a value")));
            }
            (false, false) => {
                return Err(self.error(expression, Problem::NotAsked("one side must be a field")));
            }
        };
        let asked = self.path(field)?;
        let literal = self.literal(&asked, value)?;
        let (less, greater) =
            if swapped { (Ordering::Greater, Ordering::Less) } else { (Ordering::Less, Ordering::Greater) };
        let (ordering, or_equal) = match operator {
            operators::LESS => (less, false),
            operators::LESS_EQUALS => (less, true),
            operators::GREATER => (greater, false),
            operators::GREATER_EQUALS => (greater, true),
            equality => {
                let equal = self.test(expression, &asked, Test::Equal(literal))?;
                let equals = equality == operators::EQUALS;
                return Ok(if equals { equal } else { Condition::Not(Box::new(equal)) });
            }
        };
        let ordered = self.test(expression, &asked, Test::Ordered(ordering, literal.clone()))?;
        if !or_equal {
            return Ok(ordered);
        }
        let equal = self.test(expression, &asked, Test::Equal(literal))?;
        Ok(Condition::Or(Box::new([ordered, equal])))
    }

    /// `field in ["a", "b"]`, or `"a" in field`.
    fn membership(
        &mut self,
        expression: &IdedExpr,
        value: &IdedExpr,
        list: &IdedExpr,
    ) -> Compiled<Condition> {
        if let Expr::List(list) = &list.expr {
            let asked = self.path(value)?;
            let literals = list.elements.iter().map(|element| self.literal(&asked, element));
            let literals = literals.collect::<Compiled<_>>()?;
            return self.test(expression, &asked, Test::OneOf(literals));
        }
        let asked = self.path(list)?;
        let Some(element) = &asked.field.element else {
            return Err(self.wrong_type(list, &asked));
        };
        let mut steps = asked.steps;
        steps.push(Step::Element);
        let asked = Asked { name: asked.name, steps, field: element };
        let literal = self.literal(&asked, value)?;
        self.test(expression, &asked, Test::Equal(literal))
    }

    /// `field.startsWith("x")` and the like.
    fn text_function(
        &mut self,
        expression: &IdedExpr,
        function: &str,
        target: &IdedExpr,
        argument: &IdedExpr,
    ) -> Compiled<Condition> {
        let asked = self.path(target)?;
        if !matches!(asked.field.shape, Shape::Text) {
            return Err(self.wrong_type(target, &asked));
        }
        let Expr::Literal(LiteralValue::String(text)) = &argument.expr else {
            return Err(self.error(argument, Problem::NotAsked("this must be a string in quotes")));
        };
        let text = text.inner();
        let invalid = |error: &dyn std::fmt::Display| {
            let message = error.to_string();
            let last = message.lines().rev().find(|line| !line.is_empty()).unwrap_or(&message).to_owned();
            self.error(argument, Problem::Value(last))
        };
        let test = match function {
            "startsWith" => Test::StartsWith(text.into()),
            "endsWith" => Test::EndsWith(text.into()),
            "contains" => Test::Contains(text.into()),
            "matches" => {
                let regex = RegexBuilder::new(text).size_limit(REGEX_SIZE).dfa_size_limit(REGEX_SIZE).build();
                Test::Matches(regex.map_err(|error| invalid(&error))?)
            }
            _ => {
                let glob = GlobBuilder::new(text).literal_separator(true).build();
                Test::Glob(glob.map_err(|error| invalid(&error))?.compile_matcher())
            }
        };
        self.test(expression, &asked, test)
    }

    /// `list.exists(e, condition)`, as `cel` expands it: a loop whose result is false at first, and true once the
    /// condition is.
    fn exists(&mut self, expression: &IdedExpr, loop_: &ComprehensionExpr) -> Compiled<Condition> {
        let condition = match (&loop_.accu_init.expr, &loop_.loop_step.expr) {
            (Expr::Literal(LiteralValue::Boolean(first)), Expr::Call(step))
                if !first.inner() && step.func_name == operators::LOGICAL_OR =>
            {
                step.args.get(1)
            }
            _ => None,
        };
        let Some(condition) = condition else {
            return Err(self.error(
                expression,
                Problem::NotAsked("of the functions that go over a list there is only exists()"),
            ));
        };
        if self.element.is_some() {
            return Err(self.error(expression, Problem::NotAsked("exists() can't be within another")));
        }
        let asked = self.path(&loop_.iter_range)?;
        let Some(field) = &asked.field.element else {
            return Err(self.wrong_type(&loop_.iter_range, &asked));
        };
        let first_bit = self.bits;
        self.element = Some(Element { variable: loop_.iter_var.clone(), list: asked.steps.clone(), field });
        let condition = self.condition(condition);
        self.element = None;
        let condition = condition?;
        let bits = (first_bit..self.bits).fold(0, |bits, bit| bits | 1 << bit);
        let result = self.bit(expression)?;
        let list = self.place(&asked.steps);
        // Also if nothing is asked of the element.
        list.element.get_or_insert_default();
        list.any.push(Any { condition, bits, result });
        Ok(Condition::Bit(result))
    }

    /// The field that a path names.
    fn path(&self, expression: &IdedExpr) -> Compiled<Asked> {
        let mut names = Vec::new();
        let mut start = expression;
        loop {
            match &start.expr {
                Expr::Select(select) => {
                    names.push(select.field.as_str());
                    start = &select.operand;
                }
                Expr::Ident(name) => {
                    names.push(name.as_str());
                    break;
                }
                Expr::Call(call) if call.func_name == operators::INDEX => {
                    let problem = "a list's elements have no fixed place: ask with exists()";
                    return Err(self.error(expression, Problem::NotAsked(problem)));
                }
                _ => return Err(self.error(expression, Problem::NotAsked("this must be a field"))),
            }
        }
        names.reverse();
        let name = names.join(".");
        let (mut steps, mut field, rest, prefix) = match &self.element {
            Some(element) if names[0] == element.variable => {
                let mut steps = element.list.clone();
                steps.push(Step::Element);
                (steps, element.field, &names[1..], format!("{}.", element.variable))
            }
            Some(_) => {
                let problem = "within exists(), only its element can be asked";
                return Err(self.error(start, Problem::NotAsked(problem)));
            }
            None => (Vec::new(), &*fields::EVENT, names.as_slice(), String::new()),
        };
        for wanted in rest {
            let Some((name_of_child, child)) = field.field(wanted) else {
                let (whole, paths) = match &self.element {
                    Some(element) => (rest.join("."), element.field.paths()),
                    None => (name.clone(), fields::EVENT.paths()),
                };
                let nearest = nearest_path(&whole, &paths).map(|path| format!("{prefix}{path}"));
                return Err(self.error(start, Problem::NoField { field: name, nearest }));
            };
            steps.push(Step::Field(name_of_child));
            field = child;
        }
        Ok(Asked { name, steps, field })
    }

    /// A value that this field is to be compared with.
    fn literal(&self, asked: &Asked, value: &IdedExpr) -> Compiled<Literal> {
        let literal = match (asked.field.shape, &value.expr) {
            (Shape::Text, Expr::Literal(LiteralValue::String(text))) => {
                let (text, values) = (text.inner(), &asked.field.values);
                if !values.is_empty() && !values.contains(&text) {
                    let nearest = nearest(text, values.iter().copied()).map(str::to_owned);
                    let nearest = nearest.or_else(|| (values.len() < 10).then(|| values.join("`, `")));
                    let (field, value_text) = (asked.name.clone(), text.to_owned());
                    return Err(self.error(value, Problem::NoValue { field, value: value_text, nearest }));
                }
                Literal::Text(text.into())
            }
            (Shape::Number, Expr::Literal(LiteralValue::Int(number))) => {
                Literal::Number((*number.inner()).into())
            }
            (Shape::Number, Expr::Literal(LiteralValue::UInt(number))) => {
                Literal::Number((*number.inner()).into())
            }
            (Shape::Flag, Expr::Literal(LiteralValue::Boolean(flag))) => Literal::Flag(*flag.inner()),
            (Shape::Time, Expr::Call(call)) if call.func_name == "timestamp" => match call.args.as_slice() {
                [IdedExpr { expr: Expr::Literal(LiteralValue::String(text)), .. }] => {
                    let time = text
                        .inner()
                        .parse()
                        .map_err(|error: jiff::Error| self.error(value, Problem::Value(error.to_string())))?;
                    Literal::Time(time)
                }
                _ => return Err(self.wrong_type(value, asked)),
            },
            _ => return Err(self.wrong_type(value, asked)),
        };
        Ok(literal)
    }

    /// Puts a comparison at its place.
    fn test(&mut self, expression: &IdedExpr, asked: &Asked, test: Test) -> Compiled<Condition> {
        let bit = self.bit(expression)?;
        self.place(&asked.steps).tests.push((bit, test));
        Ok(Condition::Bit(bit))
    }

    fn bit(&mut self, expression: &IdedExpr) -> Compiled<u64> {
        if self.bits == BITS {
            return Err(self.error(expression, Problem::TooMany(BITS)));
        }
        self.bits += 1;
        Ok(1 << (self.bits - 1))
    }

    fn place(&mut self, steps: &[Step]) -> &mut Place {
        steps.iter().fold(&mut self.root, |place, step| match step {
            Step::Field(name) => place.field(name),
            Step::Element => place.element.get_or_insert_default(),
        })
    }

    fn wrong_type(&self, at: &IdedExpr, asked: &Asked) -> FilterError {
        let (is, write) = asked.field.shape.described();
        self.error(at, Problem::Type { field: asked.name.clone(), is, write })
    }

    fn error(&self, at: &IdedExpr, problem: Problem) -> FilterError {
        let offset = self.source.offset_for(at.id).map_or(0, |(start, _)| start as usize);
        let before: String = self.source.source.chars().take(offset).collect();
        let line = before.matches('\n').count() + 1;
        let column = before.chars().rev().take_while(|&character| character != '\n').count() + 1;
        FilterError { line, column, problem }
    }
}

fn is_path(expression: &IdedExpr) -> bool {
    match &expression.expr {
        Expr::Ident(_) => true,
        Expr::Select(select) => !select.test && is_path(&select.operand),
        _ => false,
    }
}

/// The nearest path: as a whole, or of which the word is the last step.
fn nearest_path<'a>(word: &str, paths: &'a [String]) -> Option<&'a str> {
    let paths = || paths.iter().map(String::as_str);
    let ends_with = |path: &&str| path.rsplit('.').next() == Some(word);
    // Who asked is asked for more often than the object manager.
    let rank = |path: &&str| (path.matches('.').count(), path.starts_with("manager."));
    paths().filter(ends_with).min_by_key(rank).or_else(|| nearest(word, paths()))
}
