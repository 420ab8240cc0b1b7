//! Cuts a recording into stretches that the recognizer may read.
//!
//! Enters: samples, where they begin on the call's axis, and the voiced spans. Leaves: stretches of at most 25 s. Spans
//! are padded by 200 ms and neighbours put together; what lies between them is made silent, so that nothing outside
//! padded speech is ever read: the recognizer invents polite phrases for music and tones (our measurement, 2026).

use crate::domain::audio::{Hz8k, duration_to_samples, samples_to_duration};
use crate::domain::time::{CallTime, Span};
use std::ops::Range;
use std::time::Duration;

/// Speech begins before a detector is sure and ends after it gives up.
const PADDING: Duration = Duration::from_millis(200);
/// Longest stretch; the recognizer takes 30 s at once.
const LONGEST: Duration = Duration::from_secs(25);
/// Silence inside a stretch is read cheaply up to here; a longer one ends it.
const LONGEST_GAP: Duration = Duration::from_millis(1500);
/// Speech of over 25 s is cut at the quietest moment of its last 5 s.
const CUT_WITHIN: Duration = Duration::from_secs(5);
/// What counts as a moment.
const MOMENT: Duration = Duration::from_millis(100);

fn samples(span: Duration) -> usize {
    duration_to_samples::<Hz8k>(span)
}

/// Speech to be read in one go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stretch {
    /// Where its first sample lies on the call's axis.
    pub(crate) starts_at: CallTime,
    /// `[n]` mono `i16` at 8 kHz; silence where nobody speaks.
    pub(crate) pcm8k: Vec<i16>,
}

impl Stretch {
    /// Where it lies on the call's axis.
    pub(crate) fn span(&self) -> Span {
        let length = samples_to_duration::<Hz8k>(self.pcm8k.len());
        Span::new(self.starts_at, self.starts_at + length)
    }
}

/// The stretches of a recording, in order; none without voiced spans.
pub(crate) fn stretches(pcm8k: &[i16], starts_at: CallTime, voiced: &[Span]) -> Vec<Stretch> {
    let pieces = cut_long(pcm8k, padded(pcm8k.len(), starts_at, voiced));
    group(pieces).iter().map(|pieces| stretch(pcm8k, starts_at, pieces)).collect()
}

/// Voiced spans as ranges of samples: padded, in order, overlapping ones made one.
fn padded(length: usize, starts_at: CallTime, voiced: &[Span]) -> Vec<Range<usize>> {
    let index = |at: CallTime| samples(at.saturating_since(starts_at)).min(length);
    let mut ranges: Vec<_> = voiced
        .iter()
        .filter(|span| !span.duration().is_zero() && span.end > starts_at)
        .map(|span| index(span.start.saturating_sub(PADDING))..index(span.end + PADDING))
        .filter(|range| !range.is_empty() && range.start < length)
        .collect();
    ranges.sort_by_key(|range| range.start);
    let mut merged: Vec<Range<usize>> = Vec::new();
    for range in ranges {
        match merged.last_mut() {
            Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
            _ => merged.push(range),
        }
    }
    merged
}

fn cut_long(pcm8k: &[i16], ranges: Vec<Range<usize>>) -> Vec<Range<usize>> {
    let mut pieces = Vec::new();
    for mut range in ranges {
        while range.len() > samples(LONGEST) {
            let cut = quietest(pcm8k, range.start + samples(LONGEST));
            pieces.push(range.start..cut);
            range.start = cut;
        }
        pieces.push(range);
    }
    pieces
}

/// Middle of the quietest moment in the 5 s before `end`.
fn quietest(pcm8k: &[i16], end: usize) -> usize {
    let moment = samples(MOMENT);
    let from = end - samples(CUT_WITHIN);
    let energy = |at: usize| -> u64 {
        pcm8k[at..at + moment].iter().map(|&s| u64::from(s.unsigned_abs()).pow(2)).sum()
    };
    let moments = (from..=end - moment).step_by(moment / 2);
    moments.min_by_key(|&at| energy(at)).map_or(end, |at| at + moment / 2)
}

fn group(pieces: Vec<Range<usize>>) -> Vec<Vec<Range<usize>>> {
    let mut groups: Vec<Vec<Range<usize>>> = Vec::new();
    for piece in pieces {
        let fits = groups.last().and_then(|g| Some((g.first()?.start, g.last()?.end))).is_some_and(
            |(start, end)| {
                piece.start - end <= samples(LONGEST_GAP) && piece.end - start <= samples(LONGEST)
            },
        );
        match groups.last_mut() {
            Some(last) if fits => last.push(piece),
            _ => groups.push(vec![piece]),
        }
    }
    groups
}

