//! What people and scripts read of a campaign, from a made-up one of two centers with three calls each.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod report_sample;

use callprobe::domain::event::{CallPhase, CampaignEvent};
use callprobe::domain::ids::{AttemptNumber, CampaignId, CenterId, UnitId};
use callprobe::domain::record::CallEnding;
use callprobe::domain::time::CallTime;
use callprobe::report::model::{Completeness, Tally};
use callprobe::report::{
    CenterFigures, Colour, Longest, Progress, Style, html, json, sentence, terminal,
};
use report_sample::campaign;
use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use unicode_width::UnicodeWidthStr as _;

#[test]
fn the_terminal_shows_scores_waits_and_why_each_defect_is_one() {
    insta::assert_snapshot!(terminal(&campaign(), Style::PLAIN));
}

#[test]
fn no_line_of_the_terminal_is_wider_than_100_columns() {
    let mut report = campaign();
    for simulated in [true, false] {
        report.simulated = simulated;
        let text = terminal(&report, Style::PLAIN);
        let wide: Vec<_> = text.lines().filter(|l| l.width() > 100).collect();
        assert!(wide.is_empty(), "{}", wide.join("\n"));
    }
}

#[test]
fn colour_adds_escape_sequences_and_changes_no_word() {
    let style = Style { colour: Colour::Ansi, ..Style::PLAIN };
    let mut text = terminal(&campaign(), style);
    assert!(text.contains("\x1b[1mCampaign demo\x1b[0m"));
    for code in ["0", "1", "2", "31", "33"] {
        text = text.replace(&format!("\x1b[{code}m"), "");
    }
    assert_eq!(text, terminal(&campaign(), Style::PLAIN));
}

#[test]
fn a_sentence_says_wait_defects_and_what_is_open() {
    let sentences: Vec<_> = campaign().centers.iter().map(sentence).collect();
    insta::assert_snapshot!(sentences.join("\n"));
}

#[test]
fn a_center_that_was_not_called_has_no_figures_in_its_sentence() {
    let mut center = campaign().centers.remove(0);
    center.calls.clear();
    center.score.total = Tally::default();
    assert_eq!(sentence(&center), "Hanbit Card has not been called yet.");
}

#[test]
fn a_wait_without_an_agent_of_45_s_is_the_longest_and_an_excluded_call_counts_nowhere() {
    let figures = CenterFigures::of(&campaign().centers[1]);
    assert_eq!(figures.longest, Some(Longest::NeverConnected(Duration::from_secs(45))));
    assert_eq!(figures.median, Some(Duration::from_millis(19_400)));
    assert_eq!((figures.dialled, figures.reached, figures.excluded), (2, 1, 1));
    assert_eq!((figures.attempts, figures.void, figures.over_limit), (3, 0, 1));
}

#[test]
fn only_a_whole_score_of_real_centers_is_headed_ksqi() {
    let mut report = campaign();
    let heading = |report: &_| terminal(report, Style::PLAIN).lines().nth(1).unwrap().to_owned();
    assert_eq!(heading(&report), "Score: simulated and partial, not an index");
    report.simulated = false;
    assert_eq!(heading(&report), "Score: partial index");
    for center in &mut report.centers {
        center.score.completeness = Completeness::Whole;
    }
    assert_eq!(heading(&report), "Score: KSQI");
}

/// Writes the page where a person can open it, and gives its text.
fn page() -> String {
    let page = html(&campaign());
    std::fs::write(format!("{}/report.html", env!("CARGO_TARGET_TMPDIR")), &page).unwrap();
    page
}

#[test]
fn the_page_asks_nothing_of_another_file_or_host() {
    let page = page();
    for word in ["http:", "https:", "url(", "@import", "<link", "<script", "<iframe", "srcset"] {
        assert!(!page.contains(word), "{word}");
    }
    for source in page.split(" src=\"").skip(1) {
        assert!(source.starts_with("data:audio/wav;base64,UklGR"), "{}", &source[..40]);
    }
    assert_eq!(page.matches("<audio ").count(), 5);
}

