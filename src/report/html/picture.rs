//! Pictures as inline SVG: a call's time line and a center's waits. Enters: a call or a center. Leaves: markup whose
//! every part has a title, so that it can be read without seeing the colours.

use super::scale::{Scale, px};
use crate::domain::facts::AgentWait;
use crate::domain::segment::{Passage, Segment, SegmentKind};
use crate::domain::time::{CallTime, Span};
use crate::domain::timeline::{EventKind, SipStatus};
use crate::report::audio::Envelope;
use crate::report::model::{CallReport, CenterReport, TrueWait};
use crate::report::words::{
    WAIT_LIMIT, margin, passage, seconds, short_unit, sound, true_wait, wait,
};
use maud::{Markup, html};
use std::fmt::Write as _;

const WIDTH: f64 = 960.0;
const LEFT: f64 = 76.0;
const RIGHT: f64 = 16.0;
/// Rows from the top: two rows of flags, the lanes of the line and of our side, the envelope, what was heard in it, holds
/// and transfers, the axis.
const FLAG_ROW: f64 = 15.0;
const FLAG_STEP: f64 = 18.0;
const LANES_AT: f64 = 52.0;
const LANE: f64 = 24.0;
const LANE_STEP: f64 = 30.0;
const WAVE_AT: f64 = LANES_AT + 2.0 * LANE_STEP + 26.0;
const WAVE_HALF: f64 = 22.0;
const PASSAGE_STEP: f64 = 22.0;
/// A band is never thinner than this, so that a sure onset is still seen.
const BAND_LEAST: f64 = 3.0;
/// Opacity of what is not probable at all; a probability of 1 is opaque.
const FAINTEST: f32 = 0.25;
/// Below this probability a label says how probable.
const SURE_FROM: f32 = 0.9;
/// Pixels of a letter of a label, roughly: only to leave out labels that would not fit.
const LETTER: f64 = 6.4;
const SYLLABLE: f64 = 11.0;

/// The time line of the pictured attempt, or nothing if nothing happened in it.
pub(super) fn timeline(call: &CallReport, id: &str) -> Option<Markup> {
    let end = last_moment(call)?;
    let scale = Scale::new(LEFT, WIDTH - LEFT - RIGHT, end.as_secs_f64() * 1.01);
    let rows = Rows::of(call);
    let (height, foot) = (rows.foot + 20.0, rows.foot);
    let flags = flags(call, scale);
    let (title, described) = (format!("{id}-title"), format!("{id}-text"));
    Some(html! {
        svg.timeline viewBox=(format!("0 0 {WIDTH} {height}")) role="img"
            aria-labelledby=(format!("{title} {described}")) {
            title id=(title) { "Time line of call " (call.unit) }
            desc id=(described) { (description(call, end)) }
            (axis(scale, LANES_AT - 6.0, foot))
            (waiting(call, scale, end, rows))
            (onset_band(call, scale, foot))
            (poles(&flags, foot))
            (lane(lane_top(0), "line")) (lane(lane_top(1), "we")) (lane(rows.heard, "heard"))
            (line_bars(call, scale, end))
            (our_side(call, scale))
            @if let Some(shape) = &call.envelope { (envelope(shape, scale)) }
            @for segment in &call.segments { (segment_bar(segment, scale, rows.heard)) }
            @if let Some(y) = rows.passages { (passages(&call.passages, scale, y)) }
            (pennants(&flags))
        }
    })
}

/// The kinds of sound in the picture of a call, each with its colour, and how sureness is shown.
pub(super) fn kinds(call: &CallReport) -> Option<Markup> {
    let heard = call.segments.iter().map(|s| s.kind).filter(|k| *k != SegmentKind::Silence);
    let kinds: std::collections::BTreeSet<SegmentKind> = heard.collect();
    let swatch = |class: &str, opacity: f32| {
        html! {
            svg viewBox="0 0 14 14" {
                g class=(format!("bar {class}")) {
                    rect width="14" height="14" rx="2" fill-opacity=(opacity) {}
                }
            }
        }
    };
    (!kinds.is_empty()).then(|| {
        html! {
            ul.legend.kinds aria-hidden="true" {
                @for (label, class) in kinds.into_iter().map(sound) {
                    li { (swatch(class, 1.0)) (label) }
                }
                @if call.segments.iter().any(|s| s.probability < SURE_FROM) {
                    li { (swatch("agent", opacity(0.2))) "the paler, the less sure" }
                }
                @if call.onset_interval().is_some() {
                    li {
                        svg viewBox="0 0 14 14" { rect.onset-band x="3" width="8" height="14" {} }
                        "where the agent’s first word may lie"
                    }
                }
            }
        }
    })
}

