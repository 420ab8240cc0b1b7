//! The phrases that the rules for words look for, each with its English gloss.
//!
//! A phrase of three syllables or more is found with a quarter of its sounds wrong; so near variants need not be
//! listed. `unless` names words around a phrase that make it something else.

/// A phrase of the lexicon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Phrase {
    /// Korean words, as written.
    pub(super) ko: &'static str,
    /// What they mean.
    pub(super) gloss: &'static str,
    /// Words in the same sentence that make it something else; each must be read without a fault.
    pub(super) unless: &'static [&'static str],
}

const fn phrase(ko: &'static str, gloss: &'static str) -> Phrase {
    Phrase { ko, gloss, unless: &[] }
}

/// Thanks in the middle of a call, for something that the customer did or bore.
const THANKS_FOR: &[&str] = &["기다려", "확인해", "말씀해", "양해", "불러"];
/// A condition or an invitation to call again, not a question.
const CONDITION: &[&str] = &["있으시면", "있으면", "생기시면", "필요하시면", "하시면", "언제든"];

/// Words that greet a caller (첫인사).
pub(super) const GREETING: &[Phrase] = &[
    phrase("안녕하십니까", "good day"),
    phrase("안녕하세요", "hello"),
    phrase("반갑습니다", "pleased to meet you"),
    phrase("사랑합니다 고객님", "dear customer, with love"),
    phrase("정성을 다하겠습니다", "we shall do our very best"),
    phrase("정성을 다하는", "doing our very best"),
    phrase("행복을 드리는", "bringing you happiness"),
    phrase("전화 주셔서 감사합니다", "thank you for calling"),
    Phrase { ko: "감사합니다", gloss: "thank you (as a greeting)", unless: THANKS_FOR },
    Phrase { ko: "고맙습니다", gloss: "thank you (as a greeting)", unless: THANKS_FOR },
];

/// What agents say besides: for glosses, and to explain away doubtful fits; no rule looks for them.
pub(super) const SAYINGS: &[Phrase] = &[
    phrase("무엇을 도와드릴까요", "how may I help you?"),
    phrase("말씀하세요", "go ahead"),
    phrase("말씀하십시오", "please go ahead"),
    phrase("여보세요", "hello?"),
    phrase("불편하셨겠습니다", "that must have been inconvenient"),
    phrase("불편을 드려 죄송합니다", "we are sorry for the inconvenience"),
    phrase("죄송합니다", "I am sorry"),
    phrase("잠시만 기다려 주십시오", "please wait a moment"),
    phrase("기다려 주셔서 감사합니다", "thank you for waiting"),
    phrase("확인해 드리겠습니다", "let me check"),
    phrase("변경해 드리겠습니다", "I will change it for you"),
    phrase("신고가 접수되었습니다", "your report has been filed"),
    phrase("내일 도착합니다", "it arrives tomorrow"),
    phrase("신분증을 가지고 오시면 됩니다", "please bring your identity card"),
    phrase("홈페이지에서 직접 하세요", "do it yourself on the home page"),
    phrase("저도 잘 모르겠는데요", "I do not really know either"),
    phrase("나중에 다시 전화하세요", "call again later"),
    phrase("들어가세요", "off you go (goodbye)"),
    phrase("연결해 드리겠습니다", "I will put you through"),
    phrase("번을 눌러 주십시오", "press the key"),
];

