//! The live view of a running campaign. Enters: [`CampaignEvent`]s. Leaves: on a terminal one line per live call with
//! its phase and seconds and a bar of units done; elsewhere plain lines, one per thing worth telling.

use super::words::{counted, ending, seconds};
use crate::domain::event::{CallPhase, CampaignEvent};
use crate::domain::ids::{AttemptNumber, UnitId};
use crate::domain::verdict::Verdict;
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use std::collections::HashMap;
use std::io::{self, IsTerminal as _, Write};
use std::time::Duration;

/// How often a live call's seconds are redrawn.
const TICK: Duration = Duration::from_millis(200);

/// The bar below the live calls.
const BAR: &str = "{bar:32} {pos}/{len} units · {elapsed} · {msg}";
/// The line of a live call.
const CALL: &str = "  {prefix:<28!} {msg:<24!} {elapsed:>4}";

/// Shows a campaign while it runs.
pub struct Progress {
    view: View,
}

enum View {
    Live(Live),
    Plain(Plain),
}

impl Progress {
    /// The view that standard error can show: live on a terminal, plain lines elsewhere.
    pub fn of_stderr() -> Self {
        if io::stderr().is_terminal() { Self::live() } else { Self::plain(io::stderr()) }
    }

    /// Plain lines into `out`; a write that fails is dropped, for the campaign must go on.
    pub fn plain(out: impl Write + Send + 'static) -> Self {
        Self { view: View::Plain(Plain { out: Box::new(out), units: 0, done: 0 }) }
    }

    fn live() -> Self {
        let lines = MultiProgress::new();
        let bar = lines.add(ProgressBar::no_length().with_style(bar_style()));
        Self { view: View::Live(Live { lines, bar, calls: HashMap::new() }) }
    }

    /// Shows `event`.
    pub fn handle(&mut self, event: &CampaignEvent) {
        match &mut self.view {
            View::Live(live) => live.handle(event),
            View::Plain(plain) => plain.handle(event),
        }
    }

    /// Says something in between without disturbing the live lines.
    pub fn note(&mut self, text: &str) {
        match &mut self.view {
            View::Live(live) => live.print(text),
            View::Plain(plain) => plain.line(text),
        }
    }
}

fn bar_style() -> ProgressStyle {
    // A template that does not parse falls back to indicatif's own look.
    ProgressStyle::with_template(BAR)
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .progress_chars("━╸─")
}

fn call_style() -> ProgressStyle {
    ProgressStyle::with_template(CALL).unwrap_or_else(|_| ProgressStyle::default_spinner())
}

fn phase_words(phase: &CallPhase) -> &'static str {
    match phase {
        CallPhase::Dialling => "dialling",
        CallPhase::Ringing => "ringing",
        CallPhase::Menu => "in the menu",
        CallPhase::Queue => "waiting for an agent",
        CallPhase::Talking => "somebody speaks",
        CallPhase::Closing => "closing",
    }
}

/// What an event says to somebody who watches; `None` for what only moves a live line.
fn said(event: &CampaignEvent) -> Option<String> {
    match event {
        CampaignEvent::Started { campaign, units } => {
            Some(format!("campaign {campaign}: {} to run", counted(*units, "unit")))
        }
        CampaignEvent::AttemptBegan { unit, number, .. } => {
            Some(format!("{unit}: attempt {number}, dialling"))
        }
        CampaignEvent::AttemptEnded { unit, number, ending: how, lasted } => Some(format!(
            "{unit}: attempt {number} ended after {}: {}",
            seconds(*lasted),
            ending(how)
        )),
        CampaignEvent::WillRedial { unit, after } => {
            Some(format!("{unit}: will be dialled again in {}", seconds(*after)))
        }
        CampaignEvent::Replaced { unit, by, why } => {
            Some(format!("{unit}: spoilt by our side ({why}), replaced by {by}"))
        }
        CampaignEvent::Judged { unit, judgments } => {
            let of = |wanted: fn(&Verdict) -> bool| {
                judgments.iter().filter(|j| wanted(&j.verdict)).count()
            };
            Some(format!(
                "{unit}: judged, {} fulfilled, {}, {} open",
                of(|v| *v == Verdict::Fulfilled),
                counted(of(|v| *v == Verdict::Defect), "defect"),
                of(|v| matches!(v, Verdict::Pending(_) | Verdict::NotObserved(_))),
            ))
        }
        CampaignEvent::Stopped { why } => Some(format!("stopped: {why}")),
        CampaignEvent::Finished { campaign } => Some(format!("campaign {campaign}: done")),
        CampaignEvent::Phase { .. } | CampaignEvent::UnitDone { .. } => None,
    }
}

struct Plain {
    out: Box<dyn Write + Send>,
    units: usize,
    done: usize,
}

impl Plain {
    fn line(&mut self, text: &str) {
        let _ = writeln!(self.out, "{text}");
        let _ = self.out.flush();
    }

