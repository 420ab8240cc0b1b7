//! Words that tell a person from a recording, and one recording from another. Enters: what the recognizer read. Leaves:
//! cues.
//!
//! Korean first, English second. Spaces and punctuation do not count, as recognizers space Korean freely; longer phrases
//! are found with some of their sounds wrong. Where in the call something was said is not asked here: an agent who says
//! `잠시만 기다려 주세요` gives the cue of a queue, and the room that knows the place decides.

use crate::domain::sounds::Sounds;
use crate::domain::transcript::Utterance;

/// What the words of an utterance speak for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WordCue {
    /// A person greets.
    Greeting(&'static str),
    /// A recording while one waits, or a menu.
    Queue(&'static str),
    /// A recording that nobody is there.
    Closed(&'static str),
    /// A machine that talks with its callers.
    Bot(&'static str),
    /// A mailbox asks for a message.
    Voicemail(&'static str),
    /// A recording offers to call back.
    CallbackOffer(&'static str),
    /// The network says that the number cannot be reached.
    Intercept(&'static str),
    /// A recording says that the call is recorded.
    RecordingNotice(&'static str),
    /// A recording of what the law protects agents from.
    LegalNotice(&'static str),
}

/// Phrases of one cue, in any order. A phrase counts unless one of the words beside it is in the utterance too.
struct Phrases {
    cue: fn(&'static str) -> WordCue,
    lists: &'static [(&'static [&'static str], &'static [&'static str])],
}

/// What a person on the line says of himself, so that he is no recording.
const A_PERSON_DOES_IT: &[&str] =
    &["제가", "저희가", "확인", "알아보", "담당자", "i'll", "i will", "let me"];

const BOT: Phrases = Phrases {
    cue: WordCue::Bot,
    lists: &[(
        &[
            "ai 상담",
            "ai 음성",
            "인공지능",
            "챗봇",
            "보이스봇",
            "음성봇",
            "콜봇",
            "가상 상담",
            "음성 인식 서비스",
            "음성으로 말씀해",
            "말로 하는 ars",
            "문의하실 내용을 말씀해",
            "원하시는 업무를 말씀해",
            "원하시는 서비스를 말씀해",
            "용건을 말씀해",
            "virtual assistant",
            "virtual agent",
            "automated assistant",
            "in a few words",
        ],
        &[],
    )],
};

const VOICEMAIL: Phrases = Phrases {
    cue: WordCue::Voicemail,
    lists: &[
        (
            &[
                "삐 소리 후",
                "삐 소리가 난 후",
                "삐 소리가 나면",
                "삐 소리 이후",
                "신호음 후",
                "소리샘",
                "음성 사서함",
                "음성 메시지를 남겨",
                "음성을 녹음해",
                "메시지를 녹음해",
                "leave a message",
                "leave your message",
                "after the tone",
                "after the beep",
                "voice mailbox",
                "voicemail",
            ],
            &[],
        ),
        (&["메시지를 남겨", "메모를 남겨"], A_PERSON_DOES_IT),
    ],
};

const INTERCEPT: Phrases = Phrases {
    cue: WordCue::Intercept,
    lists: &[
        (
            &[
                "지금 거신 번호",
                "지금 거신 전화",
                "거신 전화번호는",
                "없는 국번",
                "결번입니다",
                "결번이오니",
                "전화를 받을 수 없",
                "전화를 받지 않",
                "지금은 전화를 받",
                "전원이 꺼져",
                "통화하실 수 없는 지역",
                "착신이 정지",
                "당분간 통화가 정지",
                "번호가 변경되었",
                "the number you have dialed",
                "the number you have dialled",
                "the number you are calling",
                "is not in service",
                "has been disconnected",
            ],
            &[],
        ),
        // An agent may look up a number that does not exist.
        (&["없는 번호"], &["조회", "등록", "고객님", "확인이"]),
    ],
};

const CLOSED: Phrases = Phrases {
    cue: WordCue::Closed,
    lists: &[(
        &[
            "상담 시간이 아닙니다",
            "업무 시간이 아닙니다",
            "운영 시간이 아닙니다",
            "근무 시간이 아닙니다",
            "영업 시간이 아닙니다",
            "이용 시간이 아닙니다",
            "상담 시간이 종료",
            "업무 시간이 종료",
            "업무가 종료",
            "상담이 종료되었",
            "영업이 종료",
            "영업시간이",
            "상담 가능 시간은",
            "상담 시간은 평일",
            "업무 시간은 평일",
            "운영 시간은 평일",
            "주말과 공휴일은",
            "주말 및 공휴일",
            "토요일 일요일 및 공휴일",
            "점심 시간에는",
            "점심 시간입니다",
            "휴무일입니다",
            "휴무입니다",
            "offices are closed",
            "office is closed",
            "currently closed",
            "office hours are",
            "business hours are",
        ],
        &[],
    )],
};

const CALLBACK_OFFER: Phrases = Phrases {
    cue: WordCue::CallbackOffer,
    lists: &[(
        &[
            "콜백",
            "전화번호를 남겨",
            "연락처를 남겨",
            "번호를 남기시",
            "연락드리겠",
            "전화드리겠",
            "상담 예약",
            "call you back",
            "call back request",
            "request a callback",
            "leave your number",
            "leave your phone number",
        ],
        A_PERSON_DOES_IT,
    )],
};

const LEGAL_NOTICE: Phrases = Phrases {
    cue: WordCue::LegalNotice,
    lists: &[(
        &[
            "산업안전보건법",
            "감정 노동자",
            "고객 응대 근로자",
            "근로자 보호",
            "상담사 보호",
            "폭언",
            "욕설",
            "성희롱",
            "누군가의 소중한 가족",
        ],
        &[],
    )],
};

const RECORDING_NOTICE: Phrases = Phrases {
    cue: WordCue::RecordingNotice,
    lists: &[(
        &[
            "녹음됩니다",
            "녹음되",
            "녹음될",
            "녹음하고",
            "녹취",
            "may be recorded",
            "being recorded",
            "will be recorded",
            "may be monitored",
        ],
        &[],
    )],
};

const QUEUE: Phrases = Phrases {
    cue: WordCue::Queue,
    lists: &[(
        &[
            "기다려 주",
            "잠시만 기다",
            "조금만 기다",
            "대기",
            "통화 중",
            "통화량이 많",
            "문의가 많",
            "상담이 많",
            "고객이 많",
            "연결해 드리겠",
            "연결하겠습니다",
            "연결해 드릴",
            "연결 중",
            "순서대로",
            "순차적으로",
            "눌러주",
            "누르",
            "번을 눌러",
            "우물 정자",
            "별표",
            "보이는 ars",
            "다시 걸어",
            "잠시 후에 다시",
            "잠시 후 다시",
            "다시 이용",
            "지연되고",
            "예상 대기 시간",
            "please hold",
            "please wait",
            "please stay on the line",
            "your call is important",
            "all agents are",
            "all of our agents",
            "all representatives are",
            "next available",
            "in the order",
            "estimated wait",
            "press zero",
            "press one",
            "press two",
            "press star",
            "press pound",
            "press the",
            "press 0",
            "press 1",
            "press 2",
            "press 9",
        ],
        &[],
    )],
};

/// A person who offers help or names his office is one whatever else he says.
const OFFER: Phrases = Phrases {
    cue: WordCue::Greeting,
    lists: &[(
        &["도와드릴까요", "도와드리겠습니다", "상담원입니다", "말씀하세요", "말씀하십시오"],
        &[],
    )],
};

const GREETING: Phrases = Phrases {
    cue: WordCue::Greeting,
    lists: &[(
        &[
            "상담사",
            "말씀해 주세요",
            "여보세요",
            "안녕하세요",
            "안녕하십니까",
            "반갑습니다",
            "전화 주셔서 감사",
            "전화 받았습니다",
            "정성을 다하겠습니다",
            "how may i help",
            "how can i help",
            "speaking",
        ],
        &[],
    )],
};

/// In this order: a voicebot offers help too, a mailbox greets, a queue names its agents. A person who offers help may
/// speak of recording and calling back.
const ALL: [&Phrases; 10] = [
    &BOT,
    &VOICEMAIL,
    &INTERCEPT,
    &CLOSED,
    &OFFER,
    &CALLBACK_OFFER,
    &LEGAL_NOTICE,
    &RECORDING_NOTICE,
    &QUEUE,
    &GREETING,
];

/// Most edits per sound of a phrase that still count as the phrase: one wrong sound in seven. A negation, as of `상담
/// 시간입니다`, is 0.18 away.
const DAMAGED: f64 = 0.15;
/// Phrases of fewer Korean syllables, or Latin letters, are read without a fault.
const DAMAGED_FROM_SYLLABLES: usize = 4;
const DAMAGED_FROM_LETTERS: usize = 9;

/// What sounds nearly like a phrase of the lists and is none: a damaged fit that one of these explains better is none.
const SOUNDS_LIKE: &[&str] = &[
    "변경해 드리겠",
    "변경하겠습니다",
    "변경해 드릴",
    "안내해 드리겠",
    "확인해 드리겠",
    "상담 시간입니다",
    "업무 시간입니다",
    "기다려 줬",
    "전화를 받을 수 있",
];

/// What an utterance speaks for. Words of a recording win over a greeting, since recordings greet too.
pub(crate) fn cue(utterance: &Utterance) -> Option<WordCue> {
    let heard = Heard::of(&utterance.text);
    ALL.iter().find_map(|phrases| heard.phrase(phrases).map(phrases.cue))
}

/// Whether the words of a recording say that nobody is there.
pub(crate) fn is_closed(text: &str) -> bool {
    Heard::of(text).phrase(&CLOSED).is_some()
}

/// Whether the words of a recording say that the call is recorded.
pub(crate) fn is_recording_notice(text: &str) -> bool {
    Heard::of(text).phrase(&RECORDING_NOTICE).is_some()
}

/// An utterance as letters and as sounds.
struct Heard {
    /// Without spaces and punctuation.
    text: String,
    /// Words between single spaces, with one at either end.
    words: String,
    sounds: Sounds,
}

impl Heard {
    /// The phrase of a cue that is heard, unless a word beside it says otherwise.
    fn phrase(&self, phrases: &Phrases) -> Option<&'static str> {
        phrases.lists.iter().find_map(|(words, unless)| {
            let word = words.iter().find(|word| self.holds(word))?;
            (!unless.iter().any(|other| self.says(other))).then_some(*word)
        })
    }

    fn of(text: &str) -> Self {
        let words: Vec<&str> = text.split_whitespace().collect();
        let words = format!(" {} ", words.join(" ").to_lowercase());
        Self { text: squeezed(text), words, sounds: Sounds::of(text) }
    }

    /// Whether a word was said, without a fault: Korean anywhere, Latin between spaces.
    fn says(&self, word: &str) -> bool {
        if word.is_ascii() {
            self.words.contains(&format!(" {word} "))
        } else {
            self.text.contains(&squeezed(word))
        }
    }

    fn holds(&self, phrase: &str) -> bool {
        if self.text.contains(&squeezed(phrase)) {
            return true;
        }
        let latin = phrase.chars().filter(char::is_ascii_alphabetic).count();
        let syllables = phrase.chars().filter(|c| c.is_alphanumeric() && !c.is_ascii()).count();
        if syllables < DAMAGED_FROM_SYLLABLES && latin < DAMAGED_FROM_LETTERS {
            return false;
        }
        let Some(found) = self.sounds.find(phrase, DAMAGED) else { return false };
        !SOUNDS_LIKE.iter().any(|other| {
            self.sounds.find(other, DAMAGED).is_some_and(|better| {
                let meets = better.at.start < found.at.end && found.at.start < better.at.end;
                meets && better.distance < found.distance
            })
        })
    }
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

    fn kind(text: &str) -> &'static str {
        match said(text) {
            None => "none",
            Some(WordCue::Greeting(_)) => "greeting",
            Some(WordCue::Queue(_)) => "queue",
            Some(WordCue::Closed(_)) => "closed",
            Some(WordCue::Bot(_)) => "bot",
            Some(WordCue::Voicemail(_)) => "voicemail",
            Some(WordCue::CallbackOffer(_)) => "callback",
            Some(WordCue::Intercept(_)) => "intercept",
            Some(WordCue::RecordingNotice(_)) => "recording",
            Some(WordCue::LegalNotice(_)) => "legal",
        }
    }

    fn all(sentences: &[(&str, &str)]) {
        for (wanted, sentence) in sentences {
            assert_eq!(kind(sentence), *wanted, "{sentence}: {:?}", said(sentence));
        }
    }

    #[test]
    fn an_agent_greets_and_a_queue_asks_to_wait() {
        all(&[
            ("greeting", "안녕하세요, 한빛카드 상담사 김수진입니다. 무엇을 도와드릴까요?"),
            ("greeting", "네, 전화 받았습니다. 말씀하세요."),
            ("greeting", "여보세요?"),
            ("greeting", "Thank you for calling, this is Grace speaking."),
            ("queue", "안녕하십니까. 지금은 통화량이 많아 잠시만 기다려 주시기 바랍니다."),
            ("queue", "상담사에게 연결해 드리겠습니다."),
            ("queue", "현재 고객님 앞에 대기 중인 고객은 세 명입니다."),
            ("queue", "보이는 ARS를 원하시면 1번을 눌러 주세요."),
            ("queue", "Please stay on the line, your call is important to us."),
        ]);
    }

    #[test]
    fn closed_mailbox_callback_and_intercept_are_told_apart() {
        all(&[
            ("closed", "지금은 상담 시간이 아닙니다. 상담 시간은 평일 아홉 시부터입니다."),
            ("closed", "안녕하세요. 오늘은 휴무입니다."),
            ("closed", "Our offices are currently closed."),
            ("voicemail", "고객이 전화를 받을 수 없어 소리샘으로 연결됩니다."),
            ("voicemail", "삐 소리 후 메시지를 남겨 주십시오."),
            ("voicemail", "음성사서함으로 연결되었습니다."),
            ("voicemail", "Please leave a message after the tone."),
            ("callback", "전화번호를 남겨 주시면 순차적으로 연락드리겠습니다."),
            ("callback", "콜백 서비스를 원하시면 연락처를 남겨 주세요."),
            ("callback", "Leave your number and we will call you back."),
            ("intercept", "지금 거신 번호는 없는 번호이오니 다시 확인하시고 걸어 주시기 바랍니다."),
            ("intercept", "고객님의 전원이 꺼져 있어 연결할 수 없습니다."),
            ("intercept", "지금은 전화를 받을 수 없습니다. 다음에 다시 걸어 주십시오."),
            ("intercept", "The number you have dialed is not in service."),
        ]);
    }

    #[test]
    fn notices_and_voicebots_are_told_apart_from_people() {
        all(&[
            ("recording", "서비스 품질 향상을 위해 통화 내용이 녹음됩니다."),
            ("recording", "This call may be recorded for training."),
            ("legal", "산업안전보건법에 따라 상담사에게 폭언을 하지 말아 주세요."),
            ("legal", "욕설이나 성희롱을 하시면 상담이 중단될 수 있습니다."),
            ("bot", "AI 상담입니다. 무엇을 도와드릴까요?"),
            ("bot", "안녕하세요, 말로 하는 ARS입니다. 원하시는 업무를 말씀해 주세요."),
            ("bot", "Hi, I'm your virtual assistant. How can I help?"),
            ("greeting", "통화 내용은 녹음됩니다. 상담사 박지영입니다, 무엇을 도와드릴까요?"),
        ]);
    }

    #[test]
    fn what_an_agent_says_in_conversation_is_no_recording() {
        all(&[
            ("none", "제가 연락드리겠습니다."),
            ("none", "확인 후에 바로 연락드리겠습니다."),
            ("none", "I'll call you back this afternoon."),
            ("none", "주소를 변경해 드리겠습니다."),
            ("none", "네, 변경하겠습니다."),
            ("none", "고객님, 조회해 보니 없는 번호로 나옵니다."),
            ("none", "네, 지금은 상담 시간입니다."),
            ("none", "연결번호입니다."),
            ("none", "That's an impressive result."),
            ("none", "카드 번호요"),
            ("none", ""),
            ("none", "..."),
        ]);
    }

    /// Readings as a small recognizer gives them over G.711: a sound or two wrong, spaces anywhere.
    #[test]
    fn damaged_readings_are_still_cues() {
        all(&[
            ("queue", "잠시만 기다료 주십시오."),
            ("queue", "상담사에게 연겨래 드리겠습니다."),
            ("closed", "지금은 상당 시가니 아닙니다."),
            ("voicemail", "음 성사소함으로 넘어갑니다."),
            ("intercept", "전화를 바들 쑤 업습니다."),
            ("legal", "산업 안전보거법에 따라"),
            ("greeting", "무어슬 도아드릴까요?"),
            ("voicemail", "please leave a massage"),
        ]);
    }
}
