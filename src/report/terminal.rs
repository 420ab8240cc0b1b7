//! The report for a terminal: readable at 100 columns, with or without colour. Enters: a [`CampaignReport`] and a
//! [`Style`]. Leaves: text. A Korean syllable is two columns wide (Unicode Standard Annex #11).

use super::figures::{CenterFigures, Longest, open_reasons};
use super::model::{CallReport, CampaignReport, CenterReport, Tenths};
use super::sentence::sentence;
use super::words::{
    center_title, gist, interruptions, listed, onset_evidence, quoted, score_heading, seconds,
    short_unit, stretch, to_confirm, true_wait, wait, wall,
};
use crate::domain::ctq::CtqItem;
use crate::domain::verdict::{Judgment, Verdict};
use std::fmt::Write as _;
use std::io::IsTerminal as _;
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

/// Columns of a page unless told otherwise.
const COLUMNS: usize = 100;

/// How the text is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Style {
    /// Columns to stay within; tables need 80.
    pub columns: usize,
    /// How emphasis is shown.
    pub colour: Colour,
}

/// How emphasis is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Colour {
    /// By nothing but the words.
    Plain,
    /// By ANSI escape sequences too (ECMA-48 §8.3.117).
    Ansi,
}

impl Style {
    /// Plain text at 100 columns: for files, pipes and tests.
    pub const PLAIN: Self = Self { columns: COLUMNS, colour: Colour::Plain };

    /// What standard output can show: colour on a terminal unless `NO_COLOR` is set or `TERM` is `dumb`.
    pub fn of_stdout() -> Self {
        let refused = std::env::var_os("NO_COLOR").is_some_and(|v| !v.is_empty())
            || std::env::var_os("TERM").is_some_and(|v| v == "dumb");
        let colour =
            if std::io::stdout().is_terminal() && !refused { Colour::Ansi } else { Colour::Plain };
        Self { columns: COLUMNS, colour }
    }

    fn paint(self, code: &str, text: &str) -> String {
        match self.colour {
            Colour::Plain => text.to_owned(),
            Colour::Ansi => format!("\x1b[{code}m{text}\x1b[0m"),
        }
    }

    pub(super) fn bold(self, text: &str) -> String {
        self.paint("1", text)
    }

    pub(super) fn dim(self, text: &str) -> String {
        self.paint("2", text)
    }

    fn red(self, text: &str) -> String {
        self.paint("31", text)
    }

    pub(super) fn yellow(self, text: &str) -> String {
        self.paint("33", text)
    }
}

/// Sets `report` as text, ending with a line feed.
pub fn terminal(report: &CampaignReport, style: Style) -> String {
    let mut page = Page { style, text: String::new() };
    page.heading(report);
    page.table(&fitted(score_table(report), style.columns));
    page.blank();
    for center in &report.centers {
        page.center(report, center);
    }
    page.open(report);
    page.provenance(report);
    page.text
}

