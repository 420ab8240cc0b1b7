//! The base vocabulary of a Whisper model: tokens as bytes.
//!
//! Enters: `vocabulary.txt` (a token a line) or `vocabulary.json` (an array), in GPT-2's printable spelling. Leaves: the
//! bytes of each token before `<|endoftext|>`; the loader adds the special ones itself.

use super::error::TranscriptionError;
use std::collections::HashMap;

const END: &str = "<|endoftext|>";

/// GPT-2 spells every byte as a printable character: printable ones as they are, the others from U+0100 on.
fn spelling() -> HashMap<char, u8> {
    let printable = |b: u8| matches!(b, 0x21..=0x7e | 0xa1..=0xac | 0xae..=0xff);
    let mut next = 0x100u32;
    (0..=u8::MAX)
        .filter_map(|byte| {
            let code = if printable(byte) { u32::from(byte) } else { next };
            next += u32::from(!printable(byte));
            char::from_u32(code).map(|c| (c, byte))
        })
        .collect()
}

/// Reads the tokens before `<|endoftext|>`.
///
/// # Errors
/// [`TranscriptionError::BadVocabulary`] if the text is neither form, a token holds a character that spells no byte, or
/// the end is missing.
pub(crate) fn base_tokens(text: &str) -> Result<Vec<Vec<u8>>, TranscriptionError> {
    let bad = |token, why: &str| TranscriptionError::BadVocabulary { token, why: why.to_owned() };
    let tokens: Vec<String> = if text.trim_start().starts_with('[') {
        serde_json::from_str(text).map_err(|e| bad(0, &e.to_string()))?
    } else {
        text.split('\n').map(str::to_owned).collect()
    };
    let end = tokens
        .iter()
        .position(|t| t == END)
        .ok_or_else(|| bad(tokens.len(), "`<|endoftext|>` is missing"))?;
    let spelling = spelling();
    tokens[..end]
        .iter()
        .enumerate()
        .map(|(n, token)| {
            token
                .chars()
                .map(|c| spelling.get(&c).copied())
                .collect::<Option<Vec<u8>>>()
                .ok_or_else(|| bad(n, "a character spells no byte"))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_space_is_spelt_with_u0120_and_bytes_are_given_back() {
        // 안 is EC 95 88: ì, then 0x95 and 0x88 from the row of unprintable ones.
        let tokens = base_tokens("!\nĠìķĪ\n<|endoftext|>\n<|ko|>").unwrap();
        assert_eq!(tokens, [b"!".to_vec(), " 안".as_bytes().to_vec()]);
        assert_eq!(base_tokens(r#"["!", "ĠìķĪ", "<|endoftext|>"]"#).unwrap(), tokens);
    }

    #[test]
    fn all_256_bytes_are_spelt_once() {
        assert_eq!(spelling().len(), 256);
    }

    #[test]
    fn a_vocabulary_without_an_end_or_with_a_foreign_character_is_refused() {
        assert!(base_tokens("a\nb").is_err());
        let refused = base_tokens("a\n안\n<|endoftext|>").unwrap_err();
        assert!(refused.to_string().contains("token 1"), "{refused}");
    }
}
