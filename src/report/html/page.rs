//! The page: what was found, how it was measured, and a section per center. Enters: a [`CampaignReport`].
//! Leaves: one HTML document.

use super::call::{anchor, call, mark};
use super::picture;
use super::scale::{Scale, px};
use super::style::STYLE;
use crate::domain::ctq::CtqItem;
use crate::report::figures::{CenterFigures, Longest, open_reasons};
use crate::report::model::{
    CampaignReport, CenterReport, Completeness, ItemView, ScoreFigures, Tenths,
};
use crate::report::sentence::sentence;
use crate::report::words::{
    EXCELLENT, center_title, counted, dimension, score_heading, seconds, short_unit, wall,
};
use maud::{DOCTYPE, Markup, PreEscaped, html as page};

/// More calls than this stand in narrow columns.
const DENSE: usize = 8;

/// Sets `report` as one HTML document that asks nothing of any other file or host.
pub fn html(report: &CampaignReport) -> String {
    let title = format!("Campaign {}", report.campaign);
    let document = page! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) " – Callprobe" }
                style { (PreEscaped(STYLE)) }
            }
            body {
                a.skip href="#centers" { "Skip to the centers" }
                (masthead(report, &title))
                main {
                    (overview(report))
                    (method(report))
                    div id="centers" { @for item in &report.centers { (center(report, item)) } }
                }
                (colophon(report))
            }
        }
    };
    document.into_string()
}

fn masthead(report: &CampaignReport, title: &str) -> Markup {
    page! {
        header.masthead {
            p.brand { "Callprobe" }
            h1 { (title) }
            p.quiet {
                (wall(report.generated, &report.time_zone)) " · sheet " (report.sheet.id) " "
                span.code title=(report.sheet.hash) { (report.sheet.hash.short()) }
            }
            p.badge { (score_heading(report)) }
            @for notice in &report.notices { p.notice role="note" { (notice) } }
        }
    }
}

fn tenths(value: Option<Tenths>) -> String {
    value.map_or_else(|| "–".to_owned(), |v| v.to_string())
}

fn longest(figures: &CenterFigures) -> String {
    match figures.longest {
        Some(Longest::Connected(span)) => seconds(span),
        Some(Longest::NeverConnected(span)) => format!("> {}, no agent", seconds(span)),
        None => "–".to_owned(),
    }
}

fn overview(report: &CampaignReport) -> Markup {
    page! {
        section aria-labelledby="overview" {
            h2 id="overview" { "Overview" }
            div.wide tabindex="0" role="region" aria-labelledby="overview" {
                table.overview {
                    thead {
                        tr {
                            th scope="col" { "Center" } th scope="col" { "Score and bounds" }
                            th.figure scope="col" { "Coverage" }
                            @if !report.simulated { th scope="col" { "Certificate" } }
                            th.figure scope="col" { "Calls" } th.figure scope="col" { "Attempts" }
                            th.figure scope="col" { "Median wait" }
                            th.figure scope="col" { "Worst wait" }
                        }
                    }
                    tbody { @for item in &report.centers { (overview_row(report, item)) } }
                }
            }
        }
    }
}

fn overview_row(report: &CampaignReport, center: &CenterReport) -> Markup {
    let figures = CenterFigures::of(center);
    page! {
        tr {
            th scope="row" {
                a href=(format!("#{}", center.id)) { span lang="ko" { (center.name) } }
                @if let Some(english) = &center.english { br; span.quiet { (english) } }
            }
            td { (score_bar(&center.score)) }
            td.figure { (center.score.coverage.map_or("–".to_owned(), |v| format!("{v} %"))) }
            @if !report.simulated { td { (center.score.certification.label()) } }
            td.figure { (figures.dialled) }
            td.figure { (figures.attempts) }
            td.figure { (figures.median.map_or("–".to_owned(), seconds)) }
            td.figure { (longest(&figures)) }
        }
    }
}

/// Points as a number and as a mark on a line from 0 to 100, with the bounds as a band and 90 as a tick.
fn score_bar(score: &ScoreFigures) -> Markup {
    let scale = Scale::new(2.0, 156.0, 100.0);
    let x = |value: Option<Tenths>| scale.x(value.map_or(0.0, Tenths::as_f64));
    let bounds = format!("{} to {}", tenths(score.low), tenths(score.high));
    let ninety = px(scale.x(EXCELLENT));
    page! {
        div.score {
            span.points { (tenths(score.index)) }
            svg viewBox="0 0 160 20" role="img" aria-label=(format!("bounds {bounds}")) {
                title { "Points " (tenths(score.index)) ", bounds " (bounds) "; the tick stands at 90" }
                rect.rail x="2" y="9" width="156" height="2" {}
                @if score.low.is_some() {
                    rect.band x=(px(x(score.low))) y="6" rx="3" height="8"
                        width=(px((x(score.high) - x(score.low)).max(2.0))) {}
                }
                line.ninety x1=(ninety) x2=(ninety) y1="2" y2="18" {}
                @if score.index.is_some() { circle.point cx=(px(x(score.index))) cy="10" r="4" {} }
            }
            span.quiet { (bounds) }
        }
    }
}

