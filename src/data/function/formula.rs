//! A formula of x and y, as people write it: `-sin(0.8*pi*x)`.
//!
//! The crate `exmex` reads and evaluates it, with our operators: they are plain arithmetic and `libm`, so that the bits are
//! the same on any machine. In one point `exmex` is no mathematician: its minus binds closer than its power, so that -x^2
//! would be (-x)^2. A minus that begins an expression is therefore read as `0 - `, and one that follows another operator is
//! refused.

use exmex::{BinOp, Express, FlatEx, MakeOperators, Operator, ops_factory};
use std::f64::consts::{E, PI};

/// Most characters of a formula.
const LONGEST: usize = 1000;

fn binary(name: &'static str, apply: fn(f64, f64) -> f64, prio: i64, is_commutative: bool) -> Operator<'static, f64> {
    Operator::make_bin(name, BinOp { apply, prio, is_commutative })
}

ops_factory!(
    Operators,
    f64,
    binary("+", |a, b| a + b, 0, true),
    binary("-", |a, b| a - b, 1, false),
    binary("*", |a, b| a * b, 2, true),
    binary("/", |a, b| a / b, 3, false),
    binary("^", libm::pow, 4, false),
    Operator::make_unary("sin", libm::sin),
    Operator::make_unary("cos", libm::cos),
    Operator::make_unary("tan", libm::tan),
    Operator::make_unary("atan", libm::atan),
    Operator::make_unary("sinh", libm::sinh),
    Operator::make_unary("cosh", libm::cosh),
    Operator::make_unary("tanh", libm::tanh),
    Operator::make_unary("exp", libm::exp),
    Operator::make_unary("ln", libm::log),
    Operator::make_unary("log10", libm::log10),
    Operator::make_unary("sqrt", libm::sqrt),
    Operator::make_unary("abs", libm::fabs),
    Operator::make_unary("floor", libm::floor),
    Operator::make_constant("pi", PI),
    Operator::make_constant("e", E)
);

/// What a formula may be made of, for messages.
const WORDS: &str = "numbers, x, y, pi, e, + - * / ^, parentheses, and sin cos tan atan sinh cosh tanh exp ln log10 sqrt abs \
                     floor";

/// A function of x, or of x and y, that was read from a text.
///
/// ```
/// use gradus::data::Formula;
/// let f = Formula::read("-x^2 + 2*y").unwrap();
/// assert_eq!(f.at([3.0, 1.0]), -7.0);
/// assert!(f.uses_y());
/// assert!(Formula::read("2 * (x").is_err());
/// ```
#[derive(Clone, Debug)]
pub struct Formula {
    expression: FlatEx<f64, Operators>,
    /// For each variable of the expression, whether it is y.
    variables: Vec<bool>,
}

impl Formula {
    /// Reads a formula, or says what is wrong with it and what to do.
    pub fn read(text: &str) -> Result<Self, String> {
        let fail = |what: String| Err(format!("{what}. help: write it with {WORDS}"));
        if text.len() > LONGEST {
            return fail(format!("has {} characters, more than {LONGEST}", text.len()));
        }
        if let Some(odd) = text.chars().find(|c| !(c.is_ascii_alphanumeric() || " +-*/^().".contains(*c))) {
            return fail(format!("has the character `{}`", odd.escape_debug()));
        }
        let text = match as_usual(text) {
            Ok(text) => text,
            Err(what) => return fail(what),
        };
        let expression = match FlatEx::<f64, Operators>::parse(&text) {
            Ok(expression) => expression,
            Err(error) => return fail(format!("cannot be read: {error}")),
        };
        let names = expression.var_names();
        let variables = names.iter().map(|name| name == "y").collect();
        Ok(Self { expression, variables })
    }

    /// Returns whether the value depends on y.
    pub fn uses_y(&self) -> bool {
        self.variables.contains(&true)
    }

    /// Returns the value at (x, y); NaN where there is none.
    pub fn at(&self, [x, y]: [f64; 2]) -> f64 {
        let mut values = [0.0; 2];
        for (value, is_y) in values.iter_mut().zip(&self.variables) {
            *value = if *is_y { y } else { x };
        }
        self.expression.eval(&values[..self.variables.len()]).unwrap_or(f64::NAN)
    }
}

/// The words that a formula may hold.
const NAMES: [&str; 17] = [
    "x", "y", "pi", "e", "sin", "cos", "tan", "atan", "sinh", "cosh", "tanh", "exp", "ln", "log10", "sqrt", "abs",
    "floor",
];

/// Returns the formula as `exmex` reads it in the usual sense: with 0 before each minus that begins an expression, and with
/// numbers such as 1e-3 written out. Refuses a minus that follows an operator, and words that mean nothing.
fn as_usual(text: &str) -> Result<String, String> {
    let mut out = String::with_capacity(text.len() + 8);
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let take = |holds: fn(char) -> bool| rest.find(|c| !holds(c)).unwrap_or(rest.len());
        let length = match c {
            '0'..='9' | '.' => {
                let length = number(rest);
                let value: f64 = rest[..length]
                    .parse()
                    .map_err(|_| format!("has `{}`, which is not a valid number", &rest[..length]))?;
                out.push_str(&value.to_string());
                length
            }
            'a'..='z' | 'A'..='Z' => {
                let length = take(|c| c.is_ascii_alphanumeric());
                if !NAMES.contains(&&rest[..length]) {
                    return Err(format!("has the word `{}`, which means nothing here", &rest[..length]));
                }
                out.push_str(&rest[..length]);
                length
            }
            '-' => {
                match out.trim_end().chars().last() {
                    None | Some('(') => out.push('0'),
                    Some(before @ ('+' | '-' | '*' | '/' | '^')) => {
                        return Err(format!(
                            "has a minus after `{before}`, which can be read in two ways: write it in parentheses, as in \
                             2*(-x) or 10^(-3)"
                        ));
                    }
                    Some(_) => {}
                }
                out.push(c);
                1
            }
            c => {
                out.push(c);
                1
            }
        };
        rest = &rest[length..];
    }
    Ok(out)
}

