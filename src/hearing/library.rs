//! Recordings of a center, known by their fingerprints. Enters: prints of its other calls, or stored prompts.
//! Leaves: which print of which of them goes on at this moment of a call.
//!
//! An inverted index from words to places proposes alignments (exact words and words with one bit flipped); a
//! comparison of 0.64 s decides, and an alignment is followed for as long as it holds.

use super::fingerprint::{Fingerprints, MATCH_PRINTS, SAME_ABOVE, similarity};
use crate::domain::ids::CallId;
use crate::domain::prompt::{PromptRecord, PromptRole, PromptSound};
use std::collections::{BTreeMap, BTreeSet};

/// A word found at more places than this is too common to propose an alignment.
const COMMON: usize = 64;
/// An alignment is followed down to this similarity, and dropped below it for [`PATIENCE`] prints.
const FOLLOW_ABOVE: f32 = 0.30;
const PATIENCE: u32 = 25;
/// At most this many alignments are followed at once; a center's calls are compared with up to so many others.
pub(crate) const FOLLOWED: usize = 24;
/// Matches of one stream within about this many prints of each other are one alignment.
const CLUSTER: f32 = 8.0;
/// A drift over this many prints, 1 s, is measured to about 0.2 %. Our measurement over 60 lines of synthetic Korean
/// speech through companding and noise, 2026: exact replays drift by less than 0.0015 (19 of 20), a speed that differs
/// by 0.75 % shows as 0.0037 to 0.0089.
const DRIFT_PRINTS: usize = 50;
const DRIFT_ABOVE: f32 = 0.0025;
/// Where a place moves by this many prints within this many, another recording follows the one before at a distance of
/// its own; a person drifts and does not jump: 4 % of 0.8 s is 1.6 prints.
const JUMP: f32 = 2.0;
const JUMP_WITHIN: f32 = 40.0;
/// The same person saying the same words resembles a recording for a moment, a recording is one for longer: of its
/// matches at one place at least [`ANCHOR_PRINTS`] (half a second) are this alike. Of exact replays 95 % are above 0.9,
/// of one line said again with another rhythm 95 % are below (our measurement on synthetic lines, 2026).
const ANCHOR_ABOVE: f32 = 0.70;
const ANCHOR_PRINTS: usize = 25;
/// Upper bits of a word that choose its bucket of the index.
const BUCKET_BITS: u32 = 16;

/// A stored stream of prints.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Stream {
    /// The prompt; `None` for a whole other call.
    prompt: Option<KnownPrompt>,
    /// Where it begins in the joined prints.
    start: usize,
    /// How many prints it has.
    length: usize,
}

/// A stored prompt, as far as those who hear it ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct KnownPrompt {
    /// Its identifier.
    pub(crate) prompt: u64,
    /// What it is for.
    pub(crate) role: PromptRole,
    /// Voice or music.
    pub(crate) sound: PromptSound,
}

/// Known recordings of one center; immutable, shared by an `Arc`.
#[derive(Debug, Clone, Default)]
pub struct Library {
    streams: Vec<Stream>,
    prints: Vec<u32>,
    /// Active words and their places, ordered by word.
    index: Vec<(u32, u32)>,
    /// First entry of `index` for each value of a word's upper bits.
    buckets: Vec<u32>,
    calls: u32,
}

impl Library {
    /// A library that knows nothing.
    pub fn empty() -> Self {
        Self::default()
    }

