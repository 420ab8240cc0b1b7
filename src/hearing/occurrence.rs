//! Where a call plays a recording. Enters: agreements of a call's prints with a library. Leaves: alignments, the
//! prompts that are played and where, and segments that carry their prompt.

use super::evidence::MIDDLE;
use super::fingerprint::Fingerprints;
use super::library::{Apart, Library, Match, matches};
use crate::domain::audio::FRAME;
use crate::domain::segment::{Segment, SegmentKind};
use crate::domain::time::{CallTime, Span};

/// One alignment goes on over pauses and damage of up to this many frames: 1.5 s. Unlike the eye of a person, it comes
/// back to the very print where it would have been.
const REJOINS: usize = 75;
/// How far apart two places of one alignment may lie, in prints: measuring a place has its noise.
const SAME_PLACE: f32 = 3.0;
/// An alignment holds for at least this many frames, 0.6 s.
pub(crate) const HOLDS: usize = 30;
/// Frames at either edge of a recording that comparisons reach only halfway: 0.44 s.
const BLURRED: usize = MIDDLE;

/// A stretch of a call that goes along with a stream of a library.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Aligned {
    /// Which stream.
    pub(crate) stream: usize,
    /// Print of the stream minus frame of the call.
    pub(crate) place: f32,
    /// First frame.
    pub(crate) from: usize,
    /// First frame after.
    pub(crate) to: usize,
    /// In how many of its frames a comparison agreed.
    pub(crate) hits: usize,
}

impl Aligned {
    /// Frame of the stream that goes along with frame `n` of the call.
    pub(crate) fn there(&self, n: usize) -> i64 {
        n as i64 + self.place.round() as i64
    }
}

/// Agreements gathered into alignments of at least [`HOLDS`] frames, by first frame. A comparison that begins at a
/// print stands for the frame in its middle.
pub(crate) fn aligned(found: &[Vec<Match>]) -> Vec<Aligned> {
    let mut open: Vec<Aligned> = Vec::new();
    let mut done: Vec<Aligned> = Vec::new();
    for (at, held) in found.iter().enumerate() {
        let n = at + MIDDLE;
        for one in held {
            let goes_on = open
                .iter_mut()
                .find(|a| a.stream == one.stream && (a.place - one.place).abs() <= SAME_PLACE);
            match goes_on {
                Some(a) => {
                    a.hits += usize::from(a.to <= n);
                    a.to = n + 1;
                    a.place += (one.place - a.place) * 0.1;
                }
                None => open.push(Aligned {
                    stream: one.stream,
                    place: one.place,
                    from: n,
                    to: n + 1,
                    hits: 1,
                }),
            }
        }
        open.retain(|a| {
            let over = n - (a.to - 1) > REJOINS;
            if over {
                done.push(*a);
            }
            !over
        });
    }
    done.extend(open);
    done.retain(|a| a.hits >= HOLDS);
    done.sort_by_key(|a| (a.from, a.stream));
    done
}

/// A prompt that a call plays.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Played {
    /// Its identifier.
    pub prompt: u64,
    /// Where the call plays it, in 20 ms frames of the recording, first and first after.
    pub frames: (usize, usize),
    /// Where in the prompt that begins, in frames.
    pub begins_in: usize,
}

impl Played {
    /// How many frames of it are heard.
    pub fn heard(&self) -> usize {
        self.frames.1 - self.frames.0
    }

    /// Where, on the axis of the call whose recording begins at `starts_at`.
    pub fn span(&self, starts_at: CallTime) -> Span {
        let at = |n: usize| starts_at + FRAME * u32::try_from(n).unwrap_or(u32::MAX);
        Span::new(at(self.frames.0), at(self.frames.1))
    }
}

/// The prompts of a library that a call plays, in order. No frame is given to two prompts: the alignment that holds
/// longer has it.
pub fn played(library: &Library, call: &Fingerprints) -> Vec<Played> {
    let mut all = aligned(&matches(library, call, Apart::Anywhere));
    all.retain(|a| library.prompt_of(a.stream).is_some());
    all.sort_by_key(|a| std::cmp::Reverse(a.hits));
    let mut taken = vec![false; call.prints.len() + MIDDLE + 1];
    let mut found = Vec::new();
    for one in all {
        let free: Vec<usize> = (one.from..one.to.min(taken.len())).filter(|&n| !taken[n]).collect();
        let (Some(&first), Some(&last)) = (free.first(), free.last()) else { continue };
        if free.len() < HOLDS || free.len() * 2 < one.to - one.from {
            continue;
        }
        taken[first..=last].fill(true);
        let Some(known) = library.prompt_of(one.stream) else { continue };
        let (from, to) = whole_edges(library, &one, (first, last + 1), call.prints.len());
        let begins_in = usize::try_from(one.there(from)).unwrap_or(0);
        found.push(Played { prompt: known.prompt, frames: (from, to), begins_in });
    }
    found.sort_by_key(|p| p.frames);
    joined(found)
}

