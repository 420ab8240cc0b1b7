//! Carries one call out: owns the leg, the media stream and the clock, and obeys the conductor.
//!
//! Enters: a ticket of the store, which is consumed here and nowhere else. Leaves: the attempt's record and the files
//! of its recording. The task never waits for anybody but its own leg, stream and deadline.

use super::conductor::{Conductor, Input, OFFERED, Output};
use crate::clock::{self, CallClock};
use crate::domain::event::CallPhase;
use crate::domain::ledger::AttemptTicket;
use crate::domain::record::{AttemptRecord, CallEnding, Provenance, RecordVersion, RecordingRef};
use crate::domain::time::CallTime;
use crate::domain::timeline::{EventKind, Timeline};
use crate::hearing::Library;
use crate::media::driver::{MediaEngine, Stream, StreamReport, StreamSpec};
use crate::media::{Codec as MediaCodec, MediaEvent};
use crate::scenario::Scenario;
use crate::sip::sdp::{self, AudioTarget, Codec as SdpCodec};
use crate::sip::{DialRequest, Endpoint, InviteName, Leg, LegEvent, StoredDialog};
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

/// What a call needs of its surroundings.
#[derive(Debug, Clone)]
pub struct CallSetup {
    /// The user agent.
    pub endpoint: Endpoint,
    /// The media thread.
    pub media: MediaEngine,
    /// Where the INVITE goes.
    pub trunk: SocketAddr,
    /// Domain of the Request-URI.
    pub domain: String,
    /// User part of the Request-URI: the number as the trunk wants it.
    pub number: String,
    /// What the INVITE is known by; it is in the ledger already.
    pub invite: InviteName,
    /// Address that our SDP names.
    pub media_address: IpAddr,
    /// What to do.
    pub scenario: Arc<Scenario>,
    /// Samples of the scenario's lines, in its order, 8 kHz mono.
    pub lines: Vec<Arc<[i16]>>,
    /// The center's known recordings.
    pub library: Arc<Library>,
    /// Stem of the recording's path; `None` without a recording basis.
    pub record_to: Option<PathBuf>,
    /// What the record says of its making.
    pub provenance: Provenance,
}

/// Who wants to know how a call goes while it lasts. Nothing here may block.
pub trait Observer: Send {
    /// The call entered a phase.
    fn phase(&mut self, phase: CallPhase, at: CallTime);
    /// An INVITE left: what is needed to cancel it after a crash. The first is the one of [`CallSetup::invite`].
    fn invite_sent(&mut self, branch: &str, from_tag: &str);
    /// The dialog stands: what is needed to end it after a crash.
    fn dialog_stands(&mut self, dialog: &StoredDialog);
}

/// A call that is over.
#[derive(Debug)]
pub struct FinishedCall {
    /// Its record.
    pub record: AttemptRecord,
    /// The recording and its sidecar, if audio was kept.
    pub files: Option<(PathBuf, PathBuf)>,
}

/// How long a digit sounds, and the pause after it. Within what ITU-T Q.24 lets receivers expect (≥ 40 ms each).
const DIGIT_ON: Duration = Duration::from_millis(120);
const DIGIT_GAP: Duration = Duration::from_millis(100);
/// How long the recorder may take to close a recording.
const CLOSING_LIMIT: Duration = Duration::from_secs(20);
/// Frames that may wait for this task: two seconds.
const MEDIA_BACKLOG: usize = 100;

/// Dials on a ticket and carries the scenario out.
pub async fn dial(
    ticket: AttemptTicket,
    setup: CallSetup,
    observer: &mut dyn Observer,
    stop: CancellationToken,
) -> FinishedCall {
    let clock = CallClock::open();
    let spec = StreamSpec { record_to: setup.record_to.clone(), events: MEDIA_BACKLOG };
    let mut stream = match setup.media.open(spec) {
        Ok(stream) => stream,
        Err(error) => return stillborn(&ticket, &setup, clock, error.to_string()),
    };
    let offer = sdp::audio_offer(setup.media_address, stream.local_port(), &OFFERED);
    let request = DialRequest {
        target: setup.trunk,
        number: setup.number.clone(),
        domain: setup.domain.clone(),
        sip_call_id: ticket.sip_call_id().to_owned(),
        offer,
        ring_limit: setup.scenario.ring_limit,
        name: Some(setup.invite.clone()),
    };
    let mut leg = match setup.endpoint.dial(request).await {
        Ok(leg) => leg,
        Err(error) => {
            stream.close().await;
            return stillborn(&ticket, &setup, clock, error.to_string());
        }
    };
    let conductor = Conductor::new(
        clock.opened(),
        ticket.number(),
        Arc::clone(&setup.scenario),
        Arc::clone(&setup.library),
    );
    let mut call = Running { conductor, setup: &setup, observer, clock };
    let ending = call.run(&mut leg, &mut stream, stop).await;
    let timeline = call.conductor.into_timeline();
    let report = tokio::time::timeout(CLOSING_LIMIT, stream.close()).await;
    let report = report.unwrap_or_else(|_| StreamReport {
        problems: vec!["the recording could not be closed in time; it is not used".to_owned()],
        ..StreamReport::default()
    });
    finished(&ticket, &setup, clock, ending, timeline, Some(report))
}

