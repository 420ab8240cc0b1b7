//! One recording explained: what was heard when, and why it was taken for that. Enters: a [`HeardReport`]. Leaves: text
//! at 100 columns, or JSON. It shows what the hearing found and decides nothing.

use super::audio::Envelope;
use super::json::{ReportError, passage, secs, segment, span as pair};
use super::terminal::{Style, cut_to, wrap};
use super::words::{
    counted, interruptions, margin, passage as passage_word, quoted, reached, seconds, sound,
    stretch,
};
use crate::domain::segment::{Acceptance, AgentOnset, Hearing, Segment, SegmentKind};
use crate::domain::time::{CallTime, Span};
use crate::domain::timeline::Party;
use crate::domain::transcript::{Transcript, Utterance};
use serde_json::json as object;
use std::fmt::Write as _;
use std::time::Duration;
use unicode_width::UnicodeWidthStr as _;

/// Name and version of the JSON form; a change that a reader could trip over raises it.
const SCHEMA: &str = "callprobe-heard-1";
/// Columns of the level strip beside a segment.
const STRIP: usize = 8;
/// Columns before the reason of a segment: times, strip, kind, probability, recording.
const REASON_AT: usize = 56;
/// Levels from quiet to loud (Unicode block elements, U+2581 to U+2588).
const BLOCKS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
/// Each block of the strip stands for this many decibels below the loudest moment.
const DECIBELS: f64 = 5.0;

/// A recording and what was heard in it. All times stand on the call's axis.
#[derive(Debug, Clone, PartialEq)]
pub struct HeardReport {
    /// The file, or the call of a store.
    pub name: String,
    /// Length of the recording.
    pub lasted: Duration,
    /// When a 2xx arrived; `None` if none did.
    pub answered: Option<CallTime>,
    /// When the agent-wait clock started; `None` if no agent was requested.
    pub requested: Option<CallTime>,
    /// What the times above rest on, in plain words; empty if the record of the call tells them.
    pub assumed: String,
    /// What was heard.
    pub hearing: Hearing,
    /// The words, if they were read.
    pub transcript: Option<Transcript>,
    /// The shape of what was received; [`Envelope::fine`] keeps short segments apart.
    pub envelope: Envelope,
}

impl HeardReport {
    /// From the request to the onset, if there are both.
    pub fn wait(&self) -> Option<Duration> {
        Some(self.hearing.onset.as_ref()?.at.saturating_since(self.requested?))
    }

    /// Words of the far end that stand in segment `number` more than in any other one.
    fn words_in(&self, number: usize) -> impl Iterator<Item = &Utterance> {
        let utterances = self.transcript.iter().flat_map(|t| &t.utterances);
        let place = |said: &Utterance| {
            let segments = self.hearing.segments.iter().enumerate();
            segments.max_by_key(|(_, s)| s.span.overlap(said.span)).map(|(n, _)| n)
        };
        utterances.filter(move |u| u.party == Party::FarEnd && place(u) == Some(number))
    }

    /// The loudest moments of `span` in `STRIP` columns.
    fn strip(&self, span: Span) -> String {
        let peaks = &self.envelope.received;
        let loudest = f64::from(peaks.iter().copied().max().unwrap_or(0).max(1));
        let step = span.duration().div_f64(STRIP as f64);
        let bucket = |at: CallTime| {
            let since = at.saturating_since(self.envelope.starts_at).as_secs_f64();
            (since / self.envelope.bucket().as_secs_f64()) as usize
        };
        (0..STRIP as u32)
            .map(|n| {
                let from = bucket(span.start + step * n).min(peaks.len());
                let to = bucket(span.start + step * (n + 1)).max(from + 1).min(peaks.len());
                let peak = peaks[from..to].iter().copied().max().unwrap_or(0);
                let below = 20.0 * (loudest / f64::from(peak).max(0.1)).log10() / DECIBELS;
                BLOCKS[BLOCKS.len() - 1 - (below as usize).min(BLOCKS.len() - 1)]
            })
            .collect()
    }
}

