//! A made-up campaign: two centers with three calls each, every number chosen by hand.

use callprobe::domain::ctq::{CtqItem, Dimension};
use callprobe::domain::facts::{AgentWait, Turn};
use callprobe::domain::ids::{
    AttemptNumber, CallId, CampaignId, CenterId, ContentHash, SheetId, UnitId,
};
use callprobe::domain::record::{AttemptOutcome, CallEnding};
use callprobe::domain::segment::{Acceptance, Passage, PassageKind, Reached, Segment, SegmentKind};
use callprobe::domain::time::{CallTime, Span, WallTime};
use callprobe::domain::timeline::{EventKind, Party, SipStatus, TimelineEvent};
use callprobe::domain::verdict::{
    Confidence, EvidenceSpan, Judge, Judgment, Proposal, Reason, Verdict,
};
use callprobe::report::audio::{Envelope, cut};
use callprobe::report::model::{
    AttemptReport, CallReport, CampaignReport, CenterReport, Certification, Completeness,
    DimensionFigures, EvidenceClip, ItemFigures, ItemView, ReviewClip, ScoreFigures, SheetView,
    Tally, Tenths, TrueWait,
};
use std::time::Duration;

const NAMES: [(Dimension, &str, &str); 16] = [
    (Dimension::Reception, "통화연결성", "line connectivity"),
    (Dimension::Reception, "연결시도횟수", "attempts to reach an agent"),
    (Dimension::Reception, "연결시간", "agent wait"),
    (Dimension::Greeting, "맞이인사 이행", "greeting content"),
    (Dimension::Greeting, "맞이인사 어감", "greeting tone"),
    (Dimension::Attitude, "상담사 어감", "tone"),
    (Dimension::Attitude, "상담사 말속도", "speaking rate"),
    (Dimension::Attitude, "자신있는 응대", "confidence"),
    (Dimension::Attitude, "고객의 말자름", "interrupting"),
    (Dimension::Attitude, "호응어", "empathy"),
    (Dimension::Attitude, "적극적 안내", "proactive guidance"),
    (Dimension::Handling, "문의내용 파악", "understanding"),
    (Dimension::Handling, "설명의 명확성", "clear explanation"),
    (Dimension::Handling, "업무처리 신속성", "one-stop handling"),
    (Dimension::Closing, "추가문의 확인", "further help"),
    (Dimension::Closing, "종료인사", "closing"),
];

fn at(secs: f64) -> CallTime {
    CallTime::from_secs_f64(secs)
}

fn span(from: f64, to: f64) -> Span {
    Span::new(at(from), at(to))
}

fn call_id(n: u32) -> CallId {
    format!("019a0000-0000-7000-8000-{n:012}").parse().unwrap()
}

fn wall(minute: u32) -> WallTime {
    WallTime(format!("2026-11-21T05:{minute:02}:00Z").parse().unwrap())
}

pub(crate) fn campaign() -> CampaignReport {
    let items = CtqItem::ALL
        .into_iter()
        .zip(NAMES)
        .map(|(item, (dimension, korean, english))| ItemView {
            item,
            dimension,
            korean: korean.to_owned(),
            english: english.to_owned(),
        })
        .collect();
    CampaignReport {
        campaign: CampaignId::new("demo").unwrap(),
        generated: wall(42),
        time_zone: "UTC".to_owned(),
        simulated: true,
        notices: vec![
            "The line lost 2.1 % of the packets in one call; items that need its words go to a person.".to_owned(),
        ],
        sheet: SheetView {
            id: SheetId::new("ksqi-16").unwrap(),
            hash: ContentHash::from_bytes(&[0x5a; 32]),
            items,
        },
        provenance: vec![
            ("program".to_owned(), "callprobe 0.1.0".to_owned()),
            ("model".to_owned(), "ggml-base-q8_0 d01c3014881c".to_owned()),
            ("seed".to_owned(), "7".to_owned()),
        ],
        centers: vec![hanbit(), pureun()],
    }
}

fn hanbit() -> CenterReport {
    let center = "hanbit-card";
    let calls = vec![
        connected(center, 1, 3.1, 3.0, &[]),
        held(connected(center, 2, 23.4, 23.2, &[CtqItem::A3, CtqItem::E2])),
        connected(center, 3, 2.8, 2.9, &[CtqItem::E2]),
    ];
    scored(center, "한빛카드", "Hanbit Card", calls)
}