    /// A library of the center's other calls.
    pub fn from_calls<'a>(others: impl IntoIterator<Item = &'a Fingerprints>) -> Self {
        let mut library = Self::default();
        for call in others {
            library.add(None, &call.prints, |n| call.active(n));
            library.calls += 1;
        }
        library.sort();
        library
    }

    /// A library of stored prompts, those that a person had forgotten left out. It counts the calls that played any of
    /// them as other calls; for prompts that do not name theirs, those of the prompt heard most often.
    pub fn from_prompts<'a>(prompts: impl IntoIterator<Item = &'a PromptRecord>) -> Self {
        let mut library = Self::default();
        let played = library.add_prompts(prompts);
        library.count(&played);
        library.sort();
        library
    }

    /// A library for hearing the call `this`: the other calls among `calls`, and the stored prompts of its center. A
    /// call that is both in `calls` and behind a prompt counts once.
    pub fn of_center<'a>(
        this: CallId,
        calls: impl IntoIterator<Item = (CallId, &'a Fingerprints)>,
        prompts: impl IntoIterator<Item = &'a PromptRecord>,
    ) -> Self {
        let mut library = Self::default();
        let mut others = library.add_prompts(prompts);
        for (call, prints) in calls.into_iter().filter(|(call, _)| *call != this) {
            library.add(None, &prints.prints, |n| prints.active(n));
            others.insert(call);
        }
        others.remove(&this);
        library.count(&others);
        library.sort();
        library
    }

    /// Adds prompts; gives back the calls that played them.
    fn add_prompts<'a>(
        &mut self,
        prompts: impl IntoIterator<Item = &'a PromptRecord>,
    ) -> BTreeSet<CallId> {
        let mut played = BTreeSet::new();
        for record in prompts.into_iter().filter(|record| record.is_known()) {
            let PromptRecord { prompt, role, sound, .. } = *record;
            self.add(Some(KnownPrompt { prompt, role, sound }), &record.prints, |_| true);
            played.extend(record.heard_in.iter().copied());
            if record.heard_in.is_empty() {
                self.calls = self.calls.max(record.calls);
            }
        }
        played
    }

    fn count(&mut self, others: &BTreeSet<CallId>) {
        self.calls = self.calls.max(u32::try_from(others.len()).unwrap_or(u32::MAX));
    }

    /// How many other calls stand behind it.
    pub fn other_calls(&self) -> u32 {
        self.calls
    }

    /// How many prints a stream has; 0 for one that it does not hold.
    pub(crate) fn length_of(&self, stream: usize) -> usize {
        self.streams.get(stream).map_or(0, |s| s.length)
    }

    /// How many of its streams are whole calls.
    pub(crate) fn whole_calls(&self) -> usize {
        self.streams.iter().filter(|s| s.prompt.is_none()).count()
    }

    /// The prompt that a stream is.
    pub(crate) fn prompt_of(&self, stream: usize) -> Option<KnownPrompt> {
        self.streams.get(stream)?.prompt
    }

    /// Whether it knows prompts, rather than whole calls or nothing.
    pub(crate) fn holds_prompts(&self) -> bool {
        self.streams.iter().any(|s| s.prompt.is_some())
    }

    /// Whether it knows nothing.
    pub fn is_empty(&self) -> bool {
        self.index.is_empty()
    }

    /// How alike each stretch of [`MATCH_PRINTS`] prints of a call is to what the library knows, keyed to its first
    /// print; 0 where nothing is alike.
    pub fn similarities(&self, call: &Fingerprints) -> Vec<f32> {
        let found = matches(self, call, Apart::Anywhere);
        let best = |held: &Vec<Match>| held.iter().map(|m| m.similarity).fold(0.0, f32::max);
        found.iter().map(best).collect()
    }

    fn add(&mut self, prompt: Option<KnownPrompt>, prints: &[u32], active: impl Fn(usize) -> bool) {
        let start = self.prints.len();
        for (n, &word) in prints.iter().enumerate().filter(|(n, _)| active(*n)) {
            if let Ok(place) = u32::try_from(start + n) {
                self.index.push((word, place));
            }
        }
        self.prints.extend_from_slice(prints);
        self.streams.push(Stream { prompt, start, length: prints.len() });
    }

    fn sort(&mut self) {
        self.index.sort_unstable();
        self.buckets = vec![0; (1 << BUCKET_BITS) + 1];
        for &(word, _) in &self.index {
            self.buckets[(word >> (32 - BUCKET_BITS)) as usize + 1] += 1;
        }
        for n in 1..self.buckets.len() {
            self.buckets[n] += self.buckets[n - 1];
        }
    }

    /// Places of `word`; none if it is too common.
    fn places(&self, word: u32) -> &[(u32, u32)] {
        let Some(range) = self.buckets.get((word >> (32 - BUCKET_BITS)) as usize..) else {
            return &[];
        };
        let &[from, to, ..] = range else { return &[] };
        let bucket = &self.index[from as usize..to as usize];
        let first = bucket.partition_point(|(w, _)| *w < word);
        let count = bucket[first..].partition_point(|(w, _)| *w == word);
        if count > COMMON { &[] } else { &bucket[first..first + count] }
    }

    fn stream_of(&self, place: usize) -> usize {
        self.streams.partition_point(|s| s.start <= place).saturating_sub(1)
    }

    /// Prints of a stream from `at` on; empty outside.
    fn from(&self, stream: usize, at: i64) -> &[u32] {
        let Some(stream) = self.streams.get(stream) else { return &[] };
        match usize::try_from(at) {
            Ok(at) if at < stream.length => {
                &self.prints[stream.start + at..stream.start + stream.length]
            }
            _ => &[],
        }
    }
}