/// Sets `report` as text, ending with a line feed; no line is wider than `style` allows, except for long words.
pub fn heard(report: &HeardReport, style: Style) -> String {
    let mut page = Page { style, text: String::new() };
    page.heading(report);
    page.segments(report);
    page.onset(report);
    page.rest(report);
    page.text
}

/// Prints `report` as indented JSON, ending with a line feed. Times are seconds as numbers on the call's axis.
///
/// # Errors
/// [`ReportError::Json`] if the printer fails, which no input is known to do.
pub fn heard_json(report: &HeardReport) -> Result<String, ReportError> {
    let hearing = &report.hearing;
    let value = object!({
        "schema": SCHEMA,
        "name": report.name,
        "lasted": secs(report.lasted),
        "answered_at": report.answered.map(CallTime::as_secs_f64),
        "requested_at": report.requested.map(CallTime::as_secs_f64),
        "assumed": report.assumed,
        "other_calls": hearing.other_calls,
        "reached": hearing.reached,
        "wait": report.wait().map(secs),
        "onset": hearing.onset.as_ref().map(|onset| object!({
            "at": onset.at.as_secs_f64(),
            "within": secs(onset.within),
            "evidence": onset.evidence,
            "confirm": review(onset).map(|(why, _)| why),
            "listen": review(onset).map(|(_, listen)| pair(listen)),
        })),
        "segments": hearing.segments.iter().map(segment).collect::<Vec<_>>(),
        "passages": hearing.passages.iter().map(passage).collect::<Vec<_>>(),
        "words": report.transcript.as_ref().map(|t| t.utterances.iter().map(|u| object!({
            "party": u.party,
            "start": u.span.start.as_secs_f64(),
            "end": u.span.end.as_secs_f64(),
            "text": u.text,
            "uncertain": u.uncertain(),
        })).collect::<Vec<_>>()),
    });
    let mut text = serde_json::to_string_pretty(&value)
        .map_err(|source| ReportError::Json { name: report.name.clone(), source })?;
    text.push('\n');
    Ok(text)
}

fn review(onset: &AgentOnset) -> Option<(&str, Span)> {
    match &onset.acceptance {
        Acceptance::Accepted => None,
        Acceptance::Review { why, listen } => Some((why, *listen)),
    }
}

struct Page {
    style: Style,
    text: String,
}

impl Page {
    fn line(&mut self, line: &str) {
        self.text.push_str(line.trim_end());
        self.text.push('\n');
    }

    /// A named paragraph: the name in a column of its own.
    fn named(&mut self, name: &str, text: &str) {
        for (n, line) in
            wrap(text, &format!("{name:<9}"), "         ", self.style.columns).iter().enumerate()
        {
            let line = if n == 0 && !name.is_empty() {
                line.replacen(name, &self.style.bold(name), 1)
            } else {
                line.clone()
            };
            self.line(&line);
        }
    }

    fn heading(&mut self, report: &HeardReport) {
        let at = |at: Option<CallTime>, never: &str| {
            at.map_or(never.to_owned(), |at| format!("at {:.1} s", at.as_secs_f64()))
        };
        let title = self.style.bold(&report.name);
        self.line(&format!("{title} · {:.1} s", report.lasted.as_secs_f64()));
        let (answered, asked) = (at(report.answered, "never"), at(report.requested, "never"));
        let mut text = format!("answered {answered}, agent asked for {asked}");
        if !report.assumed.is_empty() {
            let _ = write!(text, " ({})", report.assumed);
        }
        self.named("", &text);
        let others = counted(report.hearing.other_calls as usize, "other call");
        self.named("library", &format!("{others} of the center"));
        self.text.push('\n');
    }

