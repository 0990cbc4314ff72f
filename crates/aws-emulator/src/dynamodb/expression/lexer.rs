//! From an expression's text to its words and signs.

use std::fmt;

/// A part of an expression. It holds names and never a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Token {
    /// An attribute's name, a function's or a keyword.
    Word(String),
    /// `#name`
    Name(String),
    /// `:value`
    Value(String),
    Sign(&'static str),
    /// A character that no expression has.
    Stray(char),
}

/// The longer ones first: `<=` is not `<` and `=`.
const SIGNS: &[&str] = &["<>", "<=", ">=", "=", "<", ">", "(", ")", ",", ".", "[", "]", "+", "-"];

impl fmt::Display for Token {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Word(text) | Self::Name(text) | Self::Value(text) => formatter.write_str(text),
            Self::Sign(sign) => formatter.write_str(sign),
            Self::Stray(letter) => write!(formatter, "{letter}"),
        }
    }
}

pub(super) fn tokens(text: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let (token, length) = token(rest, first);
        tokens.push(token);
        rest = rest[length..].trim_start();
    }
    tokens
}

/// The token at the start of the text, and its length in bytes.
fn token(text: &str, first: char) -> (Token, usize) {
    if let Some(sign) = SIGNS.iter().find(|sign| text.starts_with(**sign)) {
        return (Token::Sign(sign), sign.len());
    }
    let mark = usize::from(matches!(first, '#' | ':'));
    let length = mark + word_length(&text[mark..]);
    let word = text[..length].to_owned();
    match first {
        _ if length == mark => (Token::Stray(first), first.len_utf8()),
        '#' => (Token::Name(word), length),
        ':' => (Token::Value(word), length),
        _ => (Token::Word(word), length),
    }
}

fn word_length(text: &str) -> usize {
    text.bytes().take_while(|byte| byte.is_ascii_alphanumeric() || *byte == b'_').count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_expression_is_words_placeholders_and_signs() {
        let word = |text: &str| Token::Word(text.to_owned());
        assert_eq!(
            tokens(" a<=:v AND #n <>b%"),
            [
                word("a"),
                Token::Sign("<="),
                Token::Value(":v".to_owned()),
                word("AND"),
                Token::Name("#n".to_owned()),
                Token::Sign("<>"),
                word("b"),
                Token::Stray('%'),
            ]
        );
        assert_eq!(tokens("# :é"), [Token::Stray('#'), Token::Stray(':'), Token::Stray('é')]);
    }
}
