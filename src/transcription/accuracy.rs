//! How far a transcript is from what was said.
//!
//! Enters: reference and transcript. Leaves: character errors. Both are normalised first, so that spelling of numbers,
//! spaces and punctuation are no errors.

use super::normalize::normalize;
use std::iter::Sum;

/// Edits that turn a transcript into its reference, and the length of the reference, in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ErrorCount {
    /// Substituted, left out and added characters.
    pub edits: usize,
    /// Characters of the reference.
    pub length: usize,
}

impl ErrorCount {
    /// Edits per character of the reference; may be over 1. No reference and no edits is 0, no reference otherwise 1.
    pub fn rate(self) -> f64 {
        match (self.edits, self.length) {
            (0, _) => 0.0,
            (_, 0) => 1.0,
            (edits, length) => edits as f64 / length as f64,
        }
    }
}

impl Sum for ErrorCount {
    fn sum<I: Iterator<Item = Self>>(counts: I) -> Self {
        counts.fold(Self::default(), |a, b| Self {
            edits: a.edits + b.edits,
            length: a.length + b.length,
        })
    }
}

/// Character errors of `heard` against `reference` (Levenshtein distance over normalised text).
pub fn character_error_rate(reference: &str, heard: &str) -> ErrorCount {
    let reference: Vec<char> = normalize(reference).chars().collect();
    let heard: Vec<char> = normalize(heard).chars().collect();
    edits(&reference, &heard)
}

/// Word errors of `heard` against `reference`, words being what stands between spaces. Korean spacing is free, so that
/// this is an upper bound there; character errors tell more.
pub fn word_error_rate(reference: &str, heard: &str) -> ErrorCount {
    let words = |text: &str| -> Vec<String> {
        text.split_whitespace().map(normalize).filter(|word| !word.is_empty()).collect()
    };
    edits(&words(reference), &words(heard))
}

fn edits<T: PartialEq>(reference: &[T], heard: &[T]) -> ErrorCount {
    let mut row: Vec<usize> = (0..=heard.len()).collect();
    for (i, said) in reference.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, read) in heard.iter().enumerate() {
            let substituted = diagonal + usize::from(said != read);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(row[j] + 1).min(diagonal + 1);
        }
    }
    ErrorCount { edits: row[heard.len()], length: reference.len() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn one_wrong_syllable_in_ten_is_10_percent() {
        let count = character_error_rate("무엇을 도와드릴까요 네", "무엇을 도와드릴가요 네.");
        assert_eq!(count, ErrorCount { edits: 1, length: 10 });
        assert!((count.rate() - 0.1).abs() < 1e-12);
    }

    #[test]
    fn one_wrong_word_in_three_is_a_third() {
        let count = word_error_rate("감사합니다, 좋은 하루", "감사합니다 좋은 하로");
        assert_eq!(count, ErrorCount { edits: 1, length: 3 });
    }

    #[test]
    fn numbers_written_in_digits_are_no_errors() {
        assert_eq!(character_error_rate("한도는 300만 원", "한도는 삼백만원").edits, 0);
    }

    #[test]
    fn an_empty_transcript_is_100_percent_and_an_empty_reference_counts_what_was_added() {
        assert!((character_error_rate("네", "").rate() - 1.0).abs() < 1e-12);
        assert_eq!(character_error_rate("", "네네"), ErrorCount { edits: 2, length: 0 });
        assert!(character_error_rate("", "").rate().abs() < 1e-12);
    }

    proptest! {
        #[test]
        fn errors_are_none_against_oneself_and_never_more_than_the_longer_text(a in "[가-힣 ]{0,20}", b in "[가-힣 ]{0,20}") {
            prop_assert_eq!(character_error_rate(&a, &a).edits, 0);
            let longer = normalize(&a).chars().count().max(normalize(&b).chars().count());
            let there = character_error_rate(&a, &b).edits;
            prop_assert!(there <= longer);
            prop_assert_eq!(there, character_error_rate(&b, &a).edits);
        }
    }
}
