//! One call of the page: what became of it, its picture, its verdicts, its words and its events.
//! Enters: a call. Leaves: markup.

use super::picture;
use crate::domain::record::AttemptOutcome;
use crate::domain::time::Span;
use crate::domain::timeline::Party;
use crate::domain::verdict::{Judge, Judgment, Verdict};
use crate::report::model::{AttemptReport, CallReport, CampaignReport, CenterReport, EvidenceClip};
use crate::report::words::{
    counted, ending, event, gist, interruptions, listed, onset_evidence, outcome, quoted, reached,
    seconds, short_unit, stretch, to_confirm, true_wait, wait, wall,
};
use base64::Engine as _;
use maud::{Markup, html};

/// The anchor of a call on the page.
pub(super) fn anchor(call: &CallReport) -> String {
    format!("call-{}", call.unit)
}

/// The section of one call.
pub(super) fn call(report: &CampaignReport, center: &CenterReport, call: &CallReport) -> Markup {
    let anchor = anchor(call);
    html! {
        article.call.excluded[call.excluded.is_some()] id=(anchor) aria-labelledby=(format!("{anchor}-head")) {
            header {
                h3 id=(format!("{anchor}-head")) title=(call.unit) { (short_unit(center, call)) }
                p.gist { (gist(call)) }
            }
            @if call.attempts.is_empty() {
                p.quiet { "This call has not been made yet." }
            } @else {
                (three_accounts(call))
                @if let Some(svg) = picture::timeline(call, &anchor) {
                    figure.wide tabindex="0" aria-label="Time line, scrolls sideways" {
                        (svg)
                        @if let Some(legend) = picture::kinds(call) { (legend) }
                    }
                }
                @if !call.judgments.is_empty() { (judgments(report, call)) }
                (attempts(report, call))
                @if !call.turns.is_empty() { (turns(call)) }
                @if !call.events.is_empty() { (events(call)) }
            }
        }
    }
}

/// The wait as measured, as it was, and as an opened line would claim.
fn three_accounts(call: &CallReport) -> Markup {
    html! {
        dl.accounts {
            div { dt { "Wait measured" } dd.strong { (wait(call.wait())) } }
            @if call.truth.is_some() {
                div { dt { "True wait" } dd { (true_wait(call.truth)) } }
            }
            div {
                dt { "“200 OK” would claim" }
                dd.claim { (call.claimed_by_answer().map_or("–".to_owned(), seconds)) }
            }
            div { dt { "Attempts" } dd { (call.attempts.len()) } }
            @if let Some(who) = call.reached { div { dt { "Reached" } dd { (reached(who)) } } }
            @if !call.passages.is_empty() {
                div { dt { "Kept waiting again" } dd { (interruptions(&call.passages).join(", ")) } }
            }
        }
        @if let Some((when, evidence)) = onset_evidence(call.wait()) {
            div.onset {
                p { (capitalised(&when)) @if !evidence.is_empty() { ", because" } }
                ul { @for piece in evidence { li { (piece) } } }
            }
        }
        @if let Some((why, listen)) = to_confirm(call.wait()) {
            div.notice {
                p { strong { "To be confirmed by ear, at " (stretch(listen)) ": " } (why) "." }
                @if let Some(clip) = &call.to_hear {
                    (sound(&clip.wav, &format!("The agent’s first words, {}", stretch(clip.span))))
                }
            }
        }
    }
}

/// The class of a verdict's mark, and the mark itself.
pub(super) fn mark(verdict: &Verdict) -> (&'static str, &'static str) {
    match verdict {
        Verdict::Fulfilled => ("ok", "●"),
        Verdict::Defect => ("defect", "✕"),
        Verdict::Pending(_) => ("pending", "?"),
        Verdict::NotObserved(_) => ("unseen", "–"),
        Verdict::NotApplicable(_) => ("none", "·"),
    }
}

/// Whether a verdict is shown without unfolding: what went wrong, and what waits for a person.
fn stands_out(judgment: &Judgment) -> bool {
    matches!(judgment.verdict, Verdict::Defect | Verdict::Pending(_))
}

fn judgments(report: &CampaignReport, call: &CallReport) -> Markup {
    let (shown, folded): (Vec<_>, Vec<_>) = call.judgments.iter().partition(|j| stands_out(j));
    html! {
        @if !shown.is_empty() { (judgment_table(report, call, &shown, "Defects and open verdicts")) }
        @if !folded.is_empty() {
            details {
                summary { (folded_summary(&folded)) }
                (judgment_table(report, call, &folded, "Other verdicts"))
            }
        }
    }
}

fn folded_summary(folded: &[&Judgment]) -> String {
    let of = |wanted: fn(&Verdict) -> bool| folded.iter().filter(|j| wanted(&j.verdict)).count();
    let parts: Vec<String> = [
        (of(|v| *v == Verdict::Fulfilled), "fulfilled"),
        (of(|v| matches!(v, Verdict::NotObserved(_))), "unobserved"),
        (of(|v| matches!(v, Verdict::NotApplicable(_))), "not applicable"),
    ]
    .into_iter()
    .filter(|(count, _)| *count > 0)
    .map(|(count, word)| format!("{count} {word}"))
    .collect();
    format!("Other verdicts: {}", listed(&parts))
}

