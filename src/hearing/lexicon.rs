//! Words that tell a person from a recording. Enters: what the recognizer read. Leaves: cues.
//!
//! Korean first; an utterance is compared without spaces and punctuation, as recognizers space Korean freely.

use crate::domain::transcript::Utterance;

/// What the words of an utterance speak for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WordCue {
    /// A person greets.
    Greeting(&'static str),
    /// A recording while one waits.
    Queue(&'static str),
    /// A recording that nobody is there.
    Closed(&'static str),
    /// A voicebot.
    Bot(&'static str),
}

const CLOSED: &[&str] = &[
    "상담시간이아닙니다",
    "업무시간이아닙니다",
    "운영시간이아닙니다",
    "근무시간이아닙니다",
    "상담시간이종료",
    "업무시간이종료",
    "업무가종료",
    "상담이종료되었",
    "영업시간이",
    "상담가능시간은",
    "상담시간은평일",
    "officesareclosed",
    "currentlyclosed",
    "officehoursare",
];

const QUEUE: &[&str] = &[
    "기다려주",
    "기다려주십시오",
    "잠시만기다",
    "대기",
    "통화중",
    "통화량이많",
    "문의가많",
    "연결해드리겠",
    "연결하겠습니다",
    "연결중",
    "순서대로",
    "눌러주",
    "누르",
    "번을눌러",
    "녹음됩니다",
    "녹음되",
    "다시걸어",
    "잠시후에다시",
    "다시이용",
    "지연되고",
    "pleasehold",
    "pleasewait",
    "allagentsare",
    "nextavailable",
    "press",
];

const BOT: &[&str] = &["ai상담", "인공지능", "챗봇", "보이스봇", "음성봇", "음성인식서비스"];

const GREETING: &[&str] = &[
    "도와드릴까요",
    "도와드리겠습니다",
    "상담사",
    "상담원입니다",
    "말씀하세요",
    "말씀해주세요",
    "여보세요",
    "안녕하세요",
    "안녕하십니까",
    "반갑습니다",
    "전화주셔서감사",
    "감사합니다",
    "입니다",
    "howmayihelp",
    "howcanihelp",
    "speaking",
];

/// Greetings that count only near the beginning and say little alone.
const WEAK_GREETINGS: &[&str] = &["입니다", "감사합니다"];

/// What an utterance speaks for. Words of a recording win over a greeting, since recordings greet too; a voicebot's win
/// over both.
pub(crate) fn cue(utterance: &Utterance) -> Option<WordCue> {
    let text = squeezed(&utterance.text);
    let find = |list: &'static [&'static str]| list.iter().copied().find(|w| text.contains(w));
    if let Some(word) = find(BOT) {
        return Some(WordCue::Bot(word));
    }
    if let Some(word) = find(CLOSED) {
        return Some(WordCue::Closed(word));
    }
    // "잠시만 기다려 주시겠습니까" after a greeting is a person's way to ask; a person who names himself or offers help
    // is one whatever else he says.
    let offers = GREETING[..5].iter().copied().find(|w| text.contains(w));
    if let Some(word) = offers.filter(|w| *w != "상담사") {
        return Some(WordCue::Greeting(word));
    }
    if let Some(word) = find(QUEUE) {
        return Some(WordCue::Queue(word));
    }
    let greeting = find(GREETING).filter(|w| !WEAK_GREETINGS.contains(w));
    greeting.map(WordCue::Greeting)
}

/// Words that the call is recorded.
const RECORDED: &[&str] = &["녹음", "recorded", "recording"];

/// Whether the words of a recording say that nobody is there.
pub(crate) fn is_closed(text: &str) -> bool {
    let text = squeezed(text);
    CLOSED.iter().any(|words| text.contains(words))
}

/// Whether the words of a recording say that the call is recorded.
pub(crate) fn is_recording_notice(text: &str) -> bool {
    let text = squeezed(text);
    RECORDED.iter().any(|words| text.contains(words))
}

fn squeezed(text: &str) -> String {
    text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::time::{CallTime, Span};
    use crate::domain::timeline::Party;

    fn said(text: &str) -> Option<WordCue> {
        cue(&Utterance {
            party: Party::FarEnd,
            span: Span::new(CallTime::ZERO, CallTime::from_millis(1000)),
            text: text.into(),
            words: vec![],
            mean_log_probability: -0.2,
        })
    }

    #[test]
    fn an_agent_greets_and_a_queue_asks_to_wait() {
        let agent = said("안녕하세요, 한빛카드 상담사 김수진입니다. 무엇을 도와드릴까요?");
        assert!(matches!(agent, Some(WordCue::Greeting(_))));
        let queue = said("안녕하십니까. 지금은 통화량이 많아 잠시만 기다려 주시기 바랍니다.");
        assert!(matches!(queue, Some(WordCue::Queue(_))));
        let connect = said("상담사에게 연결해 드리겠습니다.");
        assert!(matches!(connect, Some(WordCue::Queue(_))));
    }

    #[test]
    fn a_closed_message_and_a_voicebot_are_told_apart_from_a_queue() {
        assert!(matches!(said("지금은 상담 시간이 아닙니다."), Some(WordCue::Closed(_))));
        assert!(matches!(said("AI 상담입니다. 말씀해 주세요."), Some(WordCue::Bot(_))));
        assert_eq!(said("카드 번호요"), None);
    }
}