/// Where the rows of a call's picture stand: not every call has a recording or was kept waiting again.
#[derive(Debug, Clone, Copy)]
struct Rows {
    /// Top of the lane of what was heard.
    heard: f64,
    /// Top of the row of holds and transfers, if there are any.
    passages: Option<f64>,
    /// The axis.
    foot: f64,
}

impl Rows {
    fn of(call: &CallReport) -> Self {
        let heard = match call.envelope {
            Some(_) => WAVE_AT + WAVE_HALF + 8.0,
            None => lane_top(2),
        };
        let below = heard + LANE_STEP;
        let passages = (!call.passages.is_empty()).then_some(below);
        Self { heard, passages, foot: below + passages.map_or(0.0, |_| PASSAGE_STEP) }
    }
}

fn last_moment(call: &CallReport) -> Option<CallTime> {
    let events = call.events.iter().map(|e| e.at);
    let segments = call.segments.iter().map(|s| s.span.end);
    events.chain(segments).max()
}

fn description(call: &CallReport, end: CallTime) -> String {
    let mut parts = vec![format!("The call lasted {end}.")];
    if let Some(claimed) = call.claimed_by_answer() {
        parts.push(format!("The line was opened after {}.", seconds(claimed)));
    }
    let (request, onset) = call.request_and_onset();
    if let Some(request) = request {
        parts.push(format!("An agent was asked for at {request}."));
    }
    match (onset, call.pictured_attempt().map(|a| &a.wait)) {
        (Some(onset), Some(AgentWait::Connected { within, .. })) => {
            parts.push(format!("An agent spoke at {onset} ± {}.", margin(*within)));
        }
        _ => parts.push("No agent was heard.".to_owned()),
    }
    parts.extend(call.passages.iter().map(|p| {
        let (kind, length) = (passage(p.kind), seconds(p.span.duration()));
        format!("A {kind} of {length} began at {}.", p.span.start)
    }));
    parts.join(" ")
}

fn axis(scale: Scale, top: f64, foot: f64) -> Markup {
    html! {
        g.axis {
            @for mark in scale.marks() {
                @let x = px(scale.x(mark));
                line x1=(x) x2=(x) y1=(px(top)) y2=(px(foot)) {}
                text x=(x) y=(px(foot + 14.0)) text-anchor="middle" { (mark) }
            }
            text x=(px(LEFT - 10.0)) y=(px(foot + 14.0)) text-anchor="end" { "seconds" }
        }
    }
}

fn lane_top(row: usize) -> f64 {
    LANES_AT + row as f64 * LANE_STEP
}

fn lane(top: f64, name: &str) -> Markup {
    let y = top + LANE / 2.0 + 4.0;
    html! { text.lane x=(px(LEFT - 10.0)) y=(px(y)) text-anchor="end" { (name) } }
}

/// `label`, or its beginning with an ellipsis; `None` if not even three letters fit in `width` pixels.
fn shortened(label: &str, width: f64) -> Option<String> {
    let pixels = |c: char| if c.is_ascii() { LETTER } else { SYLLABLE };
    if label.chars().map(pixels).sum::<f64>() <= width {
        return Some(label.to_owned());
    }
    let mut left = width - LETTER;
    let fits = |c: &char| {
        left -= pixels(*c);
        left >= 0.0
    };
    let kept: String = label.chars().take_while(fits).collect();
    (kept.chars().count() >= 3).then(|| format!("{}…", kept.trim_end()))
}

/// How opaque a stretch of this probability is.
fn opacity(probability: f32) -> f32 {
    let opacity = FAINTEST + (1.0 - FAINTEST) * probability.clamp(0.0, 1.0);
    (opacity * 100.0).round() / 100.0
}