fn judgment_table(
    report: &CampaignReport,
    call: &CallReport,
    judgments: &[&Judgment],
    title: &str,
) -> Markup {
    html! {
        table.judgments {
            caption { (title) }
            thead { tr { th scope="col" { "Item" } th scope="col" { "Verdict" } th scope="col" { "Why" } } }
            tbody { @for judgment in judgments { (judgment_row(report, call, judgment)) } }
        }
    }
}

fn judgment_row(report: &CampaignReport, call: &CallReport, judgment: &Judgment) -> Markup {
    let (class, sign) = mark(&judgment.verdict);
    let clips = call.clips.iter().filter(|c| c.item == judgment.item);
    html! {
        tr class=(class) {
            th scope="row" {
                span.code { (judgment.item) } " "
                @if let Some(view) = report.sheet.item(judgment.item) {
                    span lang="ko" { (view.korean) } " " span.quiet { (view.english) }
                }
            }
            td.verdict { span.mark aria-hidden="true" { (sign) } " " (judgment.verdict.word()) }
            td {
                (judgment.because)
                @if let Some(reason) = judgment.verdict.reason() {
                    @let reason = reason.to_string();
                    @if !judgment.because.contains(&reason) { span.quiet { " — " (reason) } }
                }
                @if let Some(judge) = by_person(&judgment.judge) { span.quiet { " — " (judge) } }
                @for piece in &judgment.evidence {
                    p.evidence {
                        span.time { (piece.span.start) } " " span lang="ko" { (quoted(&piece.note)) }
                        @if let Some(gloss) = &piece.gloss { " " span.quiet { (gloss) } }
                    }
                }
                @for clip in clips { (player(clip)) }
            }
        }
    }
}

fn by_person(judge: &Judge) -> Option<String> {
    match judge {
        Judge::Machine { .. } => None,
        Judge::Monitor { name } => Some(format!("decided by monitor {name}")),
        Judge::Adjudicator { name } => Some(format!("settled by {name}")),
    }
}

fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

fn player(clip: &EvidenceClip) -> Markup {
    let Span { start, end } = clip.span;
    sound(&clip.wav, &format!("{}, {start} to {end}: {}", clip.item, clip.note))
}

fn sound(wav: &[u8], label: &str) -> Markup {
    let data = base64::engine::general_purpose::STANDARD.encode(wav);
    html! {
        audio controls preload="none" aria-label=(label) title=(label)
            src=(format!("data:audio/wav;base64,{data}")) {}
    }
}

fn attempts(report: &CampaignReport, call: &CallReport) -> Markup {
    let single = call.attempts.len() == 1;
    html! {
        details open[!single] {
            summary { (counted(call.attempts.len(), "attempt")) }
            table.attempts {
                thead {
                    tr {
                        th scope="col" { "No." } th scope="col" { "Dialled" }
                        th scope="col" { "Outcome" } th scope="col" { "How it ended" }
                        th.figure scope="col" { "Wait" } th.figure scope="col" { "Lasted" }
                    }
                }
                tbody { @for attempt in &call.attempts { (attempt_row(report, attempt)) } }
            }
        }
    }
}

fn attempt_row(report: &CampaignReport, attempt: &AttemptReport) -> Markup {
    let class = match attempt.outcome {
        AttemptOutcome::ConnectedHuman => "ok",
        AttemptOutcome::Void { .. } | AttemptOutcome::AbortedByProbe => "none",
        _ => "",
    };
    html! {
        tr class=(class) {
            th scope="row" { (attempt.number) }
            td { (wall(attempt.opened_at, &report.time_zone)) }
            td { (outcome(&attempt.outcome)) }
            td { (ending(&attempt.ending)) }
            td.figure { (wait(Some(&attempt.wait))) }
            td.figure { (seconds(attempt.lasted)) }
        }
    }
}

fn turns(call: &CallReport) -> Markup {
    html! {
        details {
            summary { "Conversation, " (counted(call.turns.len(), "turn")) }
            ol.turns {
                @for turn in &call.turns {
                    @let ours = turn.party == Party::Prober;
                    li class=(if ours { "ours" } else { "theirs" }) {
                        span.time { (turn.span.start) } " "
                        span.who { (if ours { "caller" } else { "agent" }) } " "
                        span lang="ko" { (turn.text) }
                        @if turn.uncertain { span.quiet { " (words unsure)" } }
                    }
                }
            }
        }
    }
}

fn events(call: &CallReport) -> Markup {
    html! {
        details {
            summary { (counted(call.events.len(), "event")) }
            ol.events {
                @for item in &call.events {
                    li { span.time { (item.at) } " " (event(&item.kind)) }
                }
            }
        }
    }
}