/// The columns of a table: title and cells; all but the first are flush right.
type Table = Vec<(&'static str, Vec<String>)>;

fn tenths(value: Option<Tenths>) -> String {
    value.map_or_else(|| "–".to_owned(), |v| v.to_string())
}

fn score_table(report: &CampaignReport) -> Table {
    let rows: Vec<_> = report.centers.iter().map(|c| (c, CenterFigures::of(c))).collect();
    let column = |title, cell: &dyn Fn(&CenterReport, &CenterFigures) -> String| {
        (title, rows.iter().map(|(c, f)| cell(c, f)).collect())
    };
    let mut table = vec![
        column("center", &|c, _| center_title(c)),
        column("score", &|c, _| tenths(c.score.index)),
        column("bounds", &|c, _| format!("{}–{}", tenths(c.score.low), tenths(c.score.high))),
        column("coverage", &|c, _| c.score.coverage.map_or("–".into(), |v| format!("{v} %"))),
        column("calls", &|_, f| f.dialled.to_string()),
        column("attempts", &|_, f| f.attempts.to_string()),
        column("median wait", &|_, f| f.median.map_or("–".into(), seconds)),
        column("worst wait", &|_, f| match f.longest {
            Some(Longest::Connected(span)) => seconds(span),
            Some(Longest::NeverConnected(span)) => format!("> {}", seconds(span)),
            None => "–".into(),
        }),
    ];
    if !report.simulated {
        let certificate = column("certificate", &|c, _| c.score.certification.label().to_owned());
        table.insert(4, certificate);
    }
    table
}

/// The three accounts of each call's wait, side by side.
fn wait_table(center: &CenterReport, calls: &[&CallReport]) -> Table {
    let column = |title, cell: &dyn Fn(&CallReport) -> String| {
        (title, calls.iter().map(|c| cell(c)).collect())
    };
    let mut table = vec![
        column("call", &|c| short_unit(center, c).to_owned()),
        column("attempts", &|c| c.attempts.len().to_string()),
        column("wait measured", &|c| wait(c.wait())),
    ];
    if calls.iter().any(|c| c.truth.is_some()) {
        table.push(column("true wait", &|c| true_wait(c.truth)));
    }
    table.push(column("\"200 OK\" would claim", &|c| {
        c.claimed_by_answer().map_or("–".into(), seconds)
    }));
    table.push(column("defects", &|c| {
        let defects: Vec<_> = decided_as_defect(c).map(|j| j.item.to_string()).collect();
        match (&c.excluded, defects.is_empty()) {
            (Some(_), _) => "not counted".into(),
            (None, true) => "–".into(),
            (None, false) => defects.join(" "),
        }
    }));
    table
}

fn decided_as_defect(call: &CallReport) -> impl Iterator<Item = &Judgment> {
    call.judgments.iter().filter(|j| j.verdict == Verdict::Defect)
}

/// Columns between the columns of a table.
const GAP: usize = 2;

/// How wide each column of a table has to be.
fn widths(table: &Table) -> Vec<usize> {
    table
        .iter()
        .map(|(title, cells)| {
            cells.iter().map(|c| c.width()).chain([title.width()]).max().unwrap_or(0)
        })
        .collect()
}

/// Cuts the cells of the first column so far that the table is at most `columns` wide.
fn fitted(mut table: Table, columns: usize) -> Table {
    let widths = widths(&table);
    let others: usize = widths.iter().skip(1).map(|w| w + GAP).sum();
    if let Some((_, cells)) = table.first_mut() {
        for cell in cells {
            *cell = cut_to(cell, columns.saturating_sub(others));
        }
    }
    table
}

/// `text`, or as much of it as fits in `columns` with an ellipsis.
pub(super) fn cut_to(text: &str, columns: usize) -> String {
    if text.width() <= columns {
        return text.to_owned();
    }
    let mut kept = String::new();
    for letter in text.chars() {
        if kept.width() + letter.width().unwrap_or(0) + 1 > columns {
            break;
        }
        kept.push(letter);
    }
    format!("{}…", kept.trim_end_matches([' ', '(']))
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

    fn blank(&mut self) {
        self.text.push('\n');
    }

    /// Sets `text` in lines, the first after `first`, the others after `rest`.
    fn wrapped(&mut self, first: &str, rest: &str, text: &str) {
        for line in wrap(text, first, rest, self.style.columns) {
            self.line(&line);
        }
    }

    fn heading(&mut self, report: &CampaignReport) {
        let made = wall(report.generated, &report.time_zone);
        let title = self.style.bold(&format!("Campaign {}", report.campaign));
        let sheet = &report.sheet;
        self.line(&format!("{title} · {made} · sheet {} {}", sheet.id, sheet.hash.short()));
        let heading = self.style.bold(score_heading(report));
        self.line(&format!("Score: {heading}"));
        for notice in &report.notices {
            self.wrapped("! ", "  ", notice);
        }
        self.blank();
    }

    fn table(&mut self, table: &Table) {
        let widths = widths(table);
        let row = |cells: &mut dyn Iterator<Item = &str>| {
            let set: Vec<_> = cells
                .zip(&widths)
                .enumerate()
                .map(|(n, (cell, width))| {
                    let gap = " ".repeat(width.saturating_sub(cell.width()));
                    if n == 0 { format!("{cell}{gap}") } else { format!("{gap}{cell}") }
                })
                .collect();
            set.join(&" ".repeat(GAP))
        };
        let head = row(&mut table.iter().map(|(title, _)| *title));
        let head = self.style.dim(head.trim_end());
        self.line(&head);
        for n in 0..table.first().map_or(0, |(_, cells)| cells.len()) {
            let line = row(&mut table.iter().map(|(_, cells)| cells[n].as_str()));
            self.line(&line);
        }
    }

    fn center(&mut self, report: &CampaignReport, center: &CenterReport) {
        let title = self.style.bold(&center_title(center));
        self.line(&title);
        self.wrapped("  ", "  ", &sentence(center));
        let calls: Vec<_> = center.calls.iter().collect();
        if !calls.is_empty() {
            self.blank();
            self.table(&wait_table(center, &calls));
            self.blank();
            for call in calls {
                self.call(report, center, call);
            }
        }
        self.blank();
    }

    fn call(&mut self, report: &CampaignReport, center: &CenterReport, call: &CallReport) {
        let first = format!("{}  ", short_unit(center, call));
        let rest = " ".repeat(first.width());
        self.wrapped(&first, &rest, &gist(call));
        if call.excluded.is_some() {
            return;
        }
        if let Some((when, evidence)) = onset_evidence(call.wait()) {
            self.wrapped("    · ", "      ", &format!("{when}: {}", listed(evidence)));
        }
        if let Some((why, listen)) = to_confirm(call.wait()) {
            let text = format!("wait to be confirmed by ear at {}: {why}", stretch(listen));
            self.wrapped("    ? ", "      ", &text);
        }
        if !call.passages.is_empty() {
            let text = format!("kept waiting again: {}", interruptions(&call.passages).join(", "));
            self.wrapped("    · ", "      ", &text);
        }
        for judgment in decided_as_defect(call) {
            self.verdict(report, judgment, "✕");
        }
        for judgment in call.judgments.iter().filter(|j| matches!(j.verdict, Verdict::Pending(_))) {
            if !judgment.evidence.is_empty() {
                self.verdict(report, judgment, "?");
            }
        }
    }

    fn verdict(&mut self, report: &CampaignReport, judgment: &Judgment, mark: &str) {
        let name = item_name(report, judgment.item);
        let lead = format!("    {mark} {name}: ");
        let mut text = judgment.because.trim_end_matches('.').to_owned();
        for piece in &judgment.evidence {
            let _ = write!(text, " · at {}: {}", piece.span.start, quoted(&piece.note));
            if let Some(gloss) = &piece.gloss {
                let _ = write!(text, " ({gloss})");
            }
        }
        let lines = wrap(&text, &lead, "      ", self.style.columns);
        for (n, line) in lines.into_iter().enumerate() {
            let line = if n > 0 {
                line
            } else if mark == "✕" {
                line.replacen(mark, &self.style.red(mark), 1)
            } else {
                line.replacen(mark, &self.style.yellow(mark), 1)
            };
            self.line(&line);
        }
    }

    fn open(&mut self, report: &CampaignReport) {
        let reasons = open_reasons(report);
        if reasons.is_empty() {
            return;
        }
        let title = self.style.bold("Not decided");
        self.line(&title);
        for (why, count, items) in reasons {
            let items: Vec<_> = items.iter().map(ToString::to_string).collect();
            let text = format!("{why} — {}", items.join(" "));
            self.wrapped(&format!("{count:>5}  "), "       ", &text);
        }
        self.blank();
    }

    fn provenance(&mut self, report: &CampaignReport) {
        let text = "Bounds: low counts every open verdict as a defect, high as fulfilled. Wait: from \
                    the end of the key that asks for an agent to the first speech of the agent, ± how \
                    far that may be off; > nobody came, ? to be confirmed by ear. \"200 OK\" is only the line being opened.";
        for line in wrap(text, "", "", self.style.columns) {
            let line = self.style.dim(&line);
            self.line(&line);
        }
        if !report.provenance.is_empty() {
            let parts: Vec<_> =
                report.provenance.iter().map(|(name, value)| format!("{name} {value}")).collect();
            for line in wrap(&parts.join(" · "), "", "", self.style.columns) {
                let line = self.style.dim(&line);
                self.line(&line);
            }
        }
    }
}

fn item_name(report: &CampaignReport, item: CtqItem) -> String {
    match report.sheet.item(item) {
        Some(view) => format!("{item} {} {}", view.korean, view.english),
        None => item.to_string(),
    }
}

/// Breaks `text` at spaces so that no line is wider than `columns`; a word that is wider stands alone.
pub(super) fn wrap(text: &str, first: &str, rest: &str, columns: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = first.to_owned();
    let mut empty = true;
    for word in text.split_whitespace() {
        let needed = usize::from(!empty) + word.width();
        if !empty && line.width() + needed > columns {
            lines.push(std::mem::replace(&mut line, rest.to_owned()));
            empty = true;
        }
        if !empty {
            line.push(' ');
        }
        line.push_str(word);
        empty = false;
    }
    lines.push(line);
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_korean_syllable_is_two_columns_wide() {
        assert_eq!(wrap("가나 다라 마바", "", "", 9), ["가나 다라", "마바"]);
        assert_eq!(wrap("가나 다라 마바", "", "", 8), ["가나", "다라", "마바"]);
    }

    #[test]
    fn a_name_that_is_too_wide_is_cut_with_an_ellipsis() {
        assert_eq!(cut_to("한빛카드 (Hanbit Card)", 22), "한빛카드 (Hanbit Card)");
        assert_eq!(cut_to("한빛카드 (Hanbit Card)", 21), "한빛카드 (Hanbit Car…");
        assert_eq!(cut_to("한빛카드 (Hanbit Card)", 11), "한빛카드…");
    }

    #[test]
    fn a_word_wider_than_the_page_stands_alone() {
        assert_eq!(wrap("a extraordinary b", "- ", "  ", 6), ["- a", "  extraordinary", "  b"]);
    }
}
