//! `callprobe demo`: three simulated centers, called for real.

use super::args::DemoArguments;
use super::exit::Exit;
use super::failure::{Failure, OrFail as _};
use super::{block_on, print, stage};
use crate::report::{self, Style};

pub(super) fn run(arguments: &DemoArguments) -> Result<Exit, Failure> {
    block_on(async {
        print::note(format!(
            "== calling 3 simulated centers, {} calls each, {} at a time, over SIP and RTP on loopback",
            arguments.calls, arguments.concurrent
        ));
        let mut played = stage::play(arguments).await?;
        played.report.notices.extend(stage::said_of(&played.run.end));
        let page = arguments.out.join(format!("{}.html", played.report.campaign));
        std::fs::write(&page, report::html(&played.report)).or_infrastructure()?;
        if arguments.json {
            print::out(report::json(&played.report).or_infrastructure()?);
        } else {
            print::out(report::terminal(&played.report, Style::of_stdout()));
        }
        print::note(format!(
            "== calls took {:.0} s, reading and judging afterwards {:.0} s",
            played.calls_took.as_secs_f64(),
            played.workup_took.as_secs_f64()
        ));
        let campaign = &played.report.campaign;
        let store = played.store.display();
        let program = std::env::args().next().unwrap_or_else(|| "callprobe".to_owned());
        print::note(format!(
            "\nThe report with a picture and the sound of every call:\n  {}\n\nTry next:\n  \
             {program} explain A3                               what the agent wait is\n  \
             {program} rejudge {campaign} --store {store}   judge again, without a call\n  \
             {program} bench truth                              how far the instrument can be trusted",
            page.display()
        ));
        Ok(stage::exit_of(&played.run.end))
    })
}