    fn segments(&mut self, report: &HeardReport) {
        let head = format!(
            "{:>7}  {:>7}  {:STRIP$}  {:19} {:>5} {:>4}  why",
            "from", "to", "level", "what", "sure", "rec."
        );
        let head = self.style.dim(&head);
        self.line(&head);
        for (number, segment) in report.hearing.segments.iter().enumerate() {
            self.segment(report, segment);
            self.words(report, number);
        }
        self.text.push('\n');
    }

    fn segment(&mut self, report: &HeardReport, segment: &Segment) {
        let Span { start, end } = segment.span;
        let (kind, _) = sound(segment.kind);
        let kind = cut_to(kind, 19);
        let lead = format!(
            "{:>7.2}  {:>7.2}  {}  {kind:19} {:>3.0} % {:>4}  ",
            start.as_secs_f64(),
            end.as_secs_f64(),
            report.strip(segment.span),
            f64::from(segment.probability) * 100.0,
            segment.prompt.map_or(String::new(), |n| format!("#{n}")),
        );
        let lines = wrap(&segment.because, &lead, &" ".repeat(REASON_AT), self.style.columns);
        for (n, line) in lines.iter().enumerate() {
            let line = match segment.kind {
                SegmentKind::Agent if n == 0 => line.replacen(&kind, &self.style.bold(&kind), 1),
                SegmentKind::Silence => self.style.dim(line.trim_end()),
                _ => line.clone(),
            };
            self.line(&line);
        }
    }

    fn words(&mut self, report: &HeardReport, number: usize) {
        for said in report.words_in(number) {
            let doubt = if said.uncertain() { " (unsure)" } else { "" };
            let text = format!("{}{doubt}", quoted(said.text.trim()));
            let first = format!("{:>7.2}  ", said.span.start.as_secs_f64());
            let indent = " ".repeat(first.width() + 9);
            let first = format!("{}{first}", " ".repeat(9));
            for line in wrap(&text, &first, &indent, self.style.columns) {
                self.line(&line);
            }
        }
    }

    fn onset(&mut self, report: &HeardReport) {
        let Some(onset) = &report.hearing.onset else {
            let why = if report.requested.is_none() || report.answered.is_none() {
                "not looked for: nobody answered, or no agent was asked for"
            } else {
                "none was heard"
            };
            self.named("agent", why);
            return;
        };
        let off = margin(onset.within);
        let mut text = format!("first heard at {:.2} s ± {off}", onset.at.as_secs_f64());
        if let Some(wait) = report.wait() {
            let _ = write!(text, ": a wait of {} ± {off}", seconds(wait));
        }
        self.named("agent", &text);
        for piece in &onset.evidence {
            self.named("", &format!("· {piece}"));
        }
        match review(onset) {
            None => self.named("", "accepted: no person has to listen"),
            Some((why, listen)) => {
                let text = format!("to be confirmed by ear, listen to {}: {why}", stretch(listen));
                for line in wrap(&text, "       ? ", "         ", self.style.columns) {
                    let line = self.style.yellow(&line);
                    self.line(&line);
                }
            }
        }
    }

