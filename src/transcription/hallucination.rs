//! Phrases the model invents when there is nothing to read.
//!
//! Enters: the text of a phrase. Leaves: whether it is an invention. It was trained on subtitles, and music, noise and
//! silence bring their closing lines back (our measurement, 2026: `구독과 좋아요 부탁드립니다` for hold music and busy
//! tone, with a high probability). The voice detector is the first guard; this list is the second. Polite phrases that
//! an agent does say (`감사합니다`, `수고하셨습니다`) are not on it.

use super::normalize::normalize;

/// A phrase that holds one of these, without spaces and punctuation, is invented.
const INVENTIONS: &[&str] = &[
    "구독과좋아요",
    "구독좋아요",
    "좋아요와구독",
    "구독부탁드립니다",
    "구독해주세요",
    "알림설정",
    "시청해주셔서감사합니다",
    "시청해주신여러분",
    "영상시청해주셔서",
    "다음영상에서",
    "다음영상에서만나요",
    "다음시간에만나요",
    "이영상은",
    "유료광고를포함",
    "mbc뉴스",
    "kbs뉴스",
    "sbs뉴스",
    "ytn뉴스",
    "뉴스데스크",
    "한글자막",
    "자막제공",
    "자막제작",
    "자막by",
    "배달의민족광고",
    "thanksforwatching",
    "thankyouforwatching",
    "pleasesubscribe",
    "subtitlesby",
    "amaraorg",
];

/// A word, or a phrase of a few words, said this often in a row is the model in a loop.
const LOOP: usize = 6;
const LONGEST_LOOPED: usize = 4;

/// Whether a phrase is a known invention, or a loop.
pub(crate) fn is_invented(text: &str) -> bool {
    let reduced = normalize(text);
    INVENTIONS.iter().any(|invention| reduced.contains(invention)) || loops(text)
}

fn loops(text: &str) -> bool {
    let words: Vec<String> =
        text.split_whitespace().map(normalize).filter(|w| !w.is_empty()).collect();
    (1..=LONGEST_LOOPED).any(|period| {
        let mut again = 0;
        words.iter().zip(words.iter().skip(period)).any(|(before, word)| {
            again = if before == word { again + 1 } else { 0 };
            again >= period * (LOOP - 1)
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_phrase_of_three_words_six_times_is_a_loop_and_five_times_is_not() {
        assert!(loops(&"한 명을 가고 ".repeat(6)));
        assert!(!loops(&"한 명을 가고 ".repeat(5)));
    }

    #[test]
    fn closing_lines_of_videos_are_inventions() {
        for text in [
            "구독과 좋아요 부탁드립니다.",
            "시청해 주셔서 감사합니다.",
            "다음 영상에서 만나요!",
            "MBC 뉴스 김성현입니다.",
            "한글자막 by 한효정",
            "Thanks for watching!",
            "아 아 아 아 아 아 아",
        ] {
            assert!(is_invented(text), "{text}");
        }
    }

    #[test]
    fn what_agents_say_is_kept() {
        for text in [
            "감사합니다.",
            "네, 고객님. 좋아요.",
            "수고하셨습니다.",
            "네 네 네 네 네",
            "안녕하십니까, 한빛카드 상담원 김민지입니다. 무엇을 도와드릴까요?",
            "알림 문자를 설정해 드렸습니다.",
        ] {
            assert!(!is_invented(text), "{text}");
        }
    }
}