    fn handle(&mut self, event: &CampaignEvent) {
        match event {
            CampaignEvent::Phase { unit, phase, at } => {
                self.line(&format!("{unit}: {} at {at}", phase_words(phase)));
            }
            CampaignEvent::UnitDone { unit } => {
                self.done += 1;
                self.line(&format!("{unit}: done, {} of {}", self.done, self.units));
            }
            CampaignEvent::Started { units, .. } => {
                (self.units, self.done) = (*units, 0);
            }
            CampaignEvent::Replaced { .. } => self.units += 1,
            _ => {}
        }
        if let Some(text) = said(event) {
            self.line(&text);
        }
    }
}

struct Live {
    lines: MultiProgress,
    bar: ProgressBar,
    calls: HashMap<UnitId, ProgressBar>,
}

impl Live {
    fn print(&self, text: &str) {
        // Fails only if standard error is gone; then nobody watches.
        let _ = self.lines.println(text);
    }

    fn begin(&mut self, unit: &UnitId, number: AttemptNumber) {
        let line = self.lines.insert_before(&self.bar, ProgressBar::new_spinner());
        line.set_style(call_style());
        line.set_prefix(unit.to_string());
        line.set_message(if number == AttemptNumber::FIRST {
            "dialling".to_owned()
        } else {
            format!("dialling, attempt {number}")
        });
        line.enable_steady_tick(TICK);
        if let Some(old) = self.calls.insert(unit.clone(), line) {
            old.finish_and_clear();
        }
    }

    fn end(&mut self, unit: &UnitId) {
        if let Some(line) = self.calls.remove(unit) {
            line.finish_and_clear();
        }
    }

    fn close(&mut self) {
        for (_, line) in self.calls.drain() {
            line.finish_and_clear();
        }
    }

    fn handle(&mut self, event: &CampaignEvent) {
        match event {
            CampaignEvent::Started { campaign, units } => {
                self.bar.set_length(*units as u64);
                self.bar.set_position(0);
                self.bar.set_message(campaign.to_string());
                self.bar.enable_steady_tick(TICK);
            }
            CampaignEvent::AttemptBegan { unit, number, .. } => self.begin(unit, *number),
            CampaignEvent::Phase { unit, phase, .. } => {
                if let Some(line) = self.calls.get(unit) {
                    line.set_message(phase_words(phase));
                }
            }
            CampaignEvent::AttemptEnded { unit, .. } => {
                self.end(unit);
                self.say(event);
            }
            CampaignEvent::UnitDone { unit } => {
                self.end(unit);
                self.bar.inc(1);
            }
            CampaignEvent::Replaced { .. } => {
                self.bar.inc_length(1);
                self.say(event);
            }
            CampaignEvent::Stopped { .. } => {
                self.close();
                self.say(event);
                self.bar.abandon();
            }
            CampaignEvent::Finished { .. } => {
                self.close();
                self.bar.finish();
            }
            CampaignEvent::WillRedial { .. } | CampaignEvent::Judged { .. } => self.say(event),
        }
    }

    fn say(&self, event: &CampaignEvent) {
        if let Some(text) = said(event) {
            self.print(&text);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ids::{CallId, CenterId};
    use indicatif::ProgressDrawTarget;

    fn began(unit: &UnitId, number: AttemptNumber) -> CampaignEvent {
        let call: CallId = "019a0000-0000-7000-8000-000000000001".parse().unwrap();
        let center = CenterId::new("hanbit-card").unwrap();
        CampaignEvent::AttemptBegan { unit: unit.clone(), center, number, call }
    }

    #[test]
    fn a_live_call_has_one_line_until_its_unit_is_done() {
        let lines = MultiProgress::with_draw_target(ProgressDrawTarget::hidden());
        let bar = lines.add(ProgressBar::no_length().with_style(bar_style()));
        let mut live = Live { lines, bar, calls: HashMap::new() };
        let unit = UnitId::new("hanbit-card.q4.01").unwrap();
        live.handle(&began(&unit, AttemptNumber::FIRST));
        live.handle(&began(&unit, AttemptNumber::FIRST.next()));
        assert_eq!(live.calls.len(), 1);
        assert_eq!(live.calls[&unit].message(), "dialling, attempt 2");
        let at = crate::domain::time::CallTime::ZERO;
        live.handle(&CampaignEvent::Phase { unit: unit.clone(), phase: CallPhase::Queue, at });
        assert_eq!(live.calls[&unit].message(), "waiting for an agent");
        live.handle(&CampaignEvent::UnitDone { unit });
        assert_eq!((live.calls.len(), live.bar.position()), (0, 1));
    }

    #[test]
    fn both_templates_are_understood() {
        assert!(ProgressStyle::with_template(BAR).is_ok());
        assert!(ProgressStyle::with_template(CALL).is_ok());
    }
}