    fn rest(&mut self, report: &HeardReport) {
        if let Some(who) = report.hearing.reached {
            self.named("reached", reached(who));
        }
        if report.hearing.passages.is_empty() {
            return;
        }
        self.named("waited", &interruptions(&report.hearing.passages).join(", "));
        for item in &report.hearing.passages {
            let (kind, length) = (passage_word(item.kind), seconds(item.span.duration()));
            self.named("", &format!("{kind} of {length} at {}", stretch(item.span)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ids::ContentHash;
    use crate::domain::segment::{Passage, PassageKind, Reached};
    use crate::domain::transcript::Language;

    fn at(secs: f64) -> CallTime {
        CallTime::from_secs_f64(secs)
    }

    fn span(from: f64, to: f64) -> Span {
        Span::new(at(from), at(to))
    }

    fn sample() -> HeardReport {
        let segment = |from, to, kind, probability, because: &str| Segment {
            span: span(from, to),
            kind,
            probability,
            prompt: (kind == SegmentKind::Ivr).then_some(12),
            because: because.to_owned(),
        };
        let because =
            "a recording of the center, heard in 3 other calls before any agent was asked for";
        let segments = vec![
            segment(0.0, 0.4, SegmentKind::Silence, 1.0, "nothing above the floor"),
            segment(0.4, 9.0, SegmentKind::Ivr, 0.99, because),
            segment(9.0, 14.0, SegmentKind::QueueMusic, 0.81, "music after the request"),
            segment(14.0, 20.0, SegmentKind::Agent, 0.936, "a voice that no other call repeats"),
            segment(20.0, 26.0, SegmentKind::Hold, 0.7, "music after the agent"),
            segment(26.0, 30.0, SegmentKind::UnknownVoice, 0.5, "a voice that could be either"),
        ];
        let received: Vec<i16> =
            (0..240_000).map(|n| if n < 3_200 { 20 } else { (n % 200 * 100) as i16 }).collect();
        HeardReport {
            name: "call.wav".to_owned(),
            lasted: Duration::from_secs(30),
            answered: Some(at(0.0)),
            requested: Some(at(9.0)),
            assumed: "the answer is taken to be at 0 s".to_owned(),
            hearing: Hearing {
                segments,
                onset: Some(AgentOnset {
                    at: at(14.02),
                    within: Duration::from_millis(150),
                    evidence: vec![
                        "no recording of 3 other calls matches".to_owned(),
                        "the words `상담사`".to_owned(),
                    ],
                    acceptance: Acceptance::Review {
                        why: "only the sound speaks for a person".to_owned(),
                        listen: span(10.0, 20.0),
                    },
                }),
                voiced: Vec::new(),
                other_calls: 3,
                reached: Some(Reached::Human),
                passages: vec![Passage { kind: PassageKind::Hold, span: span(20.0, 26.0) }],
            },
            transcript: Some(Transcript {
                model: ContentHash::from_bytes(&[0; 32]),
                language: Language::Ko,
                utterances: vec![Utterance {
                    party: Party::FarEnd,
                    span: span(14.1, 19.0),
                    text: "안녕하십니까, 한빛카드 상담사 김민지입니다.".to_owned(),
                    words: Vec::new(),
                    mean_log_probability: -0.9,
                }],
                dropped: 0,
            }),
            envelope: Envelope::fine(&received, CallTime::ZERO),
        }
    }

    #[test]
    fn a_recording_is_explained_line_by_line_within_100_columns() {
        let text = heard(&sample(), Style::PLAIN);
        assert!(text.lines().all(|line| line.width() <= 100), "{text}");
        insta::assert_snapshot!(text);
    }

    #[test]
    fn json_has_the_wait_of_5_02_s_its_margin_and_where_to_listen() {
        let text = heard_json(&sample()).unwrap();
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(value["schema"], SCHEMA);
        assert_eq!(value["wait"], 5.02);
        assert_eq!(value["onset"]["within"], 0.15);
        assert_eq!(value["onset"]["listen"], object!([10.0, 20.0]));
        assert_eq!(value["segments"][3]["probability"], 0.936);
        assert_eq!(value["passages"][0]["seconds"], 6.0);
        assert_eq!(value["words"][0]["uncertain"], true);
    }

    #[test]
    fn without_a_request_no_agent_is_looked_for_and_the_text_says_so() {
        let mut report = sample();
        report.hearing.onset = None;
        report.requested = None;
        assert!(heard(&report, Style::PLAIN).contains("agent    not looked for"));
        report.requested = Some(at(9.0));
        assert!(heard(&report, Style::PLAIN).contains("agent    none was heard"));
    }

    #[test]
    fn a_level_strip_shows_quiet_as_low_and_a_full_moment_as_high_blocks() {
        let report = sample();
        assert_eq!(report.strip(span(0.0, 0.4)), "▁▁▁▁▁▁▁▁");
        assert_eq!(report.strip(span(1.0, 9.0)), "████████");
        assert_eq!(report.strip(span(40.0, 50.0)).chars().count(), STRIP);
    }
}
