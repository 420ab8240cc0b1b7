//! Enrolment: the recordings that a center plays, found in its calls. Enters: prints of its calls with what was heard in
//! them, and the recordings known so far. Leaves: the recordings known now, and where each call plays them.
//!
//! A stretch is enrolled if at least two other calls play it ([`super::repeats`]). The same recording found in many
//! calls becomes one record with the longest extent that was found. Music that callers enter at any place is stitched:
//! a stretch that goes on where a known one ends makes that one longer, so a piece that repeats becomes one record as
//! long as the piece. Nothing is learned from what a person said, from tones, nor from repeats within one call.

use super::fingerprint::{Fingerprints, MATCH_PRINTS};
use super::library::{Apart, Library, matches};
use super::mask;
use super::naming;
use super::occurrence::{HOLDS, Played, aligned, may_play, played};
use super::repeats::{FrameSound, Repeat, Track, repeats};
use crate::domain::audio::FRAME;
use crate::domain::ids::{CallId, CenterId};
use crate::domain::prompt::{PromptRecord, PromptSound};
use crate::domain::segment::{Segment, SegmentKind};
use crate::domain::time::{CallTime, WallTime};
use crate::domain::transcript::Transcript;
use std::collections::{BTreeMap, BTreeSet};

/// Shorter recordings are not enrolled: 1.2 s. A comparison takes 0.64 s and half a second of close ones is asked for,
/// so a shorter one would never be known again.
const SHORTEST: usize = 60;
/// Shorter pieces of music are not enrolled, 5 s, nor more pieces than this of one center: the music of a queue is
/// known by a few long records, not by the scraps that damage leaves.
const SHORTEST_MUSIC: usize = 250;
const PIECES: usize = 6;
/// Recordings are stitched to at most this many prints: 10 minutes.
const LONGEST: usize = 30_000;
/// A stretch goes on where a recording ended if at most this many frames lie between.
const ABUTS: usize = 30;
/// A record takes the prints of a longer finding only if that is this many prints longer: half a second.
const WORTH_LENGTHENING: usize = 25;
/// A person who sounds for this many frames around the onset is told from a recording by the onset alone.
const AROUND_ONSET: usize = 25;
/// After a person had a recording forgotten, this many later calls bring it back.
const BRINGS_BACK: usize = 3;

/// A call of a center, as far as enrolment looks at it.
#[derive(Debug, Clone)]
pub struct EnrolCall<'a> {
    /// Its name.
    pub call: CallId,
    /// When it was opened.
    pub opened: WallTime,
    /// Its prints.
    pub prints: &'a Fingerprints,
    /// Where the first print stands on the call's axis.
    pub starts_at: CallTime,
    /// What was heard in it; without any, all of it is taken for a voice that may be a recording.
    pub segments: &'a [Segment],
    /// When a person began to speak.
    pub onset: Option<CallTime>,
    /// When a 2xx arrived.
    pub answered: Option<CallTime>,
    /// When an agent was requested.
    pub request: Option<CallTime>,
    /// When our digits ended.
    pub pressed: Vec<CallTime>,
    /// Its words.
    pub transcript: Option<&'a Transcript>,
}

impl EnrolCall<'_> {
    fn frame(&self, at: CallTime) -> usize {
        (at.saturating_since(self.starts_at).as_micros() / FRAME.as_micros()) as usize
    }

    fn track(&self) -> Track<'_> {
        let frames = self.prints.prints.len();
        let mut sounds = vec![FrameSound::Voice; frames];
        for segment in self.segments {
            let (from, to) = (self.frame(segment.span.start), self.frame(segment.span.end));
            sounds[from.min(frames)..to.min(frames)].fill(frame_sound(segment.kind));
        }
        if let Some(onset) = self.onset.map(|at| self.frame(at)) {
            for sound in sounds.iter_mut().skip(onset.saturating_sub(AROUND_ONSET)) {
                if *sound != FrameSound::Music {
                    *sound = FrameSound::Never;
                }
            }
        }
        let broke = self.pressed.iter().chain(&self.onset).map(|&at| self.frame(at)).collect();
        Track { prints: self.prints, sounds, broke }
    }
}

fn frame_sound(kind: SegmentKind) -> FrameSound {
    match kind {
        SegmentKind::Silence => FrameSound::Pause,
        SegmentKind::QueueMusic | SegmentKind::Coloring | SegmentKind::Hold => FrameSound::Music,
        kind if may_play(kind) => FrameSound::Voice,
        _ => FrameSound::Never,
    }
}