fn pureun() -> CenterReport {
    let center = "pureun-city";
    let mut unsure = connected(center, 1, 19.4, 19.7, &[]);
    if let AgentWait::Connected { acceptance, .. } = &mut unsure.attempts[0].wait {
        let why = "a recording with the same words is known".to_owned();
        *acceptance = Acceptance::Review { why, listen: span(28.0, 32.0) };
    }
    let wav = cut(&vec![0; 32_000], at(28.0), span(28.0, 32.0), Duration::ZERO).unwrap();
    unsure.to_hear = Some(ReviewClip { span: span(28.0, 32.0), wav });
    unsure.judgments[2].verdict = Verdict::Pending(Reason::Borderline);
    "the wait of 19.40 s is within 1 s of the limit of 20 s"
        .clone_into(&mut unsure.judgments[2].because);
    let mut spoilt = never(center, 3);
    spoilt.excluded = Some("our host skipped 40 packets".to_owned());
    let calls = vec![unsure, never(center, 2), spoilt];
    scored(center, "푸른시청", "Pureun City Hall", calls)
}

fn scored(id: &str, name: &str, english: &str, calls: Vec<CallReport>) -> CenterReport {
    let count = |of: &dyn Fn(&Judgment) -> bool| {
        let mut tally = Tally::default();
        for j in calls.iter().filter(|c| c.excluded.is_none()).flat_map(|c| &c.judgments) {
            if of(j) {
                match j.verdict {
                    Verdict::Fulfilled => tally.fulfilled += 1,
                    Verdict::Defect => tally.defects += 1,
                    Verdict::Pending(_) => tally.pending += 1,
                    Verdict::NotObserved(_) => tally.unobserved += 1,
                    Verdict::NotApplicable(_) => tally.not_applicable += 1,
                }
            }
        }
        tally
    };
    let total = count(&|_| true);
    let all = total.judged() + total.pending + total.unobserved;
    let dimension_of =
        |item: CtqItem| NAMES[CtqItem::ALL.iter().position(|i| *i == item).unwrap()].0;
    let items = CtqItem::ALL
        .into_iter()
        .map(|item| ItemFigures { item, tally: count(&|j| j.item == item) })
        .collect();
    let dimensions = Dimension::ALL
        .into_iter()
        .map(|dimension| {
            let tally = count(&|j| dimension_of(j.item) == dimension);
            let index = Tenths::percent(tally.fulfilled, tally.judged());
            DimensionFigures { dimension, index, tally }
        })
        .collect();
    CenterReport {
        id: CenterId::new(id).unwrap(),
        name: name.to_owned(),
        english: Some(english.to_owned()),
        score: ScoreFigures {
            completeness: Completeness::Partial,
            index: Tenths::percent(total.fulfilled, total.judged()),
            low: Tenths::percent(total.fulfilled, all),
            high: Tenths::percent(all - total.defects, all),
            coverage: Tenths::percent(total.judged(), all),
            interval: None,
            certification: Certification::Undetermined,
            total,
            dimensions,
            items,
        },
        calls,
    }
}

fn event(secs: f64, kind: EventKind) -> TimelineEvent {
    TimelineEvent { at: at(secs), kind }
}

fn status(code: u16, phrase: &str) -> SipStatus {
    SipStatus { code, phrase: phrase.to_owned() }
}

fn opening() -> Vec<TimelineEvent> {
    vec![
        event(0.0, EventKind::InviteSent { attempt: AttemptNumber::FIRST }),
        event(0.05, EventKind::Provisional { status: status(180, "Ringing"), early_media: false }),
        event(1.2, EventKind::Answered { status: status(200, "OK") }),
        event(1.22, EventKind::FirstMedia),
        event(
            9.9,
            EventKind::DigitSent {
                digit: callprobe::domain::digit::Digit::new('0').ok(),
                end: at(10.0),
                requests_agent: true,
            },
        ),
    ]
}

fn segment(from: f64, to: f64, kind: SegmentKind, because: &str) -> Segment {
    Segment {
        span: span(from, to),
        kind,
        probability: 1.0,
        prompt: None,
        because: because.to_owned(),
    }
}

