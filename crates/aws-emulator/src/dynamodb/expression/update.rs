//! Updates: attributes that are set and attributes that are removed.
//!
//! <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Expressions.UpdateExpressions.html>

use super::parser::Parser;
use super::{Placeholders, Role};
use crate::answer::ServiceError;
use crate::dynamodb::value::{AttributeValue, Item};
use crate::dynamodb::{not_modelled, validation};

#[derive(Default)]
pub(in crate::dynamodb) struct Update {
    set: Vec<(String, Source)>,
    remove: Vec<String>,
}

/// Where the value of an attribute comes from.
enum Source {
    Value(AttributeValue),
    Attribute(String),
    IfNotExists(String, Box<Source>),
}

impl Source {
    /// The value, in an item as it was before the update.
    fn of<'a>(&'a self, item: &'a Item) -> Option<&'a AttributeValue> {
        match self {
            Self::Value(value) => Some(value),
            Self::Attribute(name) => item.get(name),
            Self::IfNotExists(name, other) => item.get(name).or_else(|| other.of(item)),
        }
    }
}

impl Update {
    pub(in crate::dynamodb) fn read(
        text: &str,
        placeholders: &mut Placeholders,
    ) -> Result<Self, ServiceError> {
        let mut parser = Parser::new(Role::Update, text, placeholders)?;
        let mut update = Self::default();
        while !parser.is_at_end() {
            if parser.takes_keyword("SET") {
                once(&parser, "SET", update.set.is_empty())?;
                update.set = parser.list(Parser::assignment)?;
            } else if parser.takes_keyword("REMOVE") {
                once(&parser, "REMOVE", update.remove.is_empty())?;
                update.remove = parser.list(Parser::attribute)?;
            } else if parser.takes_keyword("ADD") || parser.takes_keyword("DELETE") {
                return Err(not_modelled("ADD and DELETE of an update"));
            } else {
                return Err(parser.syntax_error());
            }
        }
        let mut names: Vec<&str> = update.attributes().collect();
        names.sort_unstable();
        match names.windows(2).find(|pair| pair[0] == pair[1]) {
            Some(pair) => Err(parser.overlap(pair[0])),
            None => Ok(update),
        }
    }

    /// The attributes that are set or removed.
    pub(in crate::dynamodb) fn attributes(&self) -> impl Iterator<Item = &str> {
        self.set.iter().map(|(name, _)| name).chain(&self.remove).map(String::as_str)
    }

    /// The item after the update. All values are read before any is written.
    pub(in crate::dynamodb) fn applied_to(&self, item: &Item) -> Result<Item, ServiceError> {
        let mut updated = item.clone();
        for name in &self.remove {
            updated.0.remove(name);
        }
        for (name, source) in &self.set {
            let value = source.of(item).ok_or_else(|| {
                validation("The provided expression refers to an attribute that does not exist in the item")
            })?;
            updated.0.insert(name.clone(), value.clone());
        }
        Ok(updated)
    }
}

fn once(parser: &Parser<'_>, section: &str, is_first: bool) -> Result<(), ServiceError> {
    if is_first {
        return Ok(());
    }
    Err(parser
        .role
        .invalid(format!("The \"{section}\" section can only be used once in an update expression;")))
}

impl Parser<'_> {
    fn list<T>(
        &mut self,
        element: impl Fn(&mut Self) -> Result<T, ServiceError>,
    ) -> Result<Vec<T>, ServiceError> {
        let mut elements = vec![element(self)?];
        while self.takes(",") {
            elements.push(element(self)?);
        }
        Ok(elements)
    }

    fn assignment(&mut self) -> Result<(String, Source), ServiceError> {
        let name = self.attribute()?;
        self.expect("=")?;
        let source = self.source()?;
        if self.takes("+") || self.takes("-") {
            return Err(not_modelled("sums in an update"));
        }
        Ok((name, source))
    }

    fn source(&mut self) -> Result<Source, ServiceError> {
        if let Some(value) = self.value()? {
            return Ok(Source::Value(value));
        }
        match self.function().as_deref() {
            None => Ok(Source::Attribute(self.attribute()?)),
            Some("if_not_exists") => {
                let name = self.attribute()?;
                if self.takes(")") {
                    return Err(self.wrong_number_of_operands("if_not_exists", 1));
                }
                self.expect(",")?;
                let other = self.source()?;
                self.expect(")")?;
                Ok(Source::IfNotExists(name, Box::new(other)))
            }
            Some("list_append") => Err(not_modelled("list_append")),
            Some(
                function @ ("attribute_exists"
                | "attribute_not_exists"
                | "attribute_type"
                | "begins_with"
                | "contains"
                | "size"),
            ) => Err(self.function_not_allowed(function)),
            Some(function) => Err(self.unknown_function(function)),
        }
    }
}