/// What a bar says, and how it looks.
#[derive(Debug, Clone, Copy)]
struct Look<'a> {
    class: &'a str,
    label: &'a str,
    title: &'a str,
    /// Shown by opacity where it is below 1.
    probability: f32,
}

impl<'a> Look<'a> {
    fn sure(class: &'a str, label: &'a str, title: &'a str) -> Self {
        Self { class, label, title, probability: 1.0 }
    }
}

/// A bar with a title, and with its label if that fits.
fn bar(y: f64, span: Span, scale: Scale, look: Look<'_>) -> Markup {
    let (from, to) = (scale.x(span.start.as_secs_f64()), scale.x(span.end.as_secs_f64()));
    let width = (to - from).max(1.5);
    let label = shortened(look.label, width - 8.0);
    let opacity = (look.probability < 1.0).then(|| opacity(look.probability));
    html! {
        g class=(format!("bar {}", look.class)) {
            title { (look.title) }
            rect x=(px(from)) y=(px(y)) width=(px(width)) height=(px(LANE)) rx="3"
                fill-opacity=[opacity] {}
            @if let Some(label) = label {
                text x=(px(from + width / 2.0)) y=(px(y + LANE / 2.0 + 4.0)) text-anchor="middle" {
                    (label)
                }
            }
        }
    }
}

/// The waiting time behind all lanes: from the request to the agent, or to the end.
fn waiting(call: &CallReport, scale: Scale, end: CallTime, rows: Rows) -> Markup {
    let (Some(request), onset) = call.request_and_onset() else { return html! {} };
    let span = Span::new(request, onset.unwrap_or(end));
    let (from, to) = (scale.x(request.as_secs_f64()), scale.x(span.end.as_secs_f64()));
    html! {
        rect.waiting x=(px(from)) y=(px(LANES_AT - 6.0)) width=(px(to - from))
            height=(px(rows.heard + LANE_STEP - LANES_AT)) {
            title { "Waiting for an agent: " (seconds(span.duration())) }
        }
    }
}

/// The interval in which the agent's first word lies, over all lanes.
fn onset_band(call: &CallReport, scale: Scale, foot: f64) -> Markup {
    let Some(interval) = call.onset_interval() else { return html! {} };
    let Span { start, end } = interval;
    let (from, to) = (scale.x(start.as_secs_f64()), scale.x(end.as_secs_f64()));
    let width = (to - from).max(BAND_LEAST);
    html! {
        rect.onset-band x=(px(f64::midpoint(from, to) - width / 2.0)) y=(px(LANES_AT - 6.0))
            width=(px(width)) height=(px(foot - LANES_AT + 6.0)) {
            title { "The agent’s first word lies between " (start) " and " (end) }
        }
    }
}

/// Holds and transfers: a bracket with what it was and how long.
fn passages(passages: &[Passage], scale: Scale, y: f64) -> Markup {
    html! {
        @for item in passages {
            @let Span { start, end } = item.span;
            @let (from, to) = (scale.x(start.as_secs_f64()), scale.x(end.as_secs_f64()));
            @let label = format!("{} {}", passage(item.kind), seconds(item.span.duration()));
            g class=(format!("passage {}", passage(item.kind))) {
                title { (label) ", " (start) " to " (end) }
                path d=(format!("M{} {} v5 H{} v-5", px(from), px(y - 3.0), px(to.max(from + 2.0)))) {}
                text x=(px(f64::midpoint(from, to))) y=(px(y + 14.0)) text-anchor="middle" { (label) }
            }
        }
    }
}