#[test]
fn every_element_is_closed_and_every_reference_has_its_target() {
    let page = page();
    let mut open: Vec<&str> = Vec::new();
    let mut rest = &page["<!DOCTYPE html>".len()..];
    while let Some(start) = rest.find('<') {
        let end = start + rest[start..].find('>').unwrap();
        let tag = &rest[start + 1..end];
        let name = tag.split_whitespace().next().unwrap();
        if let Some(closed) = name.strip_prefix('/') {
            assert_eq!(open.pop(), Some(closed), "near {}", &rest[..end.min(80)]);
        } else if !["meta", "br"].contains(&name) {
            open.push(name);
        }
        rest = &rest[end + 1..];
    }
    assert!(open.is_empty(), "{open:?}");
    let ids: Vec<&str> =
        page.split(" id=\"").skip(1).map(|p| p.split('"').next().unwrap()).collect();
    let mut unique = ids.clone();
    unique.sort_unstable();
    unique.dedup();
    assert_eq!(unique.len(), ids.len(), "an id stands twice");
    for mark in [" href=\"#", " aria-labelledby=\""] {
        for list in page.split(mark).skip(1).map(|p| p.split('"').next().unwrap()) {
            for target in list.split(' ') {
                assert!(ids.contains(&target), "{target} has no element");
            }
        }
    }
}

#[test]
fn a_hundred_calls_stand_in_narrow_columns_and_each_has_its_section() {
    let mut report = campaign();
    let model = report.centers[0].calls[1].clone();
    report.centers[0].calls = (1..=100)
        .map(|n| {
            let unit = UnitId::new(format!("hanbit-card.q4.{n:03}")).unwrap();
            callprobe::report::model::CallReport { unit, clips: Vec::new(), ..model.clone() }
        })
        .collect();
    let page = html(&report);
    std::fs::write(format!("{}/report-100.html", env!("CARGO_TARGET_TMPDIR")), &page).unwrap();
    assert_eq!(page.matches("<article class=\"call").count(), 103);
    assert_eq!(page.matches("class=\"pair dense\"").count(), 1);
}

#[test]
fn the_words_of_a_center_cannot_become_markup() {
    let mut report = campaign();
    report.centers[0].name = "<script>alert(1)</script>".to_owned();
    report.centers[0].calls[0].turns[0].text = "</li><b onclick=\"x\">".to_owned();
    let page = html(&report);
    assert!(!page.contains("<script") && !page.contains("<b "));
    assert!(page.contains("&lt;script&gt;"));
}

#[test]
fn the_time_line_names_every_moment_that_counts() {
    let page = page();
    let from = page.find("<svg class=\"timeline\"").unwrap();
    let second = from + 1 + page[from + 1..].find("<svg class=\"timeline\"").unwrap();
    let svg = &page[second..];
    let svg = &svg[..svg.find("</svg>").unwrap()];
    for said in
        ["200 OK", "agent asked for", "20 s limit", "agent speaks, 23.4 s ± 0.15 s", "Key 0 until"]
    {
        assert!(svg.contains(said), "{said}");
    }
    let without_wave: Vec<_> = svg.split('<').filter(|part| !part.starts_with("path")).collect();
    insta::assert_snapshot!(without_wave.join("\n<"));
}

#[test]
fn a_wait_to_be_confirmed_is_shown_with_its_reason_its_seconds_and_their_sound() {
    let page = page();
    let from = page.find("To be confirmed by ear, at 28.0–32.0 s: ").unwrap();
    let notice = &page[from..];
    let reason = notice.find("a recording with the same words is known").unwrap();
    let sound = notice.find("<audio ").unwrap();
    assert!(reason < sound && sound < notice.find("</div>").unwrap());
}

