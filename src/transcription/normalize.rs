//! One spelling for what may be written in several: the ground for counting errors.
//!
//! Enters: text. Leaves: letters only, composed (Unicode NFC), lower case, no spaces, no punctuation, and numerals as
//! they are spoken in Korean: `300만 원` and `삼백만원` become the same.

use unicode_normalization::UnicodeNormalization as _;

const DIGITS: [&str; 10] = ["영", "일", "이", "삼", "사", "오", "육", "칠", "팔", "구"];
const PLACES: [&str; 4] = ["", "십", "백", "천"];
const MYRIADS: [&str; 4] = ["", "만", "억", "조"];
/// Longer runs are telephone or card numbers, read digit by digit.
const LONGEST_NUMBER: usize = 16;

/// The text reduced to what is counted.
pub fn normalize(text: &str) -> String {
    let composed: Vec<char> = text.nfc().flat_map(char::to_lowercase).collect();
    let mut out = String::with_capacity(text.len());
    let mut rest = composed.as_slice();
    while let Some((&first, tail)) = rest.split_first() {
        if first.is_ascii_digit() {
            let (digits, after) = numeral(rest);
            out.push_str(&spoken(&digits));
            rest = after;
        } else {
            if first.is_alphanumeric() {
                out.push(first);
            }
            rest = tail;
        }
    }
    out
}

/// The digits at the head, without the commas that part thousands, and what follows.
fn numeral(text: &[char]) -> (Vec<usize>, &[char]) {
    let mut digits = Vec::new();
    let mut at = 0;
    while let Some(&c) = text.get(at) {
        let parts_thousands = c == ','
            && text.get(at + 1..at + 4).is_some_and(|next| next.iter().all(char::is_ascii_digit));
        match c.to_digit(10) {
            Some(digit) => digits.push(digit as usize),
            None if parts_thousands => {}
            None => break,
        }
        at += 1;
    }
    (digits, &text[at..])
}

/// Sino-Korean reading; numbers with a leading zero and very long ones digit by digit.
fn spoken(digits: &[usize]) -> String {
    if digits.len() > LONGEST_NUMBER || digits.first() == Some(&0) {
        return digits.iter().map(|&d| DIGITS[d]).collect();
    }
    let groups: Vec<_> = digits.rchunks(4).zip(MYRIADS).rev().collect();
    let mut out = String::new();
    for (group, myriad) in groups {
        if group.iter().any(|&d| d > 0) {
            out.push_str(&spoken_group(group));
            out.push_str(myriad);
        }
    }
    // 10,000 alone is 만, not 일만.
    match out.strip_prefix("일만") {
        Some(rest) => format!("만{rest}"),
        None => out,
    }
}

/// Up to four digits: 십, 백 and 천 carry no 일.
fn spoken_group(digits: &[usize]) -> String {
    let mut out = String::new();
    for (index, &digit) in digits.iter().enumerate().filter(|&(_, &digit)| digit > 0) {
        let place = digits.len() - 1 - index;
        if digit > 1 || place == 0 {
            out.push_str(DIGITS[digit]);
        }
        out.push_str(PLACES[place]);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spaces_punctuation_and_case_do_not_count() {
        assert_eq!(normalize(" 네, 고객님! OK? "), "네고객님ok");
        assert_eq!(normalize("\u{1112}\u{1161}\u{11ab}빛"), "한빛");
    }

    #[test]
    fn numerals_are_read_as_they_are_spoken() {
        for (written, spoken) in [
            ("300만 원", "삼백만원"),
            ("3,000,000원", "삼백만원"),
            ("1번", "일번"),
            ("0번", "영번"),
            ("228입니다", "이백이십팔입니다"),
            ("10,000", "만"),
            ("12월 25일", "십이월이십오일"),
            ("1588", "천오백팔십팔"),
            ("010", "영일영"),
            ("100,000,001", "일억일"),
            ("만 5천", "만오천"),
        ] {
            assert_eq!(normalize(written), spoken, "{written}");
        }
    }
}
