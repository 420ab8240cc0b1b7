//! The offline tier: the account of a whole call that is reported. Enters: both sides of the recording, the timeline, the
//! center's other calls, the transcript if there is one. Leaves: segments, the agent's onset, voiced stretches.

use super::accept::{Independent, acceptance};
use super::evidence::Evidence;
use super::features::Analyser;
use super::grammar::{self, Landmarks, stretches};
use super::lexicon::WordCue;
use super::library::Library;
use super::moment::{INPUTS, Sight, Track};
use super::network::FrameNetwork;
use super::onset::{self, Known};
use super::silero::Silero;
use crate::domain::audio::FRAME;
use crate::domain::segment::{AgentOnset, Hearing, Passage, Reached, Segment, SegmentKind};
use crate::domain::time::{CallTime, Span};
use crate::domain::timeline::{Discontinuity, EventKind, Timeline};
use crate::domain::transcript::Transcript;
use std::time::Duration;

/// A source that changed this long before an onset, or less, speaks for it.
const SOURCE_BEFORE: Duration = Duration::from_secs(3);
/// ... or this long after it, as a greeting may begin before the first packet is told apart.
const SOURCE_AFTER: Duration = Duration::from_millis(300);
/// A reply begins this long after our line, or less.
const REPLY_WITHIN: Duration = Duration::from_secs(4);
/// A sharp rise out of quiet is sure to a frame of the voice model; a rise out of babble may be half a second off.
const SHARP_WITHIN: Duration = Duration::from_millis(150);
const HIDDEN_WITHIN: Duration = Duration::from_millis(500);
/// A background is taken for a live microphone's from this share on.
const LIVE: f32 = 0.5;
/// Less voice than this in a candidate is reviewed, in frames: 1 s.
const LITTLE_VOICE: usize = 50;

/// What the offline tier hears with. All times stand on the call's axis.
#[derive(Debug, Clone, Copy)]
pub struct OfflineInput<'a> {
    /// What we received, mono 8 kHz.
    pub received: &'a [i16],
    /// What we sent, mono 8 kHz, on the same clock; may be shorter or empty.
    pub sent: &'a [i16],
    /// Where the first sample of both stands.
    pub starts_at: CallTime,
    /// What happened in the call.
    pub timeline: &'a Timeline,
    /// When a 2xx arrived; `None` if none did.
    pub answered: Option<CallTime>,
    /// When the agent-wait clock started; `None` if no agent was requested.
    pub request: Option<CallTime>,
    /// The center's other calls.
    pub library: &'a Library,
    /// What the frames sound like; [`FrameNetwork::centred`] unless networks are being compared.
    pub network: &'a FrameNetwork,
    /// The words, if they were recognised.
    pub transcript: Option<&'a Transcript>,
}

impl OfflineInput<'_> {
    /// Frame of the recording at `at`, the nearest one inside or beyond its end.
    fn frame(&self, at: CallTime) -> usize {
        (at.saturating_since(self.starts_at).as_micros() / FRAME.as_micros()) as usize
    }

    fn time(&self, frame: usize) -> CallTime {
        self.starts_at + FRAME * u32::try_from(frame).unwrap_or(u32::MAX)
    }

    fn span(&self, from: usize, to: usize) -> Span {
        Span::new(self.time(from), self.time(to))
    }
}