/// The line as signalling tells it: set-up, ringing, open.
fn line_bars(call: &CallReport, scale: Scale, end: CallTime) -> Markup {
    let mut phases: Vec<(CallTime, &str, &str, String)> = Vec::new();
    let (mut ringing, mut over) = (false, end);
    for event in &call.events {
        match &event.kind {
            EventKind::InviteSent { .. } => {
                phases.push((event.at, "setup", "set-up", "INVITE sent".to_owned()));
            }
            EventKind::Provisional {
                status: SipStatus { code: code @ 180..=189, phrase }, ..
            } if !ringing => {
                ringing = true;
                phases.push((event.at, "ring", "ringing", format!("{code} {phrase}")));
            }
            EventKind::Answered { status } => {
                let title = format!("{} {}: line open", status.code, status.phrase);
                phases.push((event.at, "open", "line open (200 OK)", title));
            }
            EventKind::Bye { .. } | EventKind::Refused { .. } | EventKind::CancelSent => {
                over = over.min(event.at);
            }
            _ => {}
        }
    }
    let ends = phases.iter().skip(1).map(|p| p.0).chain([over]).collect::<Vec<_>>();
    html! {
        @for ((start, class, label, title), end) in phases.iter().zip(ends) {
            @let span = Span::new(*start, end);
            (bar(lane_top(0), span, scale, Look::sure(class, label, &format!("{title}, {start} to {end}"))))
        }
    }
}

fn segment_bar(segment: &Segment, scale: Scale, y: f64) -> Markup {
    if segment.kind == SegmentKind::Silence {
        return html! {};
    }
    let (word, class) = sound(segment.kind);
    let Span { start, end } = segment.span;
    let percent = (segment.probability * 100.0).round();
    let prompt = segment.prompt.map_or(String::new(), |n| format!(", recording {n}"));
    let title = format!("{word}{prompt}, {start} to {end}, {percent} % sure: {}", segment.because);
    let unsure = segment.probability < SURE_FROM;
    let label = if unsure { format!("{word} {percent} %") } else { word.to_owned() };
    let look = Look { class, label: &label, title: &title, probability: segment.probability };
    bar(y, segment.span, scale, look)
}

/// What our caller did: lines and keys.
fn our_side(call: &CallReport, scale: Scale) -> Markup {
    html! {
        @for event in &call.events {
            @match &event.kind {
                EventKind::Said { text, end, .. } => {
                    @let span = Span::new(event.at, *end);
                    @let title = format!("We said at {}: {text}", event.at);
                    (bar(lane_top(1), span, scale, Look::sure("ours", text, &title)))
                }
                EventKind::DigitSent { digit, end, requests_agent } => {
                    @let key = digit.map_or('•', crate::domain::digit::Digit::key);
                    @let asks = if *requests_agent { ", asks for an agent" } else { "" };
                    @let x = scale.x(end.as_secs_f64());
                    @let y = lane_top(1) + LANE / 2.0;
                    g.key {
                        title { "Key " (key) " until " (end) (asks) }
                        circle cx=(px(x)) cy=(px(y)) r="10" {}
                        text x=(px(x)) y=(px(y + 4.0)) text-anchor="middle" { (key) }
                    }
                }
                _ => {}
            }
        }
    }
}

/// The recording's shape: theirs above the middle, ours below.
fn envelope(shape: &Envelope, scale: Scale) -> Markup {
    let loudest =
        shape.received.iter().chain(&shape.sent).max().map_or(1.0, |p| f64::from(*p).max(1.0));
    let outline = |peaks: &[u8], direction: f64| {
        let mut path = String::new();
        for (n, peak) in peaks.iter().enumerate() {
            if *peak == 0 {
                continue;
            }
            let at = shape.starts_at + shape.bucket() * n as u32;
            let (x, y) = (px(scale.x(at.as_secs_f64())), f64::from(*peak) / loudest * WAVE_HALF);
            let _ = write!(path, "M{x} {} V{} ", px(WAVE_AT), px(WAVE_AT - direction * y));
        }
        path
    };
    html! {
        g.wave {
            title { "Loudness against the loudest moment: the center above the line, our caller below" }
            line x1=(px(LEFT)) x2=(px(scale.right())) y1=(px(WAVE_AT)) y2=(px(WAVE_AT)) {}
            path.theirs d=(outline(&shape.received, 1.0)) {}
            path.ours d=(outline(&shape.sent, -1.0)) {}
        }
    }
}

/// A moment that counts, and where its flag stands.
struct Flag {
    at: CallTime,
    class: &'static str,
    label: String,
    x: f64,
    /// Baseline of the label.
    y: f64,
    /// Whether the label stands left of the pole, because it would leave the picture on the right.
    leftward: bool,
}