fn method(report: &CampaignReport) -> Markup {
    let truths = report.centers.iter().flat_map(|c| &c.calls).any(|c| c.truth.is_some());
    let partial = report.centers.iter().any(|c| c.score.completeness == Completeness::Partial);
    page! {
        section.method aria-labelledby="method" {
            h2 id="method" { "How this was measured" }
            div.halves {
            div {
            p {
                "The " strong { "wait" } " begins at the end of the key press that asks for an agent and ends with \
                 the first speech of the human greeting, found in the recording after the call. Ringing, menus, \
                 music, announcements and notices before it belong to the wait. A wait over 20 s on any attempt is \
                 a defect; one within a second of 20 s, and one whose end is not certain, goes to a person."
            }
            p {
                strong { "“200 OK”" } " says that something opened the line: a menu, a tape, a queue. It is shown beside \
                 the wait because many tools take it for the agent."
            }
            @if truths {
                p {
                    "The " strong { "true wait" } " comes from the simulated center’s own log, which the \
                     measurement never reads."
                }
            }
            p {
                "The " strong { "score" } " is fulfilled verdicts among those judged. Its " strong { "bounds" }
                " count every open verdict as a defect (low) and as fulfilled (high)."
                @if partial { " Because verdicts are open it is a partial index, not KSQI." }
                @if report.simulated { " Simulated centers are never counted in an index." }
            }
            }
            div { (not_decided(report)) }
            }
        }
    }
}

fn not_decided(report: &CampaignReport) -> Markup {
    let reasons = open_reasons(report);
    page! {
        h3 { "What was not decided" }
        @if reasons.is_empty() {
            p { "Every item of every call was decided." }
        } @else {
            ul.open {
                @for (why, count, items) in &reasons {
                    li {
                        span.count { (count) } " " (why) " "
                        span.quiet {
                            @for item in items { span.code title=(item_title(report, *item)) { (item) } " " }
                        }
                    }
                }
            }
        }
    }
}

fn item_title(report: &CampaignReport, item: CtqItem) -> String {
    report.sheet.item(item).map_or_else(String::new, |v| format!("{} {}", v.korean, v.english))
}

fn center(report: &CampaignReport, center: &CenterReport) -> Markup {
    let figures = CenterFigures::of(center);
    page! {
        section.center id=(center.id) aria-labelledby=(format!("{}-head", center.id)) {
            h2 id=(format!("{}-head", center.id)) { (center_title(center)) }
            p.lead { (sentence(center)) }
            (tiles(center, &figures))
            div.pair.dense[center.calls.len() > DENSE] {
                (matrix(report, center))
                div {
                    @if let Some(svg) = picture::waits(center) {
                        figure {
                            figcaption { "Seconds until an agent speaks" }
                            (svg)
                            (legend(center))
                        }
                    }
                    (dimensions(center))
                }
            }
            @for item in &center.calls { (call(report, center, item)) }
        }
    }
}

fn tiles(center: &CenterReport, figures: &CenterFigures) -> Markup {
    let score = &center.score;
    page! {
        dl.tiles {
            div {
                dt { "Score" } dd { (tenths(score.index)) }
                dd.quiet { "bounds " (tenths(score.low)) "–" (tenths(score.high)) }
                @if let Some((low, high)) = score.interval {
                    dd.quiet { "95 % interval " (low) "–" (high) }
                }
            }
            div {
                dt { "Median wait" } dd { (figures.median.map_or("–".to_owned(), seconds)) }
                dd.quiet {
                    "worst " (longest(figures))
                    @if figures.unconfirmed > 0 {
                        "; " (counted(figures.unconfirmed, "wait")) " to confirm by ear"
                    }
                }
            }
            div {
                dt { "Reached" } dd { (figures.reached) " of " (figures.dialled) }
                dd.quiet {
                    (counted(figures.attempts, "attempt"))
                    @if figures.void > 0 { ", " (figures.void) " void" }
                    @for kind in interrupted(figures) { ", " (kind) }
                    @if figures.excluded > 0 { ", " (counted(figures.excluded, "call")) " left out" }
                }
            }
            div {
                dt { "Defects" } dd { (score.total.defects) }
                dd.quiet { "of " (score.total.judged()) " judged; " (score.total.pending) " pending, "
                    (score.total.unobserved) " unobserved" }
            }
        }
    }
}