/// Hears a whole call. An empty recording gives an empty hearing; a last partial frame is left out.
///
/// Without a request there is no onset: whoever rings straight through to people gives the instant of ringing or of the
/// answer as the request.
pub fn analyze(input: &OfflineInput<'_>, silero: &Silero) -> Hearing {
    let sides = (input.received, input.sent);
    let evidence = Evidence::of(sides, input.library, silero, input.network);
    let cues = onset::cues(input.transcript, |at| input.frame(at));
    let answered = input.answered.map(|at| input.frame(at));
    let request = input.request.map(|at| input.frame(at));
    let heard = answered.zip(request).map(|(answered, request)| {
        let sources: Vec<usize> = sources(input.timeline).map(|(at, _)| input.frame(at)).collect();
        let lines: Vec<usize> = input.timeline.said().map(|line| input.frame(line.end)).collect();
        let known = Known {
            // Nobody greets before the answer, even where the clock runs since the first ring.
            request: request.max(answered),
            answered,
            cues: &cues,
            sources: &sources,
            lines: &lines,
            other_calls: input.library.other_calls(),
        };
        onset::find(&evidence, known)
    });
    let marks = Landmarks { answered, request, heard: heard.as_ref() };
    let segments: Vec<Segment> = stretches(&evidence, &marks, &cues)
        .into_iter()
        .map(|s| Segment {
            span: input.span(s.from, s.to),
            kind: s.kind,
            probability: s.probability,
            prompt: s.prompt,
            because: s.because.to_owned(),
        })
        .collect();
    let onset = heard.as_ref().and_then(|heard| onset_of(input, &evidence, heard));
    let passages = heard.iter().flat_map(|heard| grammar::passages(&evidence, heard));
    Hearing {
        reached: Some(reached(&segments, onset.is_some())),
        passages: passages
            .map(|(kind, from, to)| Passage { kind, span: input.span(from, to) })
            .collect(),
        onset,
        segments,
        voiced: evidence.voiced.iter().map(|&(from, to)| input.span(from, to)).collect(),
        other_calls: input.library.other_calls(),
    }
}

/// Who or what a call with these segments reached in the end.
fn reached(segments: &[Segment], agent: bool) -> Reached {
    use SegmentKind as K;
    let any = |kinds: &[K]| segments.iter().any(|s| kinds.contains(&s.kind));
    match () {
        () if any(&[K::Voicebot]) => Reached::Voicebot,
        () if agent => Reached::Human,
        () if any(&[K::Voicemail]) => Reached::Voicemail,
        () if any(&[K::Intercept]) => Reached::Intercept,
        () if any(&[K::ClosedMessage]) => Reached::ClosedMessage,
        () if any(&[K::CallbackOffer]) => Reached::CallbackOffer,
        () if segments.iter().all(|s| s.kind == K::Silence) => Reached::Nothing,
        () => Reached::Recording,
    }
}

/// What the frame network sees of each frame: with sight to both sides and the voice model, and causally without it.
pub fn training_inputs(
    received: &[i16],
    silero: &Silero,
) -> (Vec<[f32; INPUTS]>, Vec<[f32; INPUTS]>) {
    let features = Analyser::all(received);
    let rows = |voice: &[f32], sight: Sight| {
        let track = Track::of(&features, voice);
        (0..track.len()).map(|at| track.inputs(at, sight)).collect()
    };
    let voice = super::evidence::voice_of_frames(silero, received, features.len());
    (rows(&voice, Sight::Centred), rows(&[], Sight::Causal))
}

fn onset_of(
    input: &OfflineInput<'_>,
    evidence: &Evidence,
    heard: &onset::Heard,
) -> Option<AgentOnset> {
    let candidate = heard.candidate.as_ref()?;
    let at = input.time(candidate.at);
    let others = input.library.other_calls();
    let source_changed = source_changed(input.timeline, at);
    let independent = Independent {
        words: candidate.words,
        replied: replied(input, evidence, at),
        source_changed: source_changed.is_some(),
        live: candidate.live >= LIVE,
    };
    let probability = heard.reading.probability;
    let mut speaks: Vec<String> = vec![format!("probability {:.0} %", probability * 100.0)];
    if others > 0 {
        speaks.push(format!("no recording of {others} other calls matches"));
    }
    speaks.push("no music, recording or tone follows that a hold would not explain".into());
    if candidate.queued {
        speaks.push("it follows waiting sounds".into());
    }
    if independent.live {
        speaks.push("the background of a live microphone begins".into());
    }
    if let Some(WordCue::Greeting(word)) = candidate.words {
        speaks.push(format!("the words `{word}`"));
    }
    if independent.replied {
        speaks.push("it replies to our caller".into());
    }
    speaks.extend(source_changed);
    let little = (candidate.voice < LITTLE_VOICE)
        .then(|| FRAME * u32::try_from(candidate.voice).unwrap_or(u32::MAX));
    Some(AgentOnset {
        at,
        within: if candidate.hidden { HIDDEN_WITHIN } else { SHARP_WITHIN },
        evidence: speaks,
        acceptance: acceptance(at, (others, probability), little, independent),
    })
}