/// The moments that count, in two rows, so that close ones do not cover each other.
fn flags(call: &CallReport, scale: Scale) -> Vec<Flag> {
    let (request, _) = call.request_and_onset();
    let end = last_moment(call).unwrap_or_default();
    let mut moments: Vec<(CallTime, &str, String)> = Vec::new();
    if let Some(answer) = call.events.iter().find(|e| matches!(e.kind, EventKind::Answered { .. }))
    {
        moments.push((answer.at, "claim", "200 OK".to_owned()));
    }
    if let Some(request) = request {
        moments.push((request, "request", "agent asked for".to_owned()));
        if request + WAIT_LIMIT < end {
            moments.push((request + WAIT_LIMIT, "limit", "20 s limit".to_owned()));
        }
    }
    if let Some(AgentWait::Connected { onset, .. }) = call.pictured_attempt().map(|a| &a.wait) {
        let waited = wait(call.pictured_attempt().map(|a| &a.wait));
        moments.push((*onset, "onset", format!("agent speaks, {waited}")));
    }
    moments.sort_by_key(|m| m.0);
    let mut taken = [0.0f64; 2];
    let place = |(at, class, label): (CallTime, &'static str, String)| {
        let x = scale.x(at.as_secs_f64());
        let width = label.chars().count() as f64 * LETTER + 12.0;
        let leftward = x + width > WIDTH;
        let left = if leftward { x - width } else { x };
        let row = usize::from(taken[0] > left);
        taken[row] = left + width;
        Flag { at, class, label, x, y: FLAG_ROW + row as f64 * FLAG_STEP, leftward }
    };
    moments.into_iter().map(place).collect()
}

/// The poles stand behind the bars, so that they cross no label.
fn poles(flags: &[Flag], foot: f64) -> Markup {
    html! {
        @for flag in flags {
            g class=(format!("flag {}", flag.class)) {
                line x1=(px(flag.x)) x2=(px(flag.x)) y1=(px(flag.y + 4.0)) y2=(px(foot)) {}
            }
        }
    }
}

fn pennants(flags: &[Flag]) -> Markup {
    html! {
        @for flag in flags {
            g class=(format!("flag {}", flag.class)) {
                title { (flag.label) " at " (flag.at) }
                @if flag.leftward {
                    text x=(px(flag.x - 4.0)) y=(px(flag.y)) text-anchor="end" { (flag.label) }
                } @else {
                    text x=(px(flag.x)) y=(px(flag.y)) { (flag.label) }
                }
            }
        }
    }
}

/// Height of a call's row in the chart of waits, and where there are many.
const ROW: f64 = 26.0;
const DENSE_ROW: f64 = 12.0;
/// More calls than this stand in dense rows.
const MANY: usize = 24;
const CHART_LEFT: f64 = 84.0;
const CHART_WIDTH: f64 = 620.0;
const CHART_TOP: f64 = 26.0;

/// The waits of a center's calls, one row each: measured, true where known, and what "200 OK" would claim.
pub(super) fn waits(center: &CenterReport) -> Option<Markup> {
    let counts = |c: &&CallReport| c.excluded.is_none() && c.wait().is_some();
    let rows: Vec<&CallReport> = center.calls.iter().filter(counts).collect();
    let longest = rows.iter().filter_map(|c| match c.wait() {
        Some(AgentWait::NeverConnected { waited, .. }) => Some(waited.as_secs_f64()),
        other => other.and_then(AgentWait::connected).map(|w| w.as_secs_f64()),
    });
    let longest = longest.reduce(f64::max)?.max(WAIT_LIMIT.as_secs_f64() * 1.15) * 1.04;
    let scale = Scale::new(CHART_LEFT, CHART_WIDTH - CHART_LEFT - 16.0, longest);
    let dense = rows.len() > MANY;
    let row = if dense { DENSE_ROW } else { ROW };
    let foot = CHART_TOP + rows.len() as f64 * row;
    let limit = px(scale.x(WAIT_LIMIT.as_secs_f64()));
    Some(html! {
        svg.waits.many[dense] viewBox=(format!("0 0 {CHART_WIDTH} {}", foot + 22.0)) role="img"
            aria-label=(format!("Agent waits of {}", center.name)) {
            (axis_of_waits(scale, foot))
            g.flag.limit {
                title { "The limit: 20 s from the request" }
                line x1=(limit) x2=(limit) y1=(px(CHART_TOP - 8.0)) y2=(px(foot)) {}
                text x=(limit) y=(px(CHART_TOP - 12.0)) text-anchor="middle" { "20 s limit" }
            }
            @for (n, call) in rows.iter().enumerate() {
                (wait_row(center, call, scale, CHART_TOP + (n as f64 + 0.5) * row))
            }
        }
    })
}

