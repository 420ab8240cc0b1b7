//! Korean words as a recogniser hears them: text is broken into sounds (jamo), and a phrase is looked for with a few
//! sounds wrong.
//!
//! Spaces, punctuation and case do not count. A final consonant is the same sound as an initial one and `ㅔ` is `ㅐ`,
//! because recognisers write by ear (`있으십니까` and `이쓰십니까`). Hearing looks for cues with it, judgment for phrases. Source of the decomposition: Unicode 15, §3.12
//! (Hangul syllables, canonical decomposition); of the search: Sellers 1980 (approximate substring distance).

use std::ops::Range;
use unicode_normalization::UnicodeNormalization as _;

/// Most edits per sound of a phrase that still count as the phrase. A reading of `더 궁금하신 점 있으십니까` as
/// `도분금하신 점 있으십니까` has 0.11 (Whisper base over G.711, our measurement, 2026); the nearest pair of different
/// phrases of the lexicon, `감사합니다` and `반갑습니다`, is 0.33 apart.
pub const SURE: f64 = 0.25;
/// Most edits per sound of a phrase that leave a doubt whether it was said.
pub const NEAR: f64 = 0.35;
/// Phrases of fewer syllables than this must be read without a fault.
const FUZZY_FROM_SYLLABLES: usize = 3;

/// A text as sounds, each with the place of its syllable in the text.
#[derive(Debug, Clone, Default)]
pub struct Sounds {
    sounds: Vec<char>,
    /// Byte range in the text of the syllable that each sound belongs to.
    places: Vec<Range<usize>>,
}

/// A phrase found in a text.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    /// Edits per sound of the phrase, 0 for a faultless reading.
    pub distance: f64,
    /// Byte range in the text.
    pub at: Range<usize>,
}

impl Sounds {
    /// The sounds of `text`.
    pub fn of(text: &str) -> Self {
        let mut all = Self::default();
        for (at, letter) in text.char_indices().filter(|(_, c)| c.is_alphanumeric()) {
            let place = at..at + letter.len_utf8();
            for sound in letter.to_lowercase().nfd() {
                for sound in by_ear(sound).into_iter().flatten() {
                    all.sounds.push(sound);
                    all.places.push(place.clone());
                }
            }
        }
        all
    }

    /// Whether nothing is left of the text.
    pub fn is_empty(&self) -> bool {
        self.sounds.is_empty()
    }

    /// Where `phrase` fits best; `None` if it is empty or fits nowhere within `limit` edits per sound. A phrase of
    /// fewer than three syllables must fit without a fault. Of equal places the first.
    pub fn find(&self, phrase: &str, limit: f64) -> Option<Found> {
        let wanted = Self::of(phrase);
        let syllables = phrase.chars().filter(|c| c.is_alphanumeric()).count();
        let limit = if syllables < FUZZY_FROM_SYLLABLES { 0.0 } else { limit };
        let (edits, start, end) = self.best_fit(&wanted.sounds)?;
        let distance = edits as f64 / wanted.sounds.len() as f64;
        let first = self.places.get(start)?;
        let last = self.places.get(end.checked_sub(1)?)?;
        (distance <= limit && end > start).then_some(Found { distance, at: first.start..last.end })
    }

    /// The stretch of our sounds that is fewest edits away from `wanted`: edits, first sound, sound after the last.
    fn best_fit(&self, wanted: &[char]) -> Option<(usize, usize, usize)> {
        if wanted.is_empty() || self.sounds.is_empty() {
            return None;
        }
        // One column of the table for each of our sounds: (edits, where the stretch began).
        let mut column: Vec<(usize, usize)> = (0..=wanted.len()).map(|edits| (edits, 0)).collect();
        let mut best: Option<(usize, usize, usize)> = None;
        for (at, sound) in self.sounds.iter().enumerate() {
            let mut diagonal = column[0];
            column[0] = (0, at + 1);
            for (row, want) in wanted.iter().enumerate() {
                let replaced = (diagonal.0 + usize::from(want != sound), diagonal.1);
                let inserted = (column[row + 1].0 + 1, column[row + 1].1);
                let left_out = (column[row].0 + 1, column[row].1);
                diagonal = column[row + 1];
                column[row + 1] = [replaced, inserted, left_out]
                    .into_iter()
                    .min_by_key(|(edits, _)| *edits)
                    .unwrap_or(replaced);
            }
            let (edits, start) = column[wanted.len()];
            if best.is_none_or(|(fewest, ..)| edits < fewest) {
                best = Some((edits, start, at + 1));
            }
        }
        best
    }
}