/// What enrolment leaves.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Enrolment {
    /// All recordings of the center, forgotten ones too, by identifier.
    pub prompts: Vec<PromptRecord>,
    /// Where the calls play them.
    pub played: BTreeMap<CallId, Vec<Played>>,
}

/// Finds the recordings of `center` in its calls and merges them with those stored. The same calls again change nothing.
///
/// Stored recordings that these calls do not play stay as they are.
pub fn enrol(center: &CenterId, calls: &[EnrolCall<'_>], stored: Vec<PromptRecord>) -> Enrolment {
    let mut calls: Vec<&EnrolCall<'_>> = calls.iter().collect();
    calls.sort_by_key(|call| (call.opened, call.call));
    let tracks: Vec<Track<'_>> = calls.iter().map(|call| call.track()).collect();
    let drafts = drafts(&tracks, repeats(&tracks));
    let mut prompts = merged(center, drafts, stored);
    let mut heard = heard_by(&prompts, &calls, &tracks);
    let gone = still_forgotten(&mut prompts, &calls, &heard);
    for of_call in heard.values_mut() {
        of_call.retain(|one| !gone.contains(&one.prompt));
    }
    for prompt in &mut prompts {
        for call in &calls {
            let plays = heard
                .get(&call.call)
                .is_some_and(|all| all.iter().any(|p| p.prompt == prompt.prompt));
            if plays {
                prompt.heard(call.call, call.opened);
            }
        }
    }
    // What no call is sure to play was no recording: a damaged stretch, too short to be known again.
    prompts.retain(|prompt| !prompt.is_known() || prompt.calls > 0);
    naming::name(&mut prompts, &calls, &heard);
    Enrolment { prompts, played: heard }
}

/// A recording in the making.
#[derive(Debug, Clone)]
struct Draft {
    prints: Vec<u32>,
    sound: PromptSound,
    /// Frame and call where it was found.
    found: (usize, usize),
}

/// One draft for each recording, from the repeats of all calls: the longest first, the others only with what they add.
fn drafts(tracks: &[Track<'_>], mut repeats: Vec<Repeat>) -> Vec<Draft> {
    repeats.sort_by_key(|r| (std::cmp::Reverse(r.length()), r.call, r.frames));
    let mut drafts: Vec<Draft> = Vec::new();
    for repeat in repeats {
        let (from, to) = repeat.frames;
        let call = tracks[repeat.call].prints;
        let part = Fingerprints {
            prints: call.prints[from..to].to_vec(),
            levels: call.levels[from..to].to_vec(),
        };
        let sound = if repeat.music { PromptSound::Music } else { PromptSound::Voice };
        let explained = explained(&drafts, &part);
        let mut unexplained: Vec<bool> = explained.iter().map(Option::is_none).collect();
        mask::drop_short(&mut unexplained, HOLDS);
        for (from, to) in mask::runs(&unexplained) {
            let prints = &part.prints[from..to];
            if sound == PromptSound::Music && stitch(&mut drafts, &explained, (from, to), prints) {
                continue;
            }
            if to - from >= SHORTEST {
                let found = (repeat.frames.0 + from, repeat.call);
                drafts.push(Draft { prints: prints.to_vec(), sound, found });
            }
        }
    }
    drafts.retain(|d| d.sound == PromptSound::Voice || d.prints.len() >= SHORTEST_MUSIC);
    // Numbers follow the order of a call.
    drafts.sort_by_key(|draft| draft.found);
    drafts
}

/// For every frame of a stretch the draft that plays there, and which frame of it.
fn explained(drafts: &[Draft], part: &Fingerprints) -> Vec<Option<(usize, usize)>> {
    let mut explained = vec![None; part.prints.len()];
    let streams: Vec<Fingerprints> = drafts.iter().map(whole).collect();
    let library = Library::from_calls(&streams);
    let mut alignments = aligned(&matches(&library, part, Apart::Anywhere));
    alignments.sort_by_key(|a| a.hits);
    for one in alignments {
        let length = drafts[one.stream].prints.len() as i64;
        // Comparisons reach the edges of either side only halfway.
        let from = one.from.saturating_sub(MATCH_PRINTS);
        let to = (one.to + MATCH_PRINTS).min(explained.len());
        for (n, slot) in explained.iter_mut().enumerate().take(to).skip(from) {
            let there = one.there(n);
            let edge = n < one.from || n >= one.to;
            let near_edge = n < MATCH_PRINTS
                || n + MATCH_PRINTS >= part.prints.len()
                || there < MATCH_PRINTS as i64
                || there + MATCH_PRINTS as i64 >= length;
            if (0..length).contains(&there) && (!edge || near_edge) {
                *slot = usize::try_from(there).ok().map(|there| (one.stream, there));
            }
        }
    }
    explained
}

fn whole(draft: &Draft) -> Fingerprints {
    Fingerprints { prints: draft.prints.clone(), levels: vec![0; draft.prints.len()] }
}

/// Makes the music before or after an unexplained stretch longer by it.
fn stitch(
    drafts: &mut [Draft],
    explained: &[Option<(usize, usize)>],
    (from, to): (usize, usize),
    prints: &[u32],
) -> bool {
    let music = |drafts: &[Draft], n: usize| drafts[n].sound == PromptSound::Music;
    let before = explained[from.saturating_sub(ABUTS)..from].iter().rev().find_map(|e| *e);
    if let Some((n, there)) = before
        && music(drafts, n)
        && there + ABUTS >= drafts[n].prints.len()
        && drafts[n].prints.len() + prints.len() <= LONGEST
    {
        drafts[n].prints.truncate(there + 1);
        drafts[n].prints.extend_from_slice(prints);
        return true;
    }
    let after = explained[to..explained.len().min(to + ABUTS)].iter().find_map(|e| *e);
    if let Some((n, there)) = after
        && music(drafts, n)
        && there <= ABUTS
        && drafts[n].prints.len() + prints.len() <= LONGEST
    {
        let mut longer = prints.to_vec();
        longer.extend_from_slice(&drafts[n].prints[there..]);
        drafts[n].prints = longer;
        return true;
    }
    false
}

/// How much of a draft and of a stored recording is the same.
struct Likeness {
    draft: usize,
    stored: usize,
    shared: usize,
}

/// Gives drafts the identifiers of the recordings they are, and new ones to the others. Of several drafts inside one
/// stored recording, as when calls began to part in its middle, the longest keeps the identifier.
fn merged(center: &CenterId, drafts: Vec<Draft>, stored: Vec<PromptRecord>) -> Vec<PromptRecord> {
    let likenesses = likenesses(&drafts, &stored);
    let mut prompts = stored;
    let mut kept: BTreeMap<usize, usize> = BTreeMap::new();
    let mut taken: BTreeSet<usize> = BTreeSet::new();
    for like in &likenesses {
        let (draft, record) = (drafts[like.draft].prints.len(), prompts[like.stored].prints.len());
        let music = drafts[like.draft].sound == PromptSound::Music;
        // A shorter draft is a part of the recording; a much longer one is another, which begins or ends like it.
        let same = like.shared * 10 >= draft.min(record) * 6
            && (music || draft <= record || like.shared * 2 >= draft);
        if same && !kept.contains_key(&like.draft) && taken.insert(like.stored) {
            kept.insert(like.draft, like.stored);
        }
    }
    let pieces = |all: &[PromptRecord]| {
        all.iter().filter(|p| p.is_known() && p.sound == PromptSound::Music).count()
    };
    let mut next = prompts.iter().map(|p| p.prompt).max().map_or(1, |last| last + 1);
    for (n, draft) in drafts.into_iter().enumerate() {
        let inside = |record: usize| {
            likenesses.iter().any(|l| l.draft != n && l.stored == record && l.shared >= SHORTEST)
        };
        if let Some(&record) = kept.get(&n) {
            let was_cut = draft.sound == PromptSound::Voice && inside(record);
            let prompt = &mut prompts[record];
            let longer = draft.prints.len() > prompt.prints.len() + WORTH_LENGTHENING;
            if longer || (was_cut && draft.prints.len() + WORTH_LENGTHENING < prompt.prints.len()) {
                prompt.prints = draft.prints;
                // Other words belong to it now.
                prompt.text.clear();
                prompt.options.clear();
            }
            continue;
        }
        // A scrap of music that is known already is not another recording.
        let scrap = draft.sound == PromptSound::Music
            && likenesses.iter().any(|l| l.draft == n && l.shared * 10 >= draft.prints.len() * 6);
        let enough = draft.sound == PromptSound::Music && pieces(&prompts) >= PIECES;
        if !scrap && !enough {
            let sound = draft.sound;
            prompts.push(PromptRecord {
                sound,
                ..PromptRecord::new(center.clone(), next, draft.prints)
            });
            next += 1;
        }
    }
    prompts
}

fn likenesses(drafts: &[Draft], stored: &[PromptRecord]) -> Vec<Likeness> {
    let streams: Vec<Fingerprints> = stored
        .iter()
        .map(|p| Fingerprints { prints: p.prints.clone(), levels: vec![0; p.prints.len()] })
        .collect();
    let library = Library::from_calls(&streams);
    let mut all = Vec::new();
    for (draft, prints) in drafts.iter().map(whole).enumerate() {
        let mut shared: BTreeMap<usize, usize> = BTreeMap::new();
        for one in aligned(&matches(&library, &prints, Apart::Anywhere)) {
            // Comparisons at the edges stand for the half that lies outside them.
            *shared.entry(one.stream).or_default() += one.hits + MATCH_PRINTS;
        }
        all.extend(shared.into_iter().map(|(stored, shared)| Likeness { draft, stored, shared }));
    }
    all.sort_by_key(|l| (std::cmp::Reverse(l.shared), l.draft, l.stored));
    all
}

/// Where each call plays which recording, forgotten ones included. What a person said plays none.
fn heard_by(
    prompts: &[PromptRecord],
    calls: &[&EnrolCall<'_>],
    tracks: &[Track<'_>],
) -> BTreeMap<CallId, Vec<Played>> {
    let known: Vec<PromptRecord> =
        prompts.iter().map(|p| PromptRecord { forgotten: None, ..p.clone() }).collect();
    let library = Library::from_prompts(&known);
    let of_call = |(call, track): (&&EnrolCall<'_>, &Track<'_>)| {
        let mut all = played(&library, call.prints);
        all.retain(|one| {
            let never = track.sounds[one.frames.0..one.frames.1.min(track.sounds.len())]
                .iter()
                .filter(|sound| **sound == FrameSound::Never)
                .count();
            never * 2 < one.heard()
        });
        (call.call, all)
    };
    calls.iter().zip(tracks).map(of_call).collect()
}

/// Recordings that a person had forgotten come back if enough later calls play them; gives back those that stay away.
fn still_forgotten(
    prompts: &mut [PromptRecord],
    calls: &[&EnrolCall<'_>],
    heard: &BTreeMap<CallId, Vec<Played>>,
) -> BTreeSet<u64> {
    let mut gone = BTreeSet::new();
    for prompt in prompts.iter_mut() {
        let Some(forgotten) = prompt.forgotten else { continue };
        let plays = |call: &&&EnrolCall<'_>| {
            heard.get(&call.call).is_some_and(|all| all.iter().any(|p| p.prompt == prompt.prompt))
        };
        let later = calls.iter().filter(|c| c.opened > forgotten).filter(plays).count();
        if later >= BRINGS_BACK {
            prompt.forgotten = None;
        } else {
            gone.insert(prompt.prompt);
        }
    }
    gone
}

#[cfg(test)]
mod tests {
    use super::super::fingerprint::fingerprint;
    use super::super::testing::{companded, music, noise, speech};
    use super::*;
    use crate::domain::ids::ContentHash;
    use crate::domain::prompt::PromptRole;
    use crate::domain::time::Span;
    use crate::domain::timeline::Party;
    use crate::domain::transcript::{Language, Utterance};

    /// A call in the making.
    struct Made {
        number: u8,
        prints: Fingerprints,
        segments: Vec<Segment>,
        onset: Option<CallTime>,
        request: Option<CallTime>,
        transcript: Option<Transcript>,
    }

    fn made(number: u8, parts: &[Vec<i16>]) -> Made {
        let prints = fingerprint(&companded(&parts.concat()));
        Made { number, prints, segments: vec![], onset: None, request: None, transcript: None }
    }

    fn ms(millis: u64) -> CallTime {
        CallTime::from_millis(millis)
    }

    fn opened(number: u8) -> WallTime {
        WallTime(jiff::Timestamp::from_second(1_000_000 + i64::from(number) * 3600).unwrap())
    }

    fn id(number: u8) -> CallId {
        CallId::from_uuid(uuid::Uuid::from_u128(u128::from(number)))
    }

    fn learned(calls: &[Made], stored: Vec<PromptRecord>) -> Enrolment {
        let calls: Vec<EnrolCall<'_>> = calls
            .iter()
            .map(|made| EnrolCall {
                call: id(made.number),
                opened: opened(made.number),
                prints: &made.prints,
                starts_at: CallTime::ZERO,
                segments: &made.segments,
                onset: made.onset,
                answered: Some(CallTime::ZERO),
                request: made.request,
                pressed: vec![],
                transcript: made.transcript.as_ref(),
            })
            .collect();
        enrol(&CenterId::new("hanbit").unwrap(), &calls, stored)
    }

    fn quiet(seed: u64, millis: usize) -> Vec<i16> {
        noise(seed, -66.0, millis)
    }

    /// Quiet, a prompt, quiet, a person.
    fn ordinary(number: u8, prompt: &[i16]) -> Made {
        let seed = u64::from(number);
        let parts = [
            quiet(seed, 600 + 130 * usize::from(number)),
            prompt.to_vec(),
            quiet(seed + 50, 900),
            speech(1000 + seed, 1.0, 4000),
            quiet(seed + 100, 500),
        ];
        made(number, &parts)
    }

    fn lengths(enrolment: &Enrolment) -> Vec<f64> {
        enrolment.prompts.iter().map(|p| p.length().as_secs_f64()).collect()
    }

    fn is_about(length: f64, expected: f64) {
        assert!((length - expected).abs() <= 0.3, "{length} instead of {expected}");
    }

    #[test]
    fn a_recording_of_four_calls_is_one_record_of_its_full_length() {
        let prompt = speech(1, 1.0, 5000);
        let mut calls: Vec<Made> = (1..=3).map(|n| ordinary(n, &prompt)).collect();
        // The fourth caller hangs up, or presses a key, after three seconds.
        calls.push(ordinary(4, &prompt[..24_000]));
        let found = learned(&calls, vec![]);
        let [length] = lengths(&found)[..] else { panic!("{:?}", lengths(&found)) };
        is_about(length, 5.0);
        let record = &found.prompts[0];
        assert_eq!((record.calls, record.version, record.sound), (4, 1, PromptSound::Voice));
        assert_eq!((record.first_seen, record.last_seen), (Some(opened(1)), Some(opened(4))));
        let [one] = found.played[&id(2)][..] else { panic!("{:?}", found.played) };
        assert!(one.frames.0.abs_diff(43) <= 8 && one.heard().abs_diff(250) <= 15, "{one:?}");
    }

    #[test]
    fn two_calls_and_repeats_within_one_call_teach_nothing() {
        let prompt = speech(1, 1.0, 5000);
        let twice = [prompt.clone(), quiet(7, 12_000), prompt.clone()].concat();
        let calls = [ordinary(1, &twice), ordinary(2, &prompt), ordinary(3, &speech(2, 1.0, 5000))];
        assert_eq!(learned(&calls, vec![]).prompts, vec![]);
    }

    #[test]
    fn the_same_calls_again_change_nothing_and_a_new_one_counts_once() {
        let prompt = speech(1, 1.0, 5000);
        let mut calls: Vec<Made> = (1..=3).map(|n| ordinary(n, &prompt)).collect();
        let first = learned(&calls, vec![]);
        let again = learned(&calls, first.prompts.clone());
        assert_eq!(again, first);
        calls.push(ordinary(9, &prompt));
        let more = learned(&calls, again.prompts);
        assert_eq!(more.prompts.len(), 1);
        assert_eq!((more.prompts[0].prompt, more.prompts[0].calls), (1, 4));
        assert_eq!(more.prompts[0].last_seen, Some(opened(9)));
        // A known recording is counted even where it would not be learned.
        let alone = learned(&calls[3..], first.prompts);
        assert_eq!((alone.prompts.len(), alone.prompts[0].calls), (1, 4));
    }

    #[test]
    fn a_recording_ends_where_calls_part() {
        let welcome = speech(1, 1.0, 4000);
        let (menu, closed) = (speech(2, 1.0, 5000), speech(3, 1.0, 4500));
        let with = |n: u8, next: &[i16]| {
            let gap = quiet(300 + u64::from(n), 700);
            ordinary(n, &[welcome.clone(), gap, next.to_vec()].concat())
        };
        let mut calls: Vec<Made> = (1..=3).map(|n| with(n, &menu)).collect();
        calls.extend((4..=6).map(|n| with(n, &closed)));
        let found = learned(&calls, vec![]);
        let [first, second, third] = lengths(&found)[..] else { panic!("{:?}", lengths(&found)) };
        is_about(first, 4.0);
        is_about(second, 5.0);
        is_about(third, 4.5);
        let calls: Vec<u32> = found.prompts.iter().map(|p| p.calls).collect();
        assert_eq!(calls, [6, 3, 3]);
    }

    #[test]
    fn music_that_callers_enter_anywhere_is_one_record_of_about_the_piece() {
        let piece = music(11, 14_000);
        let part = |from: usize, millis: usize| {
            piece.iter().cycle().skip(from * 8).take(millis * 8).copied().collect::<Vec<i16>>()
        };
        let starts = [0, 2500, 5100, 7700, 9300, 11_900, 4000];
        let calls: Vec<Made> = starts
            .iter()
            .zip(1_u8..)
            .map(|(&start, n)| {
                let parts = [
                    quiet(u64::from(n), 1000),
                    part(start, 8000),
                    speech(500 + u64::from(n), 1.0, 3000),
                ];
                let mut call = made(n, &parts);
                let kinds =
                    [SegmentKind::Silence, SegmentKind::QueueMusic, SegmentKind::UnknownVoice];
                let edges = [0, 1000, 9000, 12_000];
                call.segments = kinds
                    .iter()
                    .zip(edges.windows(2))
                    .map(|(&kind, edge)| Segment {
                        span: Span::new(ms(edge[0]), ms(edge[1])),
                        kind,
                        probability: 1.0,
                        prompt: None,
                        because: String::new(),
                    })
                    .collect();
                call.request = Some(ms(500));
                call
            })
            .collect();
        let found = learned(&calls, vec![]);
        assert_eq!(found.prompts.len(), 1, "{:?}", lengths(&found));
        let record = &found.prompts[0];
        assert_eq!(
            (record.sound, record.role, record.calls),
            (PromptSound::Music, PromptRole::Queue, 7)
        );
        let length = record.length().as_secs_f64();
        assert!((10.0..=18.0).contains(&length), "{length}");
    }

    #[test]
    fn what_a_person_says_is_not_enrolled_even_if_it_is_played_to_every_caller() {
        let agent = speech(70, 1.0, 5000);
        let mut calls: Vec<Made> =
            (1..=4).map(|n| made(n, &[quiet(u64::from(n), 2000), agent.clone()])).collect();
        assert_eq!(learned(&calls, vec![]).prompts.len(), 1);
        for call in &mut calls {
            call.onset = Some(ms(2000));
        }
        assert_eq!(learned(&calls, vec![]).prompts.len(), 0);
    }

    #[test]
    fn the_same_person_saying_the_same_at_other_speeds_is_not_enrolled() {
        let calls: Vec<Made> = [1.0, 1.01, 0.985, 1.02, 0.975]
            .iter()
            .zip(1_u8..)
            .map(|(&speed, n)| ordinary(n, &speech(1, speed, 5000)))
            .collect();
        assert_eq!(lengths(&learned(&calls, vec![])), Vec::<f64>::new());
    }

    fn said(from: u64, to: u64, text: &str, sure: f32) -> Utterance {
        Utterance {
            party: Party::FarEnd,
            span: Span::new(ms(from), ms(to)),
            text: text.into(),
            words: vec![],
            mean_log_probability: sure,
        }
    }

    /// Calls that play a welcome and then a menu, with their words.
    fn menus(numbers: std::ops::RangeInclusive<u8>, menu: u64, words: &str) -> Vec<Made> {
        let of = |n: u8| {
            let seed = u64::from(n);
            let lead = 1000 + 200 * usize::from(n % 5);
            let parts = [
                quiet(seed, lead),
                speech(1, 1.0, 3000),
                // The exchange takes its time, now more, now less.
                quiet(seed + 40, 700 + 90 * usize::from(n % 7)),
                speech(menu, 1.0, 5000),
                quiet(seed + 80, 3000),
            ];
            let mut call = made(n, &parts);
            let start = lead as u64 + 3700 + 90 * u64::from(n % 7);
            call.request = Some(ms(start + 6000));
            let utterances = vec![
                said(lead as u64, lead as u64 + 3000, "안녕하십니까, 한빛카드입니다.", -0.2),
                said(
                    start,
                    start + 5000,
                    if n.is_multiple_of(2) { words } else { "잡음" },
                    if n.is_multiple_of(2) { -0.1 } else { -0.9 },
                ),
            ];
            let model = ContentHash::from_bytes(&[0; 32]);
            call.transcript =
                Some(Transcript { model, language: Language::Ko, utterances, dropped: 0 });
            call
        };
        numbers.map(of).collect()
    }

    #[test]
    fn words_role_and_keys_come_from_the_call_that_was_read_best() {
        let found = learned(&menus(1..=4, 2, "상담원 연결은 0번을 눌러 주십시오."), vec![]);
        let [welcome, menu] = &found.prompts[..] else { panic!("{:?}", lengths(&found)) };
        assert_eq!(
            (welcome.role, welcome.text.as_str()),
            (PromptRole::Greeting, "안녕하십니까, 한빛카드입니다.")
        );
        assert_eq!(
            (menu.role, menu.text.as_str()),
            (PromptRole::Menu, "상담원 연결은 0번을 눌러 주십시오.")
        );
        let keys: Vec<(char, &str)> =
            menu.options.iter().map(|o| (o.digit.key(), o.words.as_str())).collect();
        assert_eq!(keys, [('0', "상담원 연결")]);
    }

    #[test]
    fn a_menu_that_takes_anothers_place_is_its_second_version() {
        let old = learned(&menus(1..=4, 2, "상담원 연결은 0번을 눌러 주십시오."), vec![]);
        let mut calls = menus(1..=4, 2, "상담원 연결은 0번을 눌러 주십시오.");
        calls.extend(menus(5..=8, 3, "상담원 연결은 2번을 눌러 주십시오."));
        let found = learned(&calls, old.prompts);
        let [welcome, old, new] = &found.prompts[..] else { panic!("{:?}", lengths(&found)) };
        assert_eq!((welcome.calls, welcome.replaces, welcome.version), (8, None, 1));
        assert_eq!((old.calls, old.replaces, old.last_seen), (4, None, Some(opened(4))));
        assert_eq!((new.replaces, new.version, new.calls), (Some(old.prompt), 2, 4));
        assert_eq!(new.text, "상담원 연결은 2번을 눌러 주십시오.");
        assert_eq!(learned(&calls, found.prompts.clone()).prompts, found.prompts);
    }

    #[test]
    fn a_menu_that_is_played_now_and_then_beside_another_replaces_nothing() {
        let mut calls = menus(1..=3, 2, "상담원 연결은 0번을 눌러 주십시오.");
        calls.extend(menus(4..=6, 3, "상담원 연결은 2번을 눌러 주십시오."));
        calls.extend(menus(7..=7, 2, "상담원 연결은 0번을 눌러 주십시오."));
        let found = learned(&calls, vec![]);
        assert_eq!(found.prompts.len(), 3);
        assert!(found.prompts.iter().all(|p| p.replaces.is_none()));
    }

    #[test]
    fn a_forgotten_recording_stays_away_until_three_later_calls_play_it() {
        let prompt = speech(1, 1.0, 5000);
        let mut calls: Vec<Made> = (1..=4).map(|n| ordinary(n, &prompt)).collect();
        let mut stored = learned(&calls, vec![]).prompts;
        stored[0].forgotten = Some(opened(5));
        calls.extend((6..=7).map(|n| ordinary(n, &prompt)));
        let away = learned(&calls, stored);
        assert_eq!(away.prompts.len(), 1);
        assert!(!away.prompts[0].is_known());
        assert!(away.played.values().all(Vec::is_empty));
        calls.push(ordinary(8, &prompt));
        let back = learned(&calls, away.prompts);
        assert!(back.prompts[0].is_known() && back.prompts.len() == 1);
        assert_eq!(back.played[&id(8)].len(), 1);
    }

    #[test]
    fn no_call_and_an_empty_call_enrol_nothing() {
        assert_eq!(learned(&[], vec![]), Enrolment::default());
        let calls: Vec<Made> = (1..=3).map(|n| made(n, &[])).collect();
        assert_eq!(learned(&calls, vec![]).prompts, vec![]);
    }
}
