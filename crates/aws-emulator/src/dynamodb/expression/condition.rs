//! Conditions on an item: of a write, of a key, of a filter.

use super::parser::Parser;
use super::{Placeholders, Role};
use crate::answer::ServiceError;
use crate::dynamodb::not_modelled;
use crate::dynamodb::value::{AttributeValue, Item, Scalar};

pub(in crate::dynamodb) enum Condition {
    All(Box<Condition>, Box<Condition>),
    Any(Box<Condition>, Box<Condition>),
    Not(Box<Condition>),
    Compare(Operand, Comparator, Operand),
    Between(Operand, Operand, Operand),
    BeginsWith(Operand, Operand),
    Exists(String),
}

/// One side of a comparison.
#[derive(PartialEq)]
pub(in crate::dynamodb) enum Operand {
    Attribute(String),
    Value(AttributeValue),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::dynamodb) enum Comparator {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Comparator {
    const ALL: [(&str, Self); 6] = [
        ("=", Self::Equal),
        ("<>", Self::NotEqual),
        ("<", Self::Less),
        ("<=", Self::LessOrEqual),
        (">", Self::Greater),
        (">=", Self::GreaterOrEqual),
    ];

    /// Values of different types are different, and neither comes before the other.
    pub(super) fn holds(self, left: &Scalar, right: &Scalar) -> bool {
        if left.type_name() != right.type_name() {
            return self == Self::NotEqual;
        }
        match self {
            Self::Equal => left == right,
            Self::NotEqual => left != right,
            Self::Less => left < right,
            Self::LessOrEqual => left <= right,
            Self::Greater => left > right,
            Self::GreaterOrEqual => left >= right,
        }
    }
}

impl Operand {
    fn of<'a>(&'a self, item: &'a Item) -> Option<&'a AttributeValue> {
        match self {
            Self::Attribute(name) => item.get(name),
            Self::Value(value) => Some(value),
        }
    }

    fn scalar<'a>(&'a self, item: &'a Item) -> Option<&'a Scalar> {
        self.of(item)?.scalar()
    }
}

impl Condition {
    pub(in crate::dynamodb) fn read(
        role: Role,
        text: &str,
        placeholders: &mut Placeholders,
    ) -> Result<Self, ServiceError> {
        let mut parser = Parser::new(role, text, placeholders)?;
        let condition = parser.any()?;
        parser.end()?;
        Ok(condition)
    }

    /// Whether an item fulfils the condition. What is missing fulfils `<>` and no other comparison.
    pub(in crate::dynamodb) fn holds(&self, item: &Item) -> bool {
        match self {
            Self::All(left, right) => left.holds(item) && right.holds(item),
            Self::Any(left, right) => left.holds(item) || right.holds(item),
            Self::Not(inner) => !inner.holds(item),
            Self::Exists(name) => item.get(name).is_some(),
            Self::Compare(left, comparator, right) => match (left.of(item), comparator, right.of(item)) {
                (Some(left), Comparator::Equal, Some(right)) => left == right,
                (left, Comparator::NotEqual, right) => left != right,
                (Some(left), comparator, Some(right)) => match (left.scalar(), right.scalar()) {
                    (Some(left), Some(right)) => comparator.holds(left, right),
                    _ => false,
                },
                _ => false,
            },
            Self::Between(value, low, high) => {
                match (value.scalar(item), low.scalar(item), high.scalar(item)) {
                    (Some(value), Some(low), Some(high)) => {
                        Comparator::GreaterOrEqual.holds(value, low)
                            && Comparator::LessOrEqual.holds(value, high)
                    }
                    _ => false,
                }
            }
            Self::BeginsWith(value, prefix) => match (value.scalar(item), prefix.scalar(item)) {
                (Some(value), Some(prefix)) => value.begins_with(prefix).unwrap_or(false),
                _ => false,
            },
        }
    }

    /// Whether the condition names this attribute.
    pub(in crate::dynamodb) fn names(&self, attribute: &str) -> bool {
        let is = |operand: &Operand| matches!(operand, Operand::Attribute(name) if name == attribute);
        match self {
            Self::All(left, right) | Self::Any(left, right) => {
                left.names(attribute) || right.names(attribute)
            }
            Self::Not(inner) => inner.names(attribute),
            Self::Exists(name) => name == attribute,
            Self::Compare(left, _, right) | Self::BeginsWith(left, right) => is(left) || is(right),
            Self::Between(value, low, high) => is(value) || is(low) || is(high),
        }
    }
}

/// From the weakest operator to the strongest: OR, AND, NOT, comparisons.
impl Parser<'_> {
    fn any(&mut self) -> Result<Condition, ServiceError> {
        let mut left = self.all()?;
        while self.takes_keyword("OR") {
            left = Condition::Any(Box::new(left), Box::new(self.all()?));
        }
        Ok(left)
    }

    fn all(&mut self) -> Result<Condition, ServiceError> {
        let mut left = self.negated()?;
        while self.takes_keyword("AND") {
            left = Condition::All(Box::new(left), Box::new(self.negated()?));
        }
        Ok(left)
    }

    fn negated(&mut self) -> Result<Condition, ServiceError> {
        if self.takes_keyword("NOT") {
            return Ok(Condition::Not(Box::new(self.negated()?)));
        }
        if self.takes("(") {
            if self.is_redundantly_nested() {
                return Err(self.role.invalid("The expression has redundant parentheses;"));
            }
            let inner = self.any()?;
            self.expect(")")?;
            return Ok(inner);
        }
        match self.function() {
            Some(function) => self.call(&function),
            None => self.comparison(),
        }
    }

    fn call(&mut self, function: &str) -> Result<Condition, ServiceError> {
        let mut operands = vec![self.operand()?];
        while self.takes(",") {
            operands.push(self.operand()?);
        }
        self.expect(")")?;
        let number = operands.len();
        let mut operands = operands.into_iter();
        match (function, operands.next(), operands.next(), number) {
            ("attribute_exists", Some(Operand::Attribute(name)), None, _) => Ok(Condition::Exists(name)),
            ("attribute_not_exists", Some(Operand::Attribute(name)), None, _) => {
                Ok(Condition::Not(Box::new(Condition::Exists(name))))
            }
            ("attribute_exists" | "attribute_not_exists", _, None, _) => Err(self.role.invalid(format!(
                "Operator or function requires a document path; operator or function: {function}"
            ))),
            ("begins_with", Some(value), Some(prefix), 2) => {
                for operand in [&value, &prefix] {
                    self.check_type(operand, function, &["S", "B"])?;
                }
                Ok(Condition::BeginsWith(value, prefix))
            }
            ("attribute_exists" | "attribute_not_exists" | "begins_with", ..) => {
                Err(self.wrong_number_of_operands(function, number))
            }
            ("attribute_type" | "contains" | "size", ..) => Err(not_modelled("this function")),
            ("if_not_exists" | "list_append", ..) => Err(self.function_not_allowed(function)),
            _ => Err(self.unknown_function(function)),
        }
    }

    fn comparison(&mut self) -> Result<Condition, ServiceError> {
        const ORDERED: &[&str] = &["S", "N", "B"];
        let left = self.operand()?;
        if self.takes_keyword("BETWEEN") {
            let low = self.operand()?;
            self.expect_keyword("AND")?;
            let high = self.operand()?;
            for operand in [&left, &low, &high] {
                self.check_type(operand, "BETWEEN", ORDERED)?;
            }
            self.check_bounds(&low, &high)?;
            return Ok(Condition::Between(left, low, high));
        }
        if self.takes_keyword("IN") {
            return Err(not_modelled("IN"));
        }
        let found = Comparator::ALL.into_iter().find(|(sign, _)| self.takes(sign));
        let Some((sign, comparator)) = found else { return Err(self.syntax_error()) };
        let right = self.operand()?;
        if let (Operand::Attribute(name), true) = (&left, left == right) {
            return Err(self.role.invalid(format!(
                "The first operand must be distinct from the remaining operands for this operator or \
                 function; operator: {sign}, first operand: [{name}]"
            )));
        }
        if !matches!(comparator, Comparator::Equal | Comparator::NotEqual) {
            for operand in [&left, &right] {
                self.check_type(operand, sign, ORDERED)?;
            }
        }
        Ok(Condition::Compare(left, comparator, right))
    }

    fn operand(&mut self) -> Result<Operand, ServiceError> {
        Ok(match self.value()? {
            Some(value) => Operand::Value(value),
            None => match self.function() {
                Some(function) if function == "size" => return Err(not_modelled("this function")),
                Some(function) => return Err(self.function_not_allowed(&function)),
                None => Operand::Attribute(self.attribute()?),
            },
        })
    }

    /// A value in the request must be of a type that the operator takes; one in an item need not.
    fn check_type(&self, operand: &Operand, operator: &str, types: &[&str]) -> Result<(), ServiceError> {
        match operand {
            Operand::Value(value) if !types.contains(&value.type_name()) => Err(self.role.invalid(format!(
                "Incorrect operand type for operator or function; operator or function: {operator}, \
                 operand type: {}",
                value.type_name()
            ))),
            _ => Ok(()),
        }
    }

    fn check_bounds(&self, low: &Operand, high: &Operand) -> Result<(), ServiceError> {
        let (Operand::Value(low), Operand::Value(high)) = (low, high) else { return Ok(()) };
        let (Some(low), Some(high)) = (low.scalar(), high.scalar()) else { return Ok(()) };
        if low.type_name() != high.type_name() {
            return Err(self
                .role
                .invalid("The BETWEEN operator requires same data type for lower and upper bounds"));
        }
        if low > high {
            // AWS shows the bounds; here they are not echoed, as no value is.
            return Err(self.role.invalid(
                "The BETWEEN operator requires upper bound to be greater than or equal to lower bound",
            ));
        }
        Ok(())
    }
}
