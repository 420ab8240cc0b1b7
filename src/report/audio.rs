//! Audio for a page: seconds cut out of a recording as a WAV file, and the shape of a whole recording.
//! Enters: mono samples at 8 kHz and where they lie on the call's axis. Leaves: bytes and peaks.

use crate::domain::audio::{Hz8k, SampleRate as _, duration_to_samples};
use crate::domain::time::{CallTime, Span};
use serde::Serialize;
use std::time::Duration;

/// The shape of a recording: for each bucket the highest level on either side, 0 to 255 of full scale.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Envelope {
    /// Where the first bucket begins, in microseconds on the call's axis.
    pub starts_at: CallTime,
    /// Length of a bucket in milliseconds.
    pub bucket_millis: u64,
    /// Peaks of what was received.
    pub received: Vec<u8>,
    /// Peaks of what was sent; as long as the recording on that side.
    pub sent: Vec<u8>,
}

/// Buckets in an envelope, at most: more than a page has pixels for would be waste.
const BUCKETS: usize = 480;
/// Length of a bucket of a fine envelope: a frame of telephone audio.
const FINE_MILLIS: usize = 20;
/// Samples of a millisecond.
const PER_MILLI: usize = Hz8k::HZ as usize / 1000;

impl Envelope {
    /// Takes the shape of `received` and `sent`, both `[n]` mono `i16` at 8 kHz whose sample 0 lies at `starts_at`.
    /// Empty audio gives empty rows.
    pub fn of(received: &[i16], sent: &[i16], starts_at: CallTime) -> Self {
        let longest = received.len().max(sent.len());
        Self::with(received, sent, starts_at, longest.div_ceil(BUCKETS * PER_MILLI).max(1))
    }

    /// The shape of `received` alone in buckets of 20 ms, for text that shows stretches one by one.
    pub fn fine(received: &[i16], starts_at: CallTime) -> Self {
        Self::with(received, &[], starts_at, FINE_MILLIS)
    }

    fn with(received: &[i16], sent: &[i16], starts_at: CallTime, bucket_millis: usize) -> Self {
        let peaks = |samples: &[i16]| samples.chunks(bucket_millis * PER_MILLI).map(peak).collect();
        Self {
            starts_at,
            bucket_millis: bucket_millis as u64,
            received: peaks(received),
            sent: peaks(sent),
        }
    }

    /// Length of a bucket.
    pub fn bucket(&self) -> Duration {
        Duration::from_millis(self.bucket_millis)
    }
}

fn peak(samples: &[i16]) -> u8 {
    let highest = samples.iter().map(|s| s.unsigned_abs()).max().unwrap_or(0);
    (highest / 128).min(255) as u8
}

/// Cuts `span` with `margin` before and after out of `samples` (`[n]` mono `i16` at 8 kHz, sample 0 at `starts_at`)
/// and wraps it as a WAV file. What lies outside the recording is left out; `None` if nothing is inside.
pub fn cut(samples: &[i16], starts_at: CallTime, span: Span, margin: Duration) -> Option<Vec<u8>> {
    let from = span.start.saturating_sub(margin).saturating_since(starts_at);
    let to = (span.end + margin).saturating_since(starts_at);
    let to = duration_to_samples::<Hz8k>(to).min(samples.len());
    let from = duration_to_samples::<Hz8k>(from).min(to);
    (from < to).then(|| wav(&samples[from..to]))
}

/// Bytes of a sample.
const WIDTH: u32 = 2;

/// A WAV file of `[n]` mono `i16` at 8 kHz: RIFF header, PCM format chunk, data chunk.
fn wav(samples: &[i16]) -> Vec<u8> {
    let data = samples.len() as u32 * WIDTH;
    let mut file = Vec::with_capacity(44 + data as usize);
    file.extend_from_slice(b"RIFF");
    file.extend_from_slice(&(36 + data).to_le_bytes());
    file.extend_from_slice(b"WAVEfmt ");
    file.extend_from_slice(&16u32.to_le_bytes());
    let (format, channels) = (1u16, 1u16);
    file.extend_from_slice(&format.to_le_bytes());
    file.extend_from_slice(&channels.to_le_bytes());
    file.extend_from_slice(&Hz8k::HZ.to_le_bytes());
    file.extend_from_slice(&(Hz8k::HZ * WIDTH).to_le_bytes());
    file.extend_from_slice(&(WIDTH as u16).to_le_bytes());
    file.extend_from_slice(&16u16.to_le_bytes());
    file.extend_from_slice(b"data");
    file.extend_from_slice(&data.to_le_bytes());
    file.extend(samples.iter().flat_map(|s| s.to_le_bytes()));
    file
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: CallTime = CallTime::from_millis(1_000);

    fn seconds(from: u64, to: u64) -> Span {
        Span::new(CallTime::from_millis(from * 1000), CallTime::from_millis(to * 1000))
    }

    #[test]
    fn one_second_with_half_a_second_of_margin_is_16_000_samples() {
        let file = cut(&vec![7; 80_000], START, seconds(4, 5), Duration::from_millis(500)).unwrap();
        assert_eq!(file.len(), 44 + 16_000 * 2);
        let read: Vec<i16> = hound::WavReader::new(&file[..])
            .unwrap()
            .samples::<i16>()
            .map(Result::unwrap)
            .collect();
        assert_eq!(read, vec![7; 16_000]);
    }

    #[test]
    fn what_lies_outside_the_recording_is_left_out() {
        let margin = Duration::from_secs(1);
        assert_eq!(cut(&[1; 8_000], START, seconds(0, 9), margin).unwrap().len(), 44 + 16_000);
        assert_eq!(cut(&[1; 8_000], START, seconds(9, 10), margin), None);
        assert_eq!(cut(&[], START, seconds(0, 9), margin), None);
    }

    #[test]
    fn an_envelope_has_at_most_480_buckets_and_reaches_255_at_full_scale() {
        let mut audio = vec![0i16; 480 * 8 * 100];
        audio[0] = i16::MIN;
        let shape = Envelope::of(&audio, &audio[..8_000], START);
        assert_eq!(shape.bucket_millis, 100);
        assert_eq!((shape.received.len(), shape.sent.len()), (480, 10));
        assert_eq!((shape.received[0], shape.received[1]), (255, 0));
        assert!(Envelope::of(&[], &[], START).received.is_empty());
    }
}