fn stretch(pcm8k: &[i16], starts_at: CallTime, pieces: &[Range<usize>]) -> Stretch {
    let start = pieces.first().map_or(0, |piece| piece.start);
    let end = pieces.last().map_or(0, |piece| piece.end);
    let mut heard = vec![0; end - start];
    for piece in pieces {
        heard[piece.start - start..piece.end - start].copy_from_slice(&pcm8k[piece.clone()]);
    }
    Stretch { starts_at: starts_at + samples_to_duration::<Hz8k>(start), pcm8k: heard }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const START: CallTime = CallTime::from_millis(2_000);

    fn span(from_ms: u64, to_ms: u64) -> Span {
        Span::new(CallTime::from_millis(from_ms), CallTime::from_millis(to_ms))
    }

    fn loud(seconds: usize) -> Vec<i16> {
        vec![1000; seconds * 8_000]
    }

    #[test]
    fn without_voiced_spans_nothing_is_read() {
        assert!(stretches(&loud(10), START, &[]).is_empty());
        assert!(stretches(&loud(10), START, &[span(3_000, 3_000)]).is_empty());
        assert!(stretches(&[], START, &[span(3_000, 4_000)]).is_empty());
    }

    #[test]
    fn a_span_is_padded_by_200_ms_on_both_sides() {
        let all = stretches(&loud(10), START, &[span(5_000, 6_000)]);
        assert_eq!(all.len(), 1);
        assert_eq!(all[0].span(), span(4_800, 6_200));
    }

    #[test]
    fn padding_stops_at_the_ends_of_the_recording() {
        let all = stretches(&loud(2), START, &[span(2_100, 3_950)]);
        assert_eq!(all[0].span(), span(2_000, 4_000));
        assert!(stretches(&loud(2), START, &[span(500, 1_000)]).is_empty());
        assert!(stretches(&loud(2), START, &[span(9_000, 9_500)]).is_empty());
    }

    #[test]
    fn a_gap_of_1500_ms_after_padding_stays_inside_and_is_silent() {
        let all = stretches(&loud(10), START, &[span(3_000, 4_000), span(5_900, 7_000)]);
        assert_eq!(all.len(), 1);
        assert_eq!(all[0].span(), span(2_800, 7_200));
        assert!(all[0].pcm8k[1_400 * 8..2_900 * 8].iter().all(|&s| s == 0));
        assert_eq!(all[0].pcm8k[1_400 * 8 - 1], 1000);
        assert_eq!(all[0].pcm8k[2_900 * 8], 1000);
        let all = stretches(&loud(10), START, &[span(3_000, 4_000), span(5_901, 7_000)]);
        assert_eq!(all.len(), 2);
    }

    #[test]
    fn speech_of_60_s_is_cut_at_its_quiet_moments() {
        let mut pcm = loud(60);
        pcm[22 * 8_000..22 * 8_000 + 1_600].fill(0);
        let all = stretches(&pcm, START, &[span(2_000, 62_000)]);
        assert_eq!(all.len(), 3);
        let cut = all[0].pcm8k.len();
        assert!((22 * 8_000..22 * 8_000 + 1_600).contains(&cut), "{cut}");
    }

    proptest! {
        #[test]
        fn stretches_are_ordered_short_and_silent_outside_padded_speech(
            spans in proptest::collection::vec((0u64..90_000, 1u64..40_000), 0..12)
        ) {
            let voiced: Vec<_> = spans.iter().map(|&(at, length)| span(at, at + length)).collect();
            let all = stretches(&loud(80), START, &voiced);
            let mut last = CallTime::ZERO;
            for stretch in &all {
                prop_assert!(stretch.starts_at >= last);
                prop_assert!(stretch.span().duration() <= LONGEST);
                last = stretch.span().end;
                for (n, _) in stretch.pcm8k.iter().enumerate().filter(|(_, s)| **s != 0).step_by(97) {
                    let at = stretch.starts_at + samples_to_duration::<Hz8k>(n);
                    let near = |v: &Span| v.start <= at + PADDING && at <= v.end + PADDING;
                    prop_assert!(voiced.iter().any(near));
                }
            }
            let heard = voiced.iter().any(|v| v.end > START && v.start < CallTime::from_millis(82_000));
            prop_assert_eq!(heard, !all.is_empty());
        }
    }
}