/// Holds and transfers of a center, counted, with their length together.
fn interrupted(figures: &CenterFigures) -> Vec<String> {
    [(figures.holds, "hold"), (figures.transfers, "transfer")]
        .into_iter()
        .filter(|(found, _)| found.count > 0)
        .map(|(found, word)| format!("{} ({})", counted(found.count, word), seconds(found.total)))
        .collect()
}

fn legend(center: &CenterReport) -> Markup {
    let truths = center.calls.iter().any(|c| c.truth.is_some());
    page! {
        ul.legend aria-hidden="true" {
            li { svg viewBox="0 0 14 14" { circle.measured cx="7" cy="7" r="5" {} } "measured" }
            @if truths {
                li { svg viewBox="0 0 14 14" { line.truth x1="7" x2="7" y1="0" y2="14" {} } "true" }
            }
            li { svg viewBox="0 0 14 14" { circle.claimed cx="7" cy="7" r="4.5" {} } "“200 OK”" }
            li { svg viewBox="0 0 14 14" { path.never d="M4 1 l6 6 l-6 6" {} } "nobody came" }
        }
    }
}

/// Items down, calls across: the whole center at a glance.
fn matrix(report: &CampaignReport, center: &CenterReport) -> Markup {
    let calls: Vec<_> =
        center.calls.iter().filter(|c| c.excluded.is_none() && !c.judgments.is_empty()).collect();
    if calls.is_empty() {
        return page! { p.quiet { "No call has been judged yet." } };
    }
    page! {
        div.wide tabindex="0" role="region" aria-label=(format!("Verdicts of {}", center.name)) {
            table.matrix {
                caption { "Verdicts by item and call" }
                thead {
                    tr {
                        th scope="col" { "Item" }
                        @for call in &calls {
                            th scope="col" {
                                a href=(format!("#{}", anchor(call))) { (short_unit(center, call)) }
                            }
                        }
                        th.figure scope="col" title="defects of judged" { "✕" }
                    }
                }
                tbody {
                    @for item in &report.sheet.items {
                        tr {
                            (item_head(item))
                            @for call in &calls {
                                @match call.judgments.iter().find(|j| j.item == item.item) {
                                    Some(judgment) => {
                                        @let (class, sign) = mark(&judgment.verdict);
                                        td class=(class) title=(judgment.because) {
                                            span aria-hidden="true" { (sign) }
                                            span.spoken { (judgment.verdict.word()) }
                                        }
                                    }
                                    None => td {}
                                }
                            }
                            (item_count(center, item.item))
                        }
                    }
                }
            }
        }
    }
}

fn item_head(item: &ItemView) -> Markup {
    page! {
        th scope="row" title=(item.english) {
            span.code { (item.item) } " " span lang="ko" { (item.korean) }
        }
    }
}

fn item_count(center: &CenterReport, item: CtqItem) -> Markup {
    let tally = center.score.items.iter().find(|i| i.item == item).map(|i| i.tally);
    page! {
        td.figure {
            @match tally {
                Some(tally) if tally.judged() > 0 => { (tally.defects) "/" (tally.judged()) }
                _ => "–"
            }
        }
    }
}

fn dimensions(center: &CenterReport) -> Markup {
    page! {
        table.dimensions {
            caption { "By dimension" }
            thead {
                tr {
                    th scope="col" { "Dimension" } th.figure scope="col" { "Points" }
                    th.figure scope="col" { "Defects" } th.figure scope="col" { "Judged" }
                    th.figure scope="col" { "Open" }
                }
            }
            tbody {
                @for row in &center.score.dimensions {
                    @let (korean, english) = dimension(row.dimension);
                    tr {
                        th scope="row" { span lang="ko" { (korean) } " " span.quiet { (english) } }
                        td.figure { (tenths(row.index)) }
                        td.figure { (row.tally.defects) }
                        td.figure { (row.tally.judged()) }
                        td.figure { (row.tally.pending + row.tally.unobserved) }
                    }
                }
            }
        }
    }
}

fn colophon(report: &CampaignReport) -> Markup {
    page! {
        footer {
            h2 { "Made with" }
            dl {
                @for (name, value) in &report.provenance { div { dt { (name) } dd { (value) } } }
                div { dt { "sheet" } dd { (report.sheet.id) " " span.code { (report.sheet.hash) } } }
            }
        }
    }
}