impl Library {
    fn found(&self, here: &[u32], alignment: Alignment, at: usize, alike: f32) -> Match {
        let start = at as i64 + alignment.offset;
        let beside =
            |by: i64| similarity(here, self.from(alignment.stream, start + by)).unwrap_or(0.0);
        let (before, after) = (beside(-1), beside(1));
        // The peak of the parabola through three similarities.
        let bend = (before - 2.0 * alike + after).min(-0.01);
        let peak = (0.5 * (before - after) / bend).clamp(-1.0, 1.0);
        Match {
            similarity: alike,
            prompt: self.prompt_of(alignment.stream).map(|known| known.prompt),
            remaining: self.from(alignment.stream, start).len().saturating_sub(MATCH_PRINTS),
            stream: alignment.stream,
            place: alignment.offset as f32 + peak,
        }
    }
}

/// An alignment that holds at a print of a call.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Match {
    /// How alike, above [`SAME_ABOVE`].
    pub(crate) similarity: f32,
    /// The prompt, if the stream is one.
    pub(crate) prompt: Option<u64>,
    /// How many prints of the stream follow after the compared stretch.
    pub(crate) remaining: usize,
    /// The stream that agrees best.
    pub(crate) stream: usize,
    /// Print of the stream minus print of the call, to a fraction of a print: where the similarity has its peak.
    pub(crate) place: f32,
}

#[derive(Debug, Clone, Copy)]
struct Alignment {
    stream: usize,
    /// Print of the stream minus print of the call.
    offset: i64,
    weak: u32,
    /// Print of the call at which it was proposed.
    since: usize,
}

/// Follows one call through a library, print by print.
#[derive(Debug, Clone, Default)]
pub(crate) struct Follower {
    alignments: Vec<Alignment>,
}

/// How much the streams that are compared must lie apart, so that a call does not match itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Apart {
    /// Streams are other calls: any alignment counts.
    Anywhere,
    /// The stream is the call itself: alignments nearer than this many prints do not count.
    Prints(u32),
}

impl Follower {
    /// What the library says of the stretch of [`MATCH_PRINTS`] that begins at print `at` of `call`: every alignment that
    /// holds. To be called with rising `at`. New alignments are proposed by print `probe` of the call.
    pub(crate) fn step(
        &mut self,
        library: &Library,
        call: &Fingerprints,
        at: usize,
        probe: usize,
        apart: Apart,
    ) -> Vec<Match> {
        let here = call.prints.get(at..).unwrap_or(&[]);
        self.propose(library, call, (at, probe), apart);
        let mut held = Vec::new();
        for alignment in &mut self.alignments {
            let there = library.from(alignment.stream, at as i64 + alignment.offset);
            let alike = similarity(here, there).unwrap_or(0.0);
            alignment.weak = if alike > FOLLOW_ABOVE { 0 } else { alignment.weak + 1 };
            if alike > SAME_ABOVE {
                held.push(library.found(here, *alignment, at, alike));
            }
        }
        self.alignments.retain(|a| a.weak < PATIENCE);
        held
    }

    fn propose(
        &mut self,
        library: &Library,
        call: &Fingerprints,
        (at, probe): (usize, usize),
        apart: Apart,
    ) {
        if !call.active(probe) || self.alignments.len() >= FOLLOWED {
            return;
        }
        let here = call.prints.get(at..).unwrap_or(&[]);
        let word = call.prints[probe];
        for flipped in std::iter::once(word).chain((0..32).map(|bit| word ^ (1 << bit))) {
            for &(_, place) in library.places(flipped) {
                let stream = library.stream_of(place as usize);
                let within = place as usize - library.streams[stream].start;
                let offset = within as i64 - probe as i64;
                let near =
                    matches!(apart, Apart::Prints(p) if offset.unsigned_abs() < u64::from(p));
                let known =
                    self.alignments.iter().any(|a| a.stream == stream && a.offset == offset);
                if near || known {
                    continue;
                }
                let there = library.from(stream, at as i64 + offset);
                if similarity(here, there).is_some_and(|s| s > SAME_ABOVE) {
                    self.alignments.push(Alignment { stream, offset, weak: 0, since: at });
                    if self.alignments.len() >= FOLLOWED {
                        return;
                    }
                }
            }
        }
    }
}