/// The length of the number with which a text begins, its exponent included.
fn number(text: &str) -> usize {
    let digits = |text: &str| text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let whole = text.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(text.len());
    let Some(after) = text[whole..].strip_prefix(['e', 'E']) else { return whole };
    let sign = usize::from(after.starts_with(['+', '-']));
    match digits(&after[sign..]) {
        0 => whole,
        exponent => whole + 1 + sign + exponent,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formulas_mean_what_a_mathematician_reads() {
        let at = |text: &str, x: f64, y: f64| Formula::read(text).unwrap_or_else(|e| panic!("{text}: {e}")).at([x, y]);
        for (text, value) in [
            ("-sin(0.8*pi*x)", -(0.8 * PI * 2.0).sin()),
            ("-x^2", -4.0),
            ("3-x-1", 0.0),
            ("12/x/3", 2.0),
            ("2*x^3", 16.0),
            ("(-x)^2", 4.0),
            ("2^(-x)", 0.25),
            ("1 - 2*x + y", 2.0),
            ("x - y*2 + 1", -7.0),
            ("6 / 2 * x", 6.0),
            ("exp(-x^2)", (-4f64).exp()),
            ("e^x", E * E),
            ("abs(-y)", 5.0),
            ("-(x + y)", -7.0),
            ("x*y", 10.0),
            ("1e-3*x", 2e-3),
            ("ln(e)+log10(100)+sqrt(4)", 5.0),
        ] {
            let found = at(text, 2.0, 5.0);
            assert!((found - value).abs() < 1e-12, "{text}: {found} for {value}");
        }
        assert!(at("ln(0-x)", 1.0, 0.0).is_nan() && at("1/(x-1)", 1.0, 0.0).is_infinite());
        assert!(!Formula::read("3").unwrap().uses_y() && Formula::read("x+y").unwrap().uses_y());
    }

    #[test]
    fn what_cannot_be_read_is_said() {
        for (text, words) in [
            ("", "cannot be read"),
            ("2 * (x", "cannot be read"),
            ("sinus(x)", "`sinus`"),
            ("z + 1", "`z`"),
            ("x ; y", "`;`"),
            ("2*-x", "a minus after `*`"),
            ("x^-2", "a minus after `^`"),
            ("x x", "cannot be read"),
            ("1.2.3*x", "not a valid number"),
        ] {
            let message = Formula::read(text).expect_err(text);
            assert!(message.contains(words), "{text}: {message}");
        }
    }
}