/// A call whose agent spoke `wait` seconds after the request at 10 s.
fn connected(center: &str, n: u32, wait: f64, truth: f64, defects: &[CtqItem]) -> CallReport {
    let onset = 10.0 + wait;
    let end = onset + 24.0;
    let mut events = opening();
    events.push(event(
        onset + 7.0,
        EventKind::Said {
            line: "question".to_owned(),
            text: "카드를 잃어버렸는데 어떻게 해야 하나요?".to_owned(),
            end: at(onset + 10.4),
        },
    ));
    events.push(event(end, EventKind::Bye { by: Party::FarEnd, q850: None }));
    let (received, sent) = audio(onset, end);
    let closing = span(onset + 20.5, onset + 22.0);
    let attempt = AttemptReport {
        number: AttemptNumber::FIRST,
        call: call_id(n),
        opened_at: wall(n),
        outcome: AttemptOutcome::ConnectedHuman,
        ending: CallEnding::Completed,
        wait: AgentWait::Connected {
            requested: at(10.0),
            onset: at(onset),
            within: Duration::from_millis(150),
            acceptance: Acceptance::Accepted,
            evidence: vec!["no other call has these words in this voice".to_owned()],
        },
        lasted: Duration::from_secs_f64(end),
    };
    CallReport {
        unit: UnitId::new(format!("{center}.q4.{n:02}")).unwrap(),
        excluded: None,
        attempts: vec![attempt],
        pictured: Some(AttemptNumber::FIRST),
        truth: Some(TrueWait::Connected(Duration::from_secs_f64(truth))),
        segments: vec![
            segment(
                1.4,
                8.9,
                SegmentKind::Ivr,
                "recording 3 of the center, heard in 2 other calls",
            ),
            segment(
                10.4,
                onset - 0.4,
                SegmentKind::QueueMusic,
                "music between the request and the agent",
            ),
            segment(onset, onset + 6.2, SegmentKind::Agent, "a voice that no other call repeats"),
            segment(onset + 11.0, onset + 22.0, SegmentKind::Agent, "the same voice"),
        ],
        reached: Some(Reached::Human),
        passages: Vec::new(),
        other_calls: Some(2),
        events,
        turns: turns(onset),
        judgments: judgments(center, n, onset, wait, defects),
        clips: cut(&received, CallTime::ZERO, closing, Duration::from_millis(300))
            .map(|wav| EvidenceClip {
                item: CtqItem::E2,
                call: call_id(n),
                span: closing,
                note: "the last words".to_owned(),
                wav,
            })
            .into_iter()
            .collect(),
        to_hear: None,
        envelope: Some(Envelope::of(&received, &sent, CallTime::ZERO)),
    }
}

/// The same call, in which the agent kept the caller waiting for 3.6 s and was less sure to be one before it.
fn held(mut call: CallReport) -> CallReport {
    let hold = span(45.0, 48.6);
    call.segments[2].probability = 0.62;
    call.segments[3].span.start = hold.end;
    call.segments.insert(3, segment(45.0, 48.6, SegmentKind::Hold, "music after the agent spoke"));
    call.passages = vec![Passage { kind: PassageKind::Hold, span: hold }];
    call
}

fn turns(onset: f64) -> Vec<Turn> {
    let said = |party, from: f64, to: f64, text: &str| Turn {
        party,
        span: span(onset + from, onset + to),
        text: text.to_owned(),
        uncertain: false,
    };
    vec![
        said(
            Party::FarEnd,
            0.0,
            6.2,
            "안녕하십니까? 한빛카드 상담사 김민지입니다. 무엇을 도와드릴까요?",
        ),
        said(Party::Prober, 7.0, 10.4, "카드를 잃어버렸는데 어떻게 해야 하나요?"),
        said(Party::FarEnd, 11.0, 19.0, "네, 고객님. 분실 신고가 접수되었습니다."),
        said(Party::FarEnd, 20.5, 22.0, "네, 들어가세요."),
    ]
}

/// A rough likeness of speech and music: a tone whose level swings, where somebody is heard.
fn audio(onset: f64, end: f64) -> (Vec<i16>, Vec<i16>) {
    let voice = |n: usize, rate: f64| {
        let t = n as f64 / 8000.0;
        let swing = ((t * rate).sin() * (t * rate * 0.37).sin()).abs();
        ((t * 1300.0).sin() * swing * 15_000.0) as i16
    };
    let samples = (end * 8000.0) as usize;
    let within = |t: f64, from: f64, to: f64| from <= t && t < to;
    let received = (0..samples)
        .map(|n| {
            let t = n as f64 / 8000.0;
            if within(t, 1.4, 8.9)
                || within(t, onset, onset + 6.2)
                || within(t, onset + 11.0, onset + 22.0)
            {
                voice(n, 9.0)
            } else if within(t, 10.4, onset - 0.4) {
                voice(n, 1.5) / 2
            } else {
                0
            }
        })
        .collect();
    let sent =
        (0..samples)
            .map(|n| {
                if within(n as f64 / 8000.0, onset + 7.0, onset + 10.4) { voice(n, 8.0) } else { 0 }
            })
            .collect();
    (received, sent)
}