struct Running<'a> {
    conductor: Conductor,
    setup: &'a CallSetup,
    observer: &'a mut dyn Observer,
    clock: CallClock,
}

enum Woken {
    Leg(Option<LegEvent>),
    Media(Option<MediaEvent>),
    Stop,
    Time,
}

impl Running<'_> {
    async fn run(
        &mut self,
        leg: &mut Leg,
        stream: &mut Stream,
        stop: CancellationToken,
    ) -> CallEnding {
        let mut stopped = false;
        let mut media_open = true;
        loop {
            let deadline = match self.obey(leg, stream) {
                Ok(deadline) => deadline,
                Err(ending) => return ending,
            };
            let woken = tokio::select! {
                biased;
                event = leg.events.recv() => Woken::Leg(event),
                event = stream.events.recv(), if media_open => Woken::Media(event),
                () = stop.cancelled(), if !stopped => Woken::Stop,
                () = sleep_until(deadline), if deadline.is_some() => Woken::Time,
            };
            match woken {
                Woken::Leg(Some(event)) => self.conductor.handle(event.at, Input::Leg(&event.kind)),
                Woken::Leg(None) => {
                    let why = "the user agent is gone".to_owned();
                    return CallEnding::Aborted { why };
                }
                Woken::Media(Some(event)) => {
                    self.conductor.handle(event.at, Input::Media(&event.kind));
                }
                Woken::Media(None) => media_open = false,
                Woken::Stop => {
                    stopped = true;
                    let why = "the program was told to stop";
                    self.conductor.handle(clock::now(), Input::Stop { why });
                }
                Woken::Time => self.conductor.handle(clock::now(), Input::Tick),
            }
        }
    }

    /// Does what the conductor wants; gives its next deadline, or the ending as `Err`.
    fn obey(&mut self, leg: &Leg, stream: &Stream) -> Result<Option<Instant>, CallEnding> {
        while let Some(output) = self.conductor.poll() {
            match output {
                Output::Connect(target) => connect(stream, &target),
                Output::Say { line, token } => {
                    if let Some(samples) = self.setup.lines.get(line) {
                        stream.play(Arc::clone(samples), token);
                    }
                }
                Output::StopSaying => stream.stop_playing(),
                Output::SendDigits { digits, token } => {
                    stream.send_digits(digits, DIGIT_ON, DIGIT_GAP, token);
                }
                Output::Cancel => leg.cancel(),
                Output::Bye => leg.bye(None),
                Output::Phase(phase) => self.observer.phase(phase, self.clock.now()),
                Output::NoteInvite { branch, from_tag } => {
                    self.observer.invite_sent(&branch, &from_tag);
                }
                Output::NoteDialog(dialog) => self.observer.dialog_stands(&dialog),
                Output::Finished(ending) => return Err(ending),
                Output::WaitUntil(at) => return Ok(Some(self.clock.opened() + at.since_open())),
            }
        }
        Ok(None)
    }
}

async fn sleep_until(deadline: Option<Instant>) {
    if let Some(deadline) = deadline {
        tokio::time::sleep_until(deadline.into()).await;
    }
}

fn connect(stream: &Stream, target: &AudioTarget) {
    let codec = match target.codec {
        SdpCodec::Pcma => MediaCodec::Pcma,
        SdpCodec::Pcmu => MediaCodec::Pcmu,
    };
    stream.connect(target.addr, codec, target.codec_payload, target.telephone_event);
}

/// A call that ended before its INVITE left: our own fault.
fn stillborn(
    ticket: &AttemptTicket,
    setup: &CallSetup,
    clock: CallClock,
    why: String,
) -> FinishedCall {
    let mut timeline = Timeline::default();
    timeline.push(clock.now(), EventKind::Aborted { why: why.clone() });
    finished(ticket, setup, clock, CallEnding::Aborted { why }, timeline, None)
}

fn finished(
    ticket: &AttemptTicket,
    setup: &CallSetup,
    clock: CallClock,
    ending: CallEnding,
    mut timeline: Timeline,
    report: Option<StreamReport>,
) -> FinishedCall {
    for what in report.iter().flat_map(|r| r.problems.iter().cloned()) {
        timeline.push(clock.now(), EventKind::Degraded { what });
    }
    let had_media = timeline.first(|k| matches!(k, EventKind::FirstMedia)).is_some()
        || timeline.answered().is_some();
    let quality = report.as_ref().filter(|_| had_media).map(|r| r.quality.clone());
    let recording = report.and_then(|r| r.recording).filter(|r| r.samples > 0);
    let record = AttemptRecord {
        version: RecordVersion::CURRENT,
        unit: ticket.unit().clone(),
        number: ticket.number(),
        call: ticket.call(),
        opened_at: clock.opened_at(),
        sip_call_id: ticket.sip_call_id().to_owned(),
        ending,
        timeline,
        recording: recording.as_ref().map(|r| RecordingRef {
            pcm_hash: r.pcm_hash.clone(),
            starts_at: clock.at(r.first_sample_at),
            samples: r.samples,
            missing: r.missing,
        }),
        line_quality: quality,
        provenance: setup.provenance.clone(),
    };
    FinishedCall { record, files: recording.map(|r| (r.wav, r.sidecar)) }
}