/// Words that ask whether anything else is needed (추가문의 확인).
pub(super) const FURTHER_HELP: &[Phrase] = &[
    further("더 궁금하신 점 있으십니까", "anything else you would like to ask?"),
    further("더 궁금하신 점은 없으십니까", "is there nothing else you would like to ask?"),
    further("더 궁금하신 거 있으세요", "anything else you would like to ask?"),
    further("다른 궁금하신 사항 있으신가요", "any other question?"),
    further("다른 문의사항 있으십니까", "any other enquiry?"),
    further("다른 문의사항은 없으신가요", "no other enquiry?"),
    further("추가로 문의하실 내용 있으십니까", "anything you would like to ask in addition?"),
    further("추가로 궁금하신 점 있으신가요", "anything you would like to ask in addition?"),
    further("추가 문의사항 있으십니까", "any additional enquiry?"),
    further("또 궁금하신 점 있으십니까", "anything else you would like to ask?"),
    further("또 다른 문의사항 있으십니까", "any other enquiry?"),
    further("그 외 궁금하신 점 있으십니까", "anything else besides?"),
    further("그 밖에 궁금하신 점 있으십니까", "anything else besides?"),
    further("이외에 문의사항 있으십니까", "any enquiry besides this?"),
    further("더 필요하신 사항 있으십니까", "anything else you need?"),
    further("더 필요하신 거 있으세요", "anything else you need?"),
    further("더 필요한 점은 없으십니까", "is there nothing else you need?"),
    further("다른 도움 필요하신 점 있으십니까", "do you need any other help?"),
    further("다른 필요하신 사항 있으신가요", "anything else you need?"),
    further("더 도와드릴 부분 있으십니까", "anything else I can help with?"),
    further("더 도와드릴 일이 있을까요", "anything else I can help with?"),
    further("더 도와드릴 것은 없습니까", "is there nothing else I can help with?"),
    further("더 문의하실 사항 있으십니까", "anything else you would like to enquire about?"),
];

const fn further(ko: &'static str, gloss: &'static str) -> Phrase {
    Phrase { ko, gloss, unless: CONDITION }
}

/// Words that take leave (종료인사). `들어가세요` alone is colloquial and no closing phrase.
pub(super) const CLOSING: &[Phrase] = &[
    phrase("좋은 하루 되세요", "have a good day"),
    phrase("좋은 하루 보내세요", "have a good day"),
    phrase("행복한 하루 되세요", "have a happy day"),
    phrase("즐거운 하루 되세요", "have a pleasant day"),
    phrase("편안한 하루 되세요", "have a restful day"),
    phrase("건강한 하루 되세요", "have a healthy day"),
    phrase("좋은 시간 되세요", "have a good time"),
    phrase("즐거운 주말 되세요", "have a pleasant weekend"),
    phrase("안녕히 계세요", "goodbye"),
    phrase("안녕히 계십시오", "goodbye"),
    // Two syllables, so read without a fault: `-하세요` ends half of all requests.
    Phrase { ko: "수고", gloss: "keep up the good work (goodbye)", unless: &["수고스러"] },
    Phrase { ko: "감사합니다", gloss: "thank you", unless: THANKS_FOR },
    Phrase { ko: "고맙습니다", gloss: "thank you", unless: THANKS_FOR },
];

/// Sounds of a listener, alone or several of them: no interruption (맞장구).
pub(super) const BACKCHANNEL: &[&str] = &[
    "그러셨군요",
    "그러시군요",
    "그렇군요",
    "그러세요",
    "그렇습니까",
    "알겠습니다",
    "맞습니다",
    "네네",
    "네",
    "내",
    "예",
    "아",
    "음",
    "어",
    "흠",
    "오",
];

/// Words that answer a telephone or fill a greeting and name nobody.
pub(super) const NAMELESS: &[&str] = &[
    "여보세요",
    "말씀하세요",
    "말씀하십시오",
    "무엇을 도와드릴까요",
    "무엇을 도와 드리겠습니까",
    "도와드리겠습니다",
    "어떻게 도와드릴까요",
    "뭘 도와드릴까요",
    "고객님",
    "고객센터",
    "상담센터",
    "네네",
    "네",
    "예",
];

/// What an agent calls the trade before the name: `상담사 김민지입니다`.
pub(super) const AGENT_TITLES: &[&str] = &["상담사", "상담원", "상담직원", "담당자", "매니저"];

/// What follows a name when somebody presents it.
pub(super) const NAME_ENDS: &[&str] =
    &["입니다", "이에요", "예요", "이라고 합니다", "라고 합니다", "인사드립니다", "이었습니다"];