fn judgments(center: &str, n: u32, onset: f64, wait: f64, defects: &[CtqItem]) -> Vec<Judgment> {
    CtqItem::ALL
        .into_iter()
        .map(|item| {
            let defect = defects.contains(&item);
            let unjudged = matches!(item, CtqItem::B2 | CtqItem::C1 | CtqItem::C3);
            let assisted = matches!(item, CtqItem::D1 | CtqItem::D2);
            let verdict = match (defect, unjudged, assisted) {
                (true, ..) => Verdict::Defect,
                (_, true, _) => Verdict::NotObserved(Reason::NoJudgeYet),
                (_, _, true) => {
                    Verdict::Pending(Reason::AwaitsMonitor { proposal: Proposal::Fulfilled })
                }
                _ => Verdict::Fulfilled,
            };
            let because = match (item, defect) {
                (CtqItem::A3, true) => {
                    format!("the agent spoke {wait:.1} s after the request; the limit is 20 s")
                }
                (CtqItem::A3, false) => format!("the agent spoke {wait:.1} s after the request"),
                (CtqItem::E2, true) => "the last words hold neither thanks nor a wish".to_owned(),
                (CtqItem::B1, false) => {
                    "greeting, center, name and offer of help were heard".to_owned()
                }
                _ if unjudged => "this version does not judge the item".to_owned(),
                _ if assisted => "the answer names what was asked".to_owned(),
                _ => "the call shows it".to_owned(),
            };
            let evidence = if item == CtqItem::E2 && defect {
                vec![EvidenceSpan {
                    call: call_id(n),
                    span: span(onset + 20.5, onset + 22.0),
                    party: Party::FarEnd,
                    note: "네, 들어가세요.".to_owned(),
                    gloss: Some("all right, bye then".to_owned()),
                }]
            } else {
                Vec::new()
            };
            Judgment {
                unit: UnitId::new(format!("{center}.q4.{n:02}")).unwrap(),
                item,
                verdict,
                because,
                evidence,
                confidence: Confidence(0.9),
                judge: Judge::Machine { rule: "sample".to_owned(), version: 1 },
            }
        })
        .collect()
}

/// Two attempts: busy, then a queue that nobody answered.
fn never(center: &str, n: u32) -> CallReport {
    let unit = UnitId::new(format!("{center}.q4.{n:02}")).unwrap();
    let mut events = opening();
    events.push(event(55.0, EventKind::Bye { by: Party::Prober, q850: None }));
    let busy = AttemptReport {
        number: AttemptNumber::FIRST,
        call: call_id(100 + n),
        opened_at: wall(n),
        outcome: AttemptOutcome::Busy,
        ending: CallEnding::Refused { status: status(486, "Busy Here"), q850: None, rang: false },
        wait: AgentWait::NotRequested,
        lasted: Duration::from_millis(400),
    };
    let second = AttemptReport {
        number: AttemptNumber::FIRST.next(),
        call: call_id(n),
        opened_at: wall(n + 5),
        outcome: AttemptOutcome::QueueTimeout,
        ending: CallEnding::QueueTimeout,
        wait: AgentWait::NeverConnected { requested: at(10.0), waited: Duration::from_secs(45) },
        lasted: Duration::from_secs(55),
    };
    let judgments = CtqItem::ALL
        .into_iter()
        .map(|item| {
            let reception = matches!(item, CtqItem::A1 | CtqItem::A2 | CtqItem::A3);
            Judgment {
                unit: unit.clone(),
                item,
                verdict: if reception {
                    Verdict::Defect
                } else {
                    Verdict::NotObserved(Reason::Unreachable)
                },
                because: match item {
                    CtqItem::A1 => "the line was busy on the first attempt".to_owned(),
                    CtqItem::A2 => "no agent on 2 attempts".to_owned(),
                    CtqItem::A3 => "45.0 s were waited and nobody came".to_owned(),
                    _ => "no agent was reached".to_owned(),
                },
                evidence: Vec::new(),
                confidence: Confidence(1.0),
                judge: Judge::Machine { rule: "sample".to_owned(), version: 1 },
            }
        })
        .collect();
    CallReport {
        unit,
        excluded: None,
        attempts: vec![busy, second],
        pictured: Some(AttemptNumber::FIRST.next()),
        truth: Some(TrueWait::NeverConnected),
        segments: vec![
            segment(
                1.4,
                8.9,
                SegmentKind::Ivr,
                "recording 1 of the center, heard in 2 other calls",
            ),
            segment(10.4, 30.0, SegmentKind::QueueMusic, "music after the request"),
            segment(30.0, 34.0, SegmentKind::QueueAnnouncement, "recording 2 of the center"),
            segment(34.0, 54.6, SegmentKind::QueueMusic, "music after the request"),
        ],
        reached: Some(Reached::Recording),
        passages: Vec::new(),
        other_calls: Some(2),
        events,
        turns: Vec::new(),
        judgments,
        clips: Vec::new(),
        to_hear: None,
        envelope: None,
    }
}