/// A sound as the ear tells it: finals as initials, clusters as two, `ㅔ` as `ㅐ`.
fn by_ear(sound: char) -> [Option<char>; 2] {
    // Initial consonants that the 27 finals U+11A8..=U+11C2 sound like, as offsets from U+1100.
    const FINALS: [(u32, Option<u32>); 27] = [
        (0, None),
        (1, None),
        (0, Some(9)),
        (2, None),
        (2, Some(12)),
        (2, Some(18)),
        (3, None),
        (5, None),
        (5, Some(0)),
        (5, Some(6)),
        (5, Some(7)),
        (5, Some(9)),
        (5, Some(16)),
        (5, Some(17)),
        (5, Some(18)),
        (6, None),
        (7, None),
        (7, Some(9)),
        (9, None),
        (10, None),
        (11, None),
        (12, None),
        (14, None),
        (15, None),
        (16, None),
        (17, None),
        (18, None),
    ];
    let initial = |offset: u32| char::from_u32(0x1100 + offset);
    match u32::from(sound) {
        code @ 0x11A8..=0x11C2 => {
            let (first, second) = FINALS[(code - 0x11A8) as usize];
            [initial(first), second.and_then(initial)]
        }
        0x1166 => ['\u{1162}'.into(), None], // ㅔ → ㅐ
        0x1168 => ['\u{1164}'.into(), None], // ㅖ → ㅒ
        _ => [Some(sound), None],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn distance(text: &str, phrase: &str) -> f64 {
        Sounds::of(text).find(phrase, 1.0).map_or(1.0, |found| found.distance)
    }

    #[test]
    fn a_real_misreading_of_further_help_is_within_a_quarter() {
        let heard = "도분금하신 점 있으십니까?";
        let found = Sounds::of(heard).find("더 궁금하신 점 있으십니까", SURE).expect("is found");
        assert!(found.distance > 0.0 && found.distance < 0.12, "{}", found.distance);
        assert_eq!(&heard[found.at], "도분금하신 점 있으십니까");
    }

    #[test]
    fn a_damaged_name_is_found_across_a_false_space() {
        let heard = "안녕하십니까, 한 빅카드 상단사 김민지입니다.";
        let found = Sounds::of(heard).find("한빛카드", SURE).expect("is found");
        assert_eq!(&heard[found.at], "한 빅카드");
        assert!(Sounds::of(heard).find("상담사", SURE).is_some());
        assert!(Sounds::of(heard).find("푸른은행", NEAR).is_none());
    }

    #[test]
    fn thank_you_and_nice_to_meet_you_are_more_than_a_quarter_apart() {
        assert!(distance("반갑습니다", "감사합니다") > SURE);
        assert!(distance("한빛카드입니다", "감사합니다") > NEAR);
    }

    #[test]
    fn a_phrase_of_two_syllables_must_be_faultless() {
        assert!(Sounds::of("수도요금").find("수고", 1.0).is_none());
        assert!(Sounds::of("수고하세요").find("수고", SURE).is_some());
    }

    #[test]
    fn spelling_by_ear_costs_nothing_or_little() {
        assert!(distance("이쓰십니까", "있으십니까") < 0.1);
        assert!(distance("게세요", "개새요") < f64::EPSILON);
    }

    #[test]
    fn nothing_is_found_in_nothing() {
        assert!(Sounds::of("...").is_empty());
        assert_eq!(Sounds::of("").find("안녕하세요", 1.0), None);
        assert_eq!(Sounds::of("안녕하세요").find("", 1.0), None);
    }

    proptest! {
        #[test]
        fn a_phrase_is_found_where_it_was_put(before in "[가-힣 ]{0,12}", after in "[가-힣 ]{0,12}") {
            let text = format!("{before}행복한 하루 되세요{after}");
            let found = Sounds::of(&text).find("행복한 하루 되세요", SURE).expect("is found");
            prop_assert!(found.distance < f64::EPSILON);
        }

        #[test]
        fn no_text_breaks_the_search(text in ".{0,40}", phrase in ".{0,10}") {
            if let Some(found) = Sounds::of(&text).find(&phrase, 1.0) {
                prop_assert!(text.get(found.at).is_some());
            }
        }
    }
}