#[test]
fn every_kind_of_sound_has_a_colour_of_its_own_in_the_page() {
    use callprobe::domain::segment::SegmentKind as Kind;
    let mut report = campaign();
    let kinds = [
        Kind::Ringback,
        Kind::Busy,
        Kind::Congestion,
        Kind::InformationTone,
        Kind::Coloring,
        Kind::Ivr,
        Kind::QueueMusic,
        Kind::QueueAnnouncement,
        Kind::ClosedMessage,
        Kind::TransferRing,
        Kind::Beep,
        Kind::Intercept,
        Kind::Voicemail,
        Kind::CallbackOffer,
        Kind::Voicebot,
        Kind::Agent,
        Kind::Hold,
        Kind::UnknownVoice,
        Kind::UnknownSound,
    ];
    let call = &mut report.centers[0].calls[0];
    let model = call.segments[0].clone();
    call.segments =
        kinds.map(|kind| callprobe::domain::segment::Segment { kind, ..model.clone() }).to_vec();
    let page = html(&report);
    let legend = &page[page.find("legend kinds").unwrap()..];
    let legend = &legend[..legend.find("</ul>").unwrap()];
    let classes: std::collections::BTreeSet<&str> =
        legend.split("class=\"bar ").skip(1).map(|p| p.split('"').next().unwrap()).collect();
    assert_eq!(classes.len(), kinds.len());
    let colours: std::collections::BTreeSet<&str> = classes
        .iter()
        .map(|class| {
            assert!(
                page.contains(&format!(".bar.{class} rect {{ fill: var(--{class}); }}")),
                "{class}"
            );
            let name = format!("--{class}: ");
            page[page.find(&name).unwrap() + name.len()..].split(';').next().unwrap()
        })
        .collect();
    assert_eq!(colours.len(), kinds.len());
}

#[test]
fn json_counts_in_seconds_and_leaves_audio_out() {
    let text = json(&campaign()).unwrap();
    let value: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(value["schema"], "callprobe-report-1");
    let call = &value["centers"][0]["calls"][1];
    assert_eq!(call["wait"]["seconds"], 23.4);
    assert_eq!(call["wait"]["within"], 0.15);
    assert_eq!(call["wait"]["evidence"][0], "no other call has these words in this voice");
    assert_eq!(call["reached"], "human");
    assert_eq!(call["passages"][0]["kind"], "hold");
    assert_eq!(call["passages"][0]["seconds"], 3.6);
    assert_eq!(call["segments"][2]["probability"], 0.62);
    assert_eq!(value["centers"][0]["holds"]["count"], 1);
    let unsure = &value["centers"][1]["calls"][0]["wait"];
    assert_eq!(unsure["confirm"], "a recording with the same words is known");
    assert_eq!(unsure["listen"], serde_json::json!([28.0, 32.0]));
    assert_eq!(call["true_wait"]["seconds"], 23.2);
    assert_eq!(call["claimed_by_answer"], 1.2);
    assert_eq!(value["centers"][1]["longest_wait"]["connected"], false);
    assert!(!text.contains("UklGR"));
    insta::assert_snapshot!(serde_json::to_string_pretty(&call["judgments"][15]).unwrap());
}

#[derive(Clone, Default)]
struct Shared(Arc<Mutex<Vec<u8>>>);

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn without_a_terminal_progress_is_plain_lines() {
    let out = Shared::default();
    let mut progress = Progress::plain(out.clone());
    let unit = UnitId::new("hanbit-card.q4.01").unwrap();
    let events = [
        CampaignEvent::Started { campaign: CampaignId::new("demo").unwrap(), units: 6 },
        CampaignEvent::AttemptBegan {
            unit: unit.clone(),
            center: CenterId::new("hanbit-card").unwrap(),
            number: AttemptNumber::FIRST,
            call: campaign().centers[0].calls[0].attempts[0].call,
        },
        CampaignEvent::Phase {
            unit: unit.clone(),
            phase: CallPhase::Queue,
            at: CallTime::from_millis(10_020),
        },
        CampaignEvent::AttemptEnded {
            unit: unit.clone(),
            number: AttemptNumber::FIRST,
            ending: CallEnding::Completed,
            lasted: Duration::from_millis(37_100),
        },
        CampaignEvent::UnitDone { unit: unit.clone() },
        CampaignEvent::Judged { unit, judgments: campaign().centers[0].calls[1].judgments.clone() },
        CampaignEvent::Finished { campaign: CampaignId::new("demo").unwrap() },
    ];
    for event in &events {
        progress.handle(event);
    }
    let text = String::from_utf8(out.0.lock().unwrap().clone()).unwrap();
    insta::assert_snapshot!(text);
}