/// Changes of the media source, and what changed.
fn sources(timeline: &Timeline) -> impl Iterator<Item = (CallTime, &'static str)> {
    timeline.events().iter().filter_map(|event| match &event.kind {
        EventKind::Discontinuity { change } => {
            let what = match change {
                Discontinuity::Ssrc { .. } => "another RTP source (SSRC)",
                Discontinuity::SourceMoved => "packets from another address",
                Discontinuity::TimestampJump { .. } => "a jump of the RTP timestamp",
                Discontinuity::PayloadType { .. } => "another payload type",
                Discontinuity::Reanchored { .. } => return None,
            };
            Some((event.at, what))
        }
        _ => None,
    })
}

fn source_changed(timeline: &Timeline, at: CallTime) -> Option<String> {
    let near = Span::new(at.saturating_sub(SOURCE_BEFORE), at + SOURCE_AFTER);
    let (at, what) = sources(timeline).find(|(at, _)| near.contains(*at))?;
    Some(format!("{what} at {at}"))
}

/// Whether the far end speaks soon after one of our caller's lines that came after the onset, and was quiet in it.
fn replied(input: &OfflineInput<'_>, evidence: &Evidence, onset: CallTime) -> bool {
    input.timeline.said().filter(|line| line.start >= onset).any(|line| {
        let (from, to) = (input.frame(line.start), input.frame(line.end));
        let until = input.frame(line.end + REPLY_WITHIN);
        let voice = &evidence.voice;
        let over = super::mask::count(voice, from, to);
        let after = super::mask::count(voice, to, until);
        // Who talks through our line does not reply to it.
        after >= 15 && over * 2 < (to - from).max(1)
    })
}

#[cfg(test)]
mod tests {
    use super::super::fingerprint::fingerprint;
    use super::super::testing::{companded, music, noise, sines, speech};
    use super::*;
    use crate::domain::segment::Acceptance;
    use crate::domain::timeline::Party;
    use crate::domain::transcript::{Language, Utterance};

    /// The voice model, if it was fetched; these tests need it.
    fn silero() -> Option<Silero> {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/models/silero_vad_16k.safetensors");
        let Ok(bytes) = std::fs::read(path) else {
            skipped(path);
            return None;
        };
        Some(Silero::from_bytes(&bytes).unwrap())
    }

    #[expect(clippy::print_stderr, reason = "a skipped test has to be seen")]
    fn skipped(path: &str) {
        eprintln!("skipped: {path} is absent; fetch it with `callprobe models fetch`");
    }

    fn quiet(millis: usize) -> Vec<i16> {
        noise(50, -66.0, millis)
    }

    fn ms(millis: u64) -> CallTime {
        CallTime::from_millis(millis)
    }

    const ANNOUNCEMENT: u64 = 11;
    const AGENT: u64 = 21;

    /// Menu 0–3 s, request at 3.5 s, announcement 4–8 s, music 8–16 s, then `last`.
    fn call(last: &[i16]) -> Vec<i16> {
        let parts = [
            speech(10, 1.0, 3000),
            quiet(1000),
            speech(ANNOUNCEMENT, 1.0, 4000),
            music(5, 8000),
            quiet(700),
            last.to_vec(),
            quiet(1500),
        ];
        companded(&parts.concat())
    }

    fn hear(
        received: &[i16],
        library: &Library,
        transcript: Option<&Transcript>,
    ) -> Option<Hearing> {
        let timeline = Timeline::default();
        let input = OfflineInput {
            received,
            sent: &[],
            starts_at: CallTime::ZERO,
            timeline: &timeline,
            answered: Some(CallTime::ZERO),
            request: Some(ms(3500)),
            library,
            network: FrameNetwork::centred(),
            transcript,
        };
        Some(analyze(&input, &silero()?))
    }

