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
    /// Call and frame where it was found.
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
                let found = (repeat.call, repeat.frames.0 + from);
                drafts.push(Draft { prints: prints.to_vec(), sound, found });
            }
        }
    }
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
        if !scrap {
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