/// Comparisons reach the edges of a recording only halfway: where no more of it is left than that, it is heard to its
/// very edge.
fn whole_edges(
    library: &Library,
    one: &Aligned,
    (from, to): (usize, usize),
    frames: usize,
) -> (usize, usize) {
    let before = usize::try_from(one.there(from)).unwrap_or(0);
    let length = library.length_of(one.stream);
    let after = length.saturating_sub(usize::try_from(one.there(to)).unwrap_or(0));
    let from = if before <= BLURRED + 5 { from.saturating_sub(before) } else { from };
    let to = if after <= BLURRED + 5 { (to + after).min(frames) } else { to };
    (from.min(to), to)
}

/// Stretches of one prompt that follow each other within a second and a half become one: music is met at one place
/// after another, and a damaged stretch splits what was one.
fn joined(found: Vec<Played>) -> Vec<Played> {
    let mut all: Vec<Played> = Vec::new();
    for one in found {
        match all.last_mut() {
            Some(last) if last.prompt == one.prompt && goes_on(last, &one) => {
                last.frames.1 = last.frames.1.max(one.frames.1);
            }
            _ => all.push(one),
        }
    }
    for n in 1..all.len() {
        let earliest = all[n - 1].frames.1;
        all[n].frames.0 = all[n].frames.0.max(earliest);
        all[n].frames.1 = all[n].frames.1.max(all[n].frames.0);
    }
    all.retain(|p| p.heard() > 0);
    all
}

/// Whether `next` continues `last` instead of beginning anew.
fn goes_on(last: &Played, next: &Played) -> bool {
    next.frames.0 <= last.frames.1 + REJOINS && next.begins_in > last.begins_in
}

/// A segment's stretch belongs to a prompt from this many frames on: half a second.
const WORTH_A_SEGMENT: usize = 25;

/// Names the prompt of every segment that plays one; a segment in which two prompts follow each other is cut between
/// them. Silence, tones and people keep no prompt.
pub fn name_segments(segments: &mut Vec<Segment>, played: &[Played], starts_at: CallTime) {
    let mut named = Vec::with_capacity(segments.len());
    for segment in segments.drain(..) {
        if may_play(segment.kind) {
            cut(segment, played, starts_at, &mut named);
        } else {
            named.push(Segment { prompt: None, ..segment });
        }
    }
    *segments = named;
}

/// Whether a segment of this kind may play a recording of the center.
pub(crate) fn may_play(kind: SegmentKind) -> bool {
    use SegmentKind as K;
    match kind {
        K::Silence
        | K::Ringback
        | K::Busy
        | K::Congestion
        | K::InformationTone
        | K::TransferRing
        | K::Beep
        | K::Agent => false,
        K::Coloring
        | K::Ivr
        | K::QueueMusic
        | K::QueueAnnouncement
        | K::ClosedMessage
        | K::Intercept
        | K::Voicemail
        | K::CallbackOffer
        | K::Voicebot
        | K::Hold
        | K::UnknownVoice
        | K::UnknownSound => true,
    }
}

fn cut(segment: Segment, played: &[Played], starts_at: CallTime, into: &mut Vec<Segment>) {
    let least = FRAME * WORTH_A_SEGMENT as u32;
    let inside = played.iter().filter_map(|p| {
        let span = p.span(starts_at);
        let (start, end) = (span.start.max(segment.span.start), span.end.min(segment.span.end));
        let shared = end.saturating_since(start);
        (shared >= least || shared * 2 >= segment.span.duration() && shared > FRAME)
            .then_some((start, p.prompt))
    });
    let mut pieces: Vec<(CallTime, u64)> = inside.collect();
    pieces.dedup_by_key(|piece| piece.1);
    let Some(&(_, first)) = pieces.first() else {
        into.push(Segment { prompt: None, ..segment });
        return;
    };
    let mut rest = Segment { prompt: Some(first), ..segment };
    for &(start, prompt) in &pieces[1..] {
        let end = rest.span.end;
        let span = Span::new(rest.span.start, start);
        into.push(Segment { span, ..rest.clone() });
        rest = Segment { span: Span::new(start, end), prompt: Some(prompt), ..rest };
    }
    into.push(rest);
}
