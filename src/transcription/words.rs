//! Joins the tokens of the recognizer into words.
//!
//! Enters: tokens as bytes, with times. Leaves: words. A word begins at a token that begins with a space; a Korean
//! syllable may be split between tokens, so bytes are joined first and read as UTF-8 afterwards.

use super::protocol::{HeardWord, Phrase};

/// A piece of text as the recognizer gives it; times in milliseconds from the start of the stretch.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Token {
    pub(crate) bytes: Vec<u8>,
    pub(crate) start_ms: u32,
    pub(crate) end_ms: u32,
    pub(crate) probability: f32,
    pub(crate) log_probability: f32,
}

/// The phrase that tokens make; `None` if they hold no text.
pub(crate) fn phrase(tokens: &[Token]) -> Option<Phrase> {
    let joined: Vec<u8> = tokens.iter().flat_map(|t| t.bytes.iter().copied()).collect();
    let text = String::from_utf8_lossy(&joined).trim().to_owned();
    if text.is_empty() {
        return None;
    }
    let sum: f32 = tokens.iter().map(|t| t.log_probability).sum();
    let mean_log_probability = sum / tokens.len() as f32;
    let words = groups(tokens).into_iter().filter_map(word).collect();
    Some(Phrase { text, words, mean_log_probability })
}

/// Cuts before every token that begins with a space and holds more than punctuation.
fn groups(tokens: &[Token]) -> Vec<&[Token]> {
    let begins = |t: &Token| {
        t.bytes.first() == Some(&b' ')
            && t.bytes.iter().any(|b| !b.is_ascii_whitespace() && !b.is_ascii_punctuation())
    };
    let mut cuts: Vec<usize> =
        tokens.iter().enumerate().skip(1).filter(|(_, t)| begins(t)).map(|(n, _)| n).collect();
    cuts.insert(0, 0);
    cuts.push(tokens.len());
    cuts.windows(2).map(|pair| &tokens[pair[0]..pair[1]]).collect()
}

fn word(tokens: &[Token]) -> Option<HeardWord> {
    let joined: Vec<u8> = tokens.iter().flat_map(|t| t.bytes.iter().copied()).collect();
    let text = String::from_utf8_lossy(&joined).trim().to_owned();
    let start_ms = tokens.iter().map(|t| t.start_ms).min()?;
    let end_ms = tokens.iter().map(|t| t.end_ms).max()?.max(start_ms);
    let probability = tokens.iter().map(|t| t.probability).sum::<f32>() / tokens.len() as f32;
    (!text.is_empty()).then_some(HeardWord { text, start_ms, end_ms, probability })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(bytes: &[u8], start_ms: u32, end_ms: u32, probability: f32) -> Token {
        let log_probability = probability.ln();
        Token { bytes: bytes.to_vec(), start_ms, end_ms, probability, log_probability }
    }

    #[test]
    fn a_syllable_split_between_two_tokens_is_one_word() {
        let bytes = " 객님".as_bytes();
        let tokens = [
            token(" 고".as_bytes(), 100, 200, 0.9),
            token(&bytes[1..2], 200, 250, 0.5),
            token(&bytes[2..], 250, 400, 0.7),
            token(b",", 400, 420, 0.9),
            token(" 네".as_bytes(), 500, 600, 1.0),
        ];
        let phrase = phrase(&tokens).unwrap();
        assert_eq!(phrase.text, "고객님, 네");
        assert_eq!(phrase.words.len(), 2);
        assert_eq!(phrase.words[0].text, "고객님,");
        assert_eq!((phrase.words[0].start_ms, phrase.words[0].end_ms), (100, 420));
        assert!((phrase.words[0].probability - 0.75).abs() < 1e-6);
        assert_eq!(phrase.words[1].text, "네");
    }

    #[test]
    fn punctuation_with_a_space_stays_with_the_word_before() {
        let tokens = [token(" 네".as_bytes(), 0, 10, 1.0), token(b" .", 10, 12, 1.0)];
        let phrase = phrase(&tokens).unwrap();
        assert_eq!(phrase.words.len(), 1);
        assert_eq!(phrase.words[0].text, "네 .");
    }

    #[test]
    fn tokens_of_spaces_are_no_phrase() {
        assert_eq!(phrase(&[token(b" ", 0, 10, 1.0)]), None);
        assert_eq!(phrase(&[]), None);
    }
}