/// Every alignment that holds at every print of a whole call, except those whose speed differs: a recording is replayed
/// at its own speed, to the clock of the exchange, and a person is not. Alignments are also followed back to where
/// they began.
pub(crate) fn matches(library: &Library, call: &Fingerprints, apart: Apart) -> Vec<Vec<Match>> {
    let mut found: Vec<Vec<Match>> = vec![Vec::new(); call.prints.len()];
    if library.is_empty() {
        return found;
    }
    let mut forward = Follower::default();
    for at in 0..call.prints.len() {
        found[at] = forward.step(library, call, at, at, apart);
        for alignment in forward.alignments.iter().filter(|a| a.since == at) {
            trace_back(library, call, *alignment, at, &mut found);
        }
    }
    drop_resemblances(&mut found);
    found
}

fn trace_back(
    library: &Library,
    call: &Fingerprints,
    alignment: Alignment,
    from: usize,
    found: &mut [Vec<Match>],
) {
    let mut weak = 0;
    for at in (0..from).rev() {
        let here = &call.prints[at..];
        let there = library.from(alignment.stream, at as i64 + alignment.offset);
        let Some(alike) = similarity(here, there) else { return };
        weak = if alike > FOLLOW_ABOVE { 0 } else { weak + 1 };
        if weak >= PATIENCE {
            return;
        }
        if alike > SAME_ABOVE {
            found[at].push(library.found(here, alignment, at, alike));
        }
    }
}

/// A stream and about where in it: matches that belong together.
fn cluster(found: &Match) -> (usize, i64) {
    (found.stream, (found.place / CLUSTER).round() as i64)
}

/// Drops matches whose place in the stream drifts over the time of the call, and those that are nowhere as alike as a
/// recording is.
fn drop_resemblances(found: &mut [Vec<Match>]) {
    let mut clusters: BTreeMap<(usize, i64), Vec<Evidence>> = BTreeMap::new();
    // Which piece of its cluster each match belongs to, in order.
    let mut pieces: Vec<usize> = Vec::new();
    for (n, held) in found.iter().enumerate() {
        for one in held {
            let cluster = clusters.entry(cluster(one)).or_default();
            let point = (n as f32, one.place);
            if cluster.last().is_none_or(|piece| piece.jumps_to(point)) {
                cluster.push(Evidence::default());
            }
            pieces.push(cluster.len() - 1);
            if let Some(piece) = cluster.last_mut() {
                piece.points.push(point);
                piece.anchors += usize::from(one.similarity > ANCHOR_ABOVE);
            }
        }
    }
    let replays: BTreeMap<(usize, i64), Vec<bool>> = clusters
        .into_iter()
        .map(|(key, pieces)| (key, pieces.iter().map(Evidence::is_replay).collect()))
        .collect();
    let mut pieces = pieces.into_iter();
    for held in found {
        held.retain(|one| {
            let piece = pieces.next().unwrap_or(0);
            replays.get(&cluster(one)).and_then(|all| all.get(piece)).copied().unwrap_or(false)
        });
    }
}

/// What speaks for a replay in one place of a stream.
#[derive(Debug, Default)]
struct Evidence {
    /// Print of the call and place in the stream.
    points: Vec<(f32, f32)>,
    /// Matches as close as only a recording's are.
    anchors: usize,
}

impl Evidence {
    /// Whether `point` lies beside where the last ones lie, soon after them.
    fn jumps_to(&self, (n, place): (f32, f32)) -> bool {
        self.points.last().is_some_and(|last| {
            (place - last.1).abs() >= JUMP && n - last.0 > 0.0 && n - last.0 <= JUMP_WITHIN
        })
    }

