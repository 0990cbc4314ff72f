//! What all expressions have in common: tokens one after the other, attributes, values.

use super::lexer::{Token, tokens};
use super::{Placeholders, Role};
use crate::answer::ServiceError;
use crate::dynamodb::not_modelled;
use crate::dynamodb::value::AttributeValue;

/// The longest expression, in bytes.
const EXPRESSION_BYTES_MAX: usize = 4096;

/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/ReservedWords.html>
const RESERVED_WORDS: &str = include_str!("reserved_words.txt");

pub(super) struct Parser<'a> {
    pub(super) role: Role,
    tokens: Vec<Token>,
    position: usize,
    placeholders: &'a mut Placeholders,
}

impl<'a> Parser<'a> {
    pub(super) fn new(
        role: Role,
        text: &str,
        placeholders: &'a mut Placeholders,
    ) -> Result<Self, ServiceError> {
        let tokens = tokens(text);
        if tokens.is_empty() {
            return Err(role.invalid("The expression can not be empty;"));
        }
        if text.len() > EXPRESSION_BYTES_MAX {
            let told = "Expression size has exceeded the maximum allowed size; expression size:";
            return Err(role.invalid(format!("{told} {}", text.len())));
        }
        Ok(Self { role, tokens, position: 0, placeholders })
    }

    /// Whether the next token is this sign, which is then behind.
    pub(super) fn takes(&mut self, sign: &str) -> bool {
        self.takes_if(|token| matches!(token, Token::Sign(found) if *found == sign))
    }

    /// Whether the next token is this keyword, in small or capital letters, which is then behind.
    pub(super) fn takes_keyword(&mut self, keyword: &str) -> bool {
        self.takes_if(|token| matches!(token, Token::Word(found) if found.eq_ignore_ascii_case(keyword)))
    }

    fn takes_if(&mut self, fits: impl Fn(&Token) -> bool) -> bool {
        let found = self.tokens.get(self.position).is_some_and(fits);
        self.position += usize::from(found);
        found
    }

    pub(super) fn expect(&mut self, sign: &str) -> Result<(), ServiceError> {
        if self.takes(sign) { Ok(()) } else { Err(self.syntax_error()) }
    }

    pub(super) fn expect_keyword(&mut self, keyword: &str) -> Result<(), ServiceError> {
        if self.takes_keyword(keyword) { Ok(()) } else { Err(self.syntax_error()) }
    }

    pub(super) fn is_at_end(&self) -> bool {
        self.position == self.tokens.len()
    }

    pub(super) fn end(&self) -> Result<(), ServiceError> {
        if self.is_at_end() { Ok(()) } else { Err(self.syntax_error()) }
    }

    /// The name of a function, when a call of one comes next; its `(` is then behind.
    pub(super) fn function(&mut self) -> Option<String> {
        let Some([Token::Word(name), Token::Sign("(")]) = self.tokens.get(self.position..self.position + 2)
        else {
            return None;
        };
        let name = name.clone();
        self.position += 2;
        Some(name)
    }

    /// An attribute of the item, by its name or by a placeholder for it.
    pub(super) fn attribute(&mut self) -> Result<String, ServiceError> {
        let name = match self.tokens.get(self.position) {
            Some(Token::Name(placeholder)) => self.placeholders.name(placeholder, self.role)?,
            Some(Token::Word(word)) if word.starts_with(|first: char| !first.is_ascii_digit()) => {
                self.unreserved(word)?
            }
            _ => return Err(self.syntax_error()),
        };
        self.position += 1;
        if let Some(Token::Sign("." | "[")) = self.tokens.get(self.position) {
            return Err(not_modelled("paths into lists and maps"));
        }
        Ok(name)
    }

    fn unreserved(&self, word: &str) -> Result<String, ServiceError> {
        if RESERVED_WORDS.lines().any(|reserved| reserved.eq_ignore_ascii_case(word)) {
            let told = "Attribute name is a reserved keyword; reserved keyword:";
            return Err(self.role.invalid(format!("{told} {word}")));
        }
        Ok(word.to_owned())
    }

    /// The value of a placeholder, when one comes next.
    pub(super) fn value(&mut self) -> Result<Option<AttributeValue>, ServiceError> {
        let Some(Token::Value(placeholder)) = self.tokens.get(self.position) else {
            return Ok(None);
        };
        let value = self.placeholders.value(placeholder, self.role)?;
        self.position += 1;
        Ok(Some(value))
    }

    /// Whether the parenthesis that was just opened holds nothing but another pair of them.
    pub(super) fn is_redundantly_nested(&self) -> bool {
        let mut depth = 0;
        let inside = &self.tokens[self.position..];
        if inside.first() != Some(&Token::Sign("(")) {
            return false;
        }
        let closes = inside.iter().position(|token| {
            depth += match token {
                Token::Sign("(") => 1,
                Token::Sign(")") => -1,
                _ => 0,
            };
            depth == 0
        });
        closes.is_some_and(|at| inside.get(at + 1) == Some(&Token::Sign(")")))
    }

    /// The next token cannot stand where it stands.
    pub(super) fn syntax_error(&self) -> ServiceError {
        let shown = |position: usize| self.tokens.get(position).map(ToString::to_string);
        let token = shown(self.position).unwrap_or_else(|| "<EOF>".to_owned());
        let before = self.position.checked_sub(1).and_then(shown);
        let near = [before, shown(self.position), shown(self.position + 1)];
        let near: Vec<String> = near.into_iter().flatten().collect();
        self.role.invalid(format!("Syntax error; token: \"{token}\", near: \"{}\"", near.join(" ")))
    }

    /// An attribute is named twice where it can be named once.
    pub(super) fn overlap(&self, name: &str) -> ServiceError {
        self.role.invalid(format!(
            "Two document paths overlap with each other; must remove or rewrite one of these paths; \
             path one: [{name}], path two: [{name}]"
        ))
    }

    pub(super) fn wrong_number_of_operands(&self, function: &str, number: usize) -> ServiceError {
        self.role.invalid(format!(
            "Incorrect number of operands for operator or function; operator or function: {function}, \
             number of operands: {number}"
        ))
    }

    pub(super) fn unknown_function(&self, function: &str) -> ServiceError {
        self.role.invalid(format!("Invalid function name; function: {function}"))
    }

    pub(super) fn function_not_allowed(&self, function: &str) -> ServiceError {
        let kind = if self.role == Role::Update { "an update" } else { "a condition" };
        self.role.invalid(format!("The function is not allowed in {kind} expression; function: {function}"))
    }
}