    fn library_of(count: u64) -> Library {
        let others: Vec<_> =
            (0..count).map(|n| fingerprint(&call(&speech(100 + n, 1.0, 5000)))).collect();
        Library::from_calls(&others)
    }

    fn greeting() -> Transcript {
        Transcript {
            model: crate::domain::ids::ContentHash::from_bytes(&[0; 32]),
            language: Language::Ko,
            utterances: vec![Utterance {
                party: Party::FarEnd,
                span: Span::new(ms(16_700), ms(21_000)),
                text: "네, 무엇을 도와드릴까요?".into(),
                words: vec![],
                mean_log_probability: -0.2,
            }],
            dropped: 0,
        }
    }

    #[test]
    fn an_agent_after_announcement_and_music_begins_at_16_7_s() {
        let transcript = greeting();
        let received = call(&speech(AGENT, 1.0, 6000));
        let Some(hearing) = hear(&received, &library_of(4), Some(&transcript)) else { return };
        let onset = hearing.onset.unwrap();
        assert!((onset.at.as_secs_f64() - 16.7).abs() < 0.5, "{onset:?}");
        assert_eq!(onset.acceptance, Acceptance::Accepted);
        assert_eq!(hearing.other_calls, 4);
    }

    #[test]
    fn without_words_reply_or_source_change_a_person_has_to_listen() {
        let received = call(&speech(AGENT, 1.0, 6000));
        let Some(hearing) = hear(&received, &library_of(4), None) else { return };
        assert!(matches!(hearing.onset.unwrap().acceptance, Acceptance::Review { .. }));
    }

    #[test]
    fn a_call_that_only_plays_recordings_has_no_agent() {
        let last = speech(ANNOUNCEMENT, 1.0, 4000);
        let Some(hearing) = hear(&call(&last), &library_of(4), None) else { return };
        assert_eq!(hearing.onset, None);
    }

    #[test]
    fn our_own_voice_coming_back_is_no_agent() {
        let Some(silero) = silero() else { return };
        let line = speech(33, 1.0, 4000);
        let sent = [vec![0; 16_000], line.clone(), vec![0; 16_000]].concat();
        let softer: Vec<i16> = line.iter().map(|s| s / 4).collect();
        let received = companded(&[vec![0; 16_000 + 1200], softer, vec![0; 14_800]].concat());
        let (timeline, library) = (Timeline::default(), Library::empty());
        let mut input = OfflineInput {
            received: &received,
            sent: &sent,
            starts_at: CallTime::ZERO,
            timeline: &timeline,
            answered: Some(CallTime::ZERO),
            request: Some(CallTime::ZERO),
            library: &library,
            network: FrameNetwork::centred(),
            transcript: None,
        };
        assert_eq!(analyze(&input, &silero).onset, None);
        input.sent = &[];
        assert!(analyze(&input, &silero).onset.is_some());
    }

    #[test]
    fn segments_cover_the_recording_without_gaps_and_name_the_busy_tone() {
        let Some(silero) = silero() else { return };
        let mut received = quiet(500);
        for _ in 0..6 {
            received.extend(sines(&[480.0, 620.0], 5000.0, 500));
            received.extend(quiet(500));
        }
        let (timeline, library) = (Timeline::default(), Library::empty());
        let input = OfflineInput {
            received: &received,
            sent: &[],
            starts_at: ms(400),
            timeline: &timeline,
            answered: None,
            request: None,
            library: &library,
            network: FrameNetwork::centred(),
            transcript: None,
        };
        let hearing = analyze(&input, &silero);
        assert_eq!(hearing.segments.first().unwrap().span.start, ms(400));
        assert_eq!(hearing.segments.last().unwrap().span.end, ms(6900));
        assert!(hearing.segments.windows(2).all(|w| w[0].span.end == w[1].span.start));
        assert!(hearing.segments.iter().any(|s| s.kind == SegmentKind::Busy));
        assert_eq!(hearing.onset, None);
    }

    #[test]
    fn an_empty_recording_gives_an_empty_hearing() {
        let Some(hearing) = hear(&[], &Library::empty(), None) else { return };
        assert!(hearing.segments.is_empty() && hearing.onset.is_none());
    }
}