    fn is_replay(&self) -> bool {
        let drifts = self.points.len() >= DRIFT_PRINTS && slope(&self.points).abs() > DRIFT_ABOVE;
        self.anchors >= ANCHOR_PRINTS && !drifts
    }
}

/// Slope of the straight line through points, by least squares.
fn slope(points: &[(f32, f32)]) -> f32 {
    let count = points.len() as f32;
    let x = points.iter().map(|p| p.0).sum::<f32>() / count;
    let y = points.iter().map(|p| p.1).sum::<f32>() / count;
    let xy: f32 = points.iter().map(|p| (p.0 - x) * (p.1 - y)).sum();
    let xx: f32 = points.iter().map(|p| (p.0 - x).powi(2)).sum();
    xy / xx.max(1e-6)
}

#[cfg(test)]
mod tests {
    use super::super::fingerprint::fingerprint;
    use super::super::testing::{companded, noise, speech};
    use super::*;

    fn call(parts: &[Vec<i16>]) -> Fingerprints {
        fingerprint(&companded(&parts.concat()))
    }

    #[test]
    fn a_prompt_is_found_at_another_place_of_another_call_and_a_person_is_not() {
        let prompt = speech(1, 1.0, 4000);
        let other = call(&[noise(2, -65.0, 1700), prompt.clone(), noise(3, -65.0, 1000)]);
        let this = call(&[noise(4, -65.0, 3010), prompt, speech(9, 1.0, 4000)]);
        let alike = Library::from_calls([&other]).similarities(&this);
        let found =
            |from: usize, to: usize| alike[from..to].iter().filter(|s| **s > SAME_ABOVE).count();
        assert!(found(155, 300) > 130, "{}", found(155, 300));
        assert_eq!(found(345, alike.len()), 0);
    }

    #[test]
    fn the_same_words_1_percent_faster_drift_and_are_no_recording() {
        let library = Library::from_calls([&call(&[speech(1, 1.0, 5000)])]);
        let count = |speed: f64| {
            let alike = library.similarities(&call(&[speech(1, speed, 5000)]));
            alike.iter().filter(|s| **s > SAME_ABOVE).count()
        };
        assert!(count(1.0) > 180, "{}", count(1.0));
        assert!(count(1.01) < 20, "{}", count(1.01));
    }

    #[test]
    fn two_recordings_that_follow_each_other_100_ms_later_than_before_do_not_drift() {
        let (first, second) = (speech(1, 1.0, 4000), speech(2, 1.0, 4000));
        let of = |gap: usize| call(&[first.clone(), noise(3, -66.0, gap), second.clone()]);
        let alike = Library::from_calls([&of(300)]).similarities(&of(400));
        let found =
            |from: usize, to: usize| alike[from..to].iter().filter(|s| **s > SAME_ABOVE).count();
        assert!(found(0, 170) > 150, "{}", found(0, 170));
        assert!(found(220, 380) > 140, "{}", found(220, 380));
    }

    #[test]
    fn a_call_that_is_also_behind_a_prompt_counts_once_and_the_call_itself_never() {
        let ids = [1, 2, 3, 4].map(|n| CallId::from_uuid(uuid::Uuid::from_u128(n)));
        let center = crate::domain::ids::CenterId::new("hanbit").unwrap();
        let mut prompt = PromptRecord::new(center, 1, call(&[speech(1, 1.0, 3000)]).prints);
        let wall = crate::domain::time::WallTime(jiff::Timestamp::UNIX_EPOCH);
        ids[..3].iter().for_each(|id| prompt.heard(*id, wall));
        let other = call(&[speech(2, 1.0, 3000)]);
        let calls = [(ids[0], &other), (ids[3], &other)];
        let library = Library::of_center(ids[0], calls, [&prompt]);
        assert_eq!((library.other_calls(), library.whole_calls()), (3, 1));
        prompt.forgotten = Some(wall);
        assert_eq!(Library::of_center(ids[0], calls, [&prompt]).other_calls(), 1);
        assert!(Library::from_prompts([&prompt]).is_empty());
    }

    #[test]
    fn an_empty_library_finds_nothing_and_counts_no_calls() {
        let library = Library::empty();
        assert_eq!(library.other_calls(), 0);
        let alike = library.similarities(&call(&[speech(1, 1.0, 1000)]));
        assert!(alike.iter().all(|s| *s == 0.0));
    }
}