fn axis_of_waits(scale: Scale, foot: f64) -> Markup {
    html! {
        g.axis {
            @for mark in scale.marks() {
                @let x = px(scale.x(mark));
                line x1=(x) x2=(x) y1=(px(CHART_TOP)) y2=(px(foot)) {}
                text x=(x) y=(px(foot + 15.0)) text-anchor="middle" { (mark) }
            }
            text x=(px(CHART_LEFT - 10.0)) y=(px(foot + 15.0)) text-anchor="end" { "seconds" }
        }
    }
}

fn wait_row(center: &CenterReport, call: &CallReport, scale: Scale, y: f64) -> Markup {
    let (waited, connected) = match call.wait() {
        Some(AgentWait::NeverConnected { waited, .. }) => (Some(*waited), false),
        other => (other.and_then(AgentWait::connected), true),
    };
    let within = match call.wait() {
        Some(AgentWait::Connected { within, .. }) => within.as_secs_f64(),
        _ => 0.0,
    };
    let claimed = call.claimed_by_answer();
    let mut title = format!("{}: measured {}", short_unit(center, call), wait(call.wait()));
    if call.truth.is_some() {
        let _ = write!(title, ", true {}", true_wait(call.truth));
    }
    if let Some(claimed) = claimed {
        let _ = write!(title, ", 200 OK after {}", seconds(claimed));
    }
    let cy = px(y);
    html! {
        g.wait-row {
            title { (title) }
            text.lane x=(px(CHART_LEFT - 10.0)) y=(px(y + 4.0)) text-anchor="end" {
                (short_unit(center, call))
            }
            @if let Some(waited) = waited {
                @let x = px(scale.x(waited.as_secs_f64()));
                line.stem x1=(px(scale.x(0.0))) x2=(x) y1=(cy) y2=(cy) {}
                @if connected {
                    @let measured = waited.as_secs_f64();
                    line.within x1=(px(scale.x((measured - within).max(0.0))))
                        x2=(px(scale.x(measured + within))) y1=(cy) y2=(cy) {}
                    circle.measured cx=(x) cy=(cy) r="5.5" {}
                } @else {
                    path.never d=(format!("M{x} {} l6 6 l-6 6", px(y - 6.0))) {}
                }
            } @else {
                text.none x=(px(scale.x(0.0) + 8.0)) y=(px(y + 4.0)) { "no agent asked for" }
            }
            @if let Some(TrueWait::Connected(truth)) = call.truth {
                @let x = px(scale.x(truth.as_secs_f64()));
                line.truth x1=(x) x2=(x) y1=(px(y - 9.0)) y2=(px(y + 9.0)) {}
            }
            @if let Some(claimed) = claimed {
                circle.claimed cx=(px(scale.x(claimed.as_secs_f64()))) cy=(cy) r="4.5" {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_surely_so_is_opaque_and_what_is_hardly_so_stays_visible() {
        let shown = [1.0, 0.5, 0.0, 2.0].map(|p| opacity(p).to_string());
        assert_eq!(shown, ["1", "0.63", "0.25", "1"]);
    }

    #[test]
    fn a_label_is_cut_to_what_fits_and_left_out_below_three_letters() {
        assert_eq!(shortened("agent", 32.0).as_deref(), Some("agent"));
        assert_eq!(shortened("카드를 잃어버렸는데", 60.0).as_deref(), Some("카드를 잃…"));
        assert_eq!(shortened("queue music", 20.0), None);
    }
}
