//! Recordings of the user as samples: WAV and FLAC, told by their first bytes. Enters: a path. Leaves: one or two
//! channels at 8 kHz, or what is wrong with the file and the command that mends it.

use super::failure::Failure;
use super::print;
use crate::domain::audio::{Hz8k, SampleRate as _};
use crate::domain::wav::Wav;
use std::io::Cursor;
use std::path::Path;
use std::time::Duration;
use symphonia::core::audio::{Channels, GenericAudioBufferRef};
use symphonia::core::codecs::CodecParameters;
use symphonia::core::codecs::audio::{
    AudioCodecParameters, AudioDecoder as _, AudioDecoderOptions,
};
use symphonia::core::errors::Error as DecoderError;
use symphonia::core::formats::{FormatOptions, FormatReader as _};
use symphonia::core::io::{MediaSourceStream, MediaSourceStreamOptions};
use symphonia::default::codecs::FlacDecoder;
use symphonia::default::formats::FlacReader;

/// Bits of a sample that we take.
const BITS: u32 = 16;

/// A recording of the user's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Recorded {
    /// What we sent: the left channel of two; `None` in a mono file.
    pub(super) ours: Option<Vec<i16>>,
    /// What the far end sent: the right channel of two, or the only one; mono 8 kHz.
    pub(super) theirs: Vec<i16>,
    /// What the header promises and the file does not have, at its end.
    pub(super) missing: Duration,
}

/// Why a file is no recording that we can take. Every message completes "`file` is …" and says how to mend it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
enum BadAudio {
    #[error(transparent)]
    Wav(#[from] crate::domain::wav::BadWav),
    #[error("{what}, neither WAV nor FLAC; make one with: ffmpeg -i IN -ar 8000 OUT.flac")]
    OtherForm { what: &'static str },
    #[error(
        "not a readable FLAC file ({why}); take a whole copy of it, `flac --test` names what is wrong"
    )]
    Flac { why: String },
    #[error(
        "a FLAC of {rate} Hz and {bits} bit; telephone audio is 8000 Hz and 16 bit: \
         ffmpeg -i IN -ar 8000 -sample_fmt s16 OUT.flac"
    )]
    Form { rate: u32, bits: u32 },
    #[error(
        "a FLAC that is damaged {:.1} s after its start; what follows would stand at the wrong time: take a whole copy",
        .0.as_secs_f64()
    )]
    Damaged(Duration),
    #[error(
        "a file of {0} channels; a recording has one, or ours on the left and theirs on the right: \
         sox IN OUT.wav remix 1 2"
    )]
    Channels(usize),
}

/// Reads a WAV or FLAC of 8,000 Hz and 16 bit, one channel (theirs) or two (ours left, theirs right). A file that was
/// cut off is read as far as it goes, and stderr says so.
///
/// # Errors
/// [`Failure`] of usage with the path, what is wrong and a command that mends it.
pub(super) fn read_audio(path: &Path) -> Result<Recorded, Failure> {
    let help =
        "give a WAV or FLAC file of 8 kHz and 16 bit; of two channels the right one is theirs";
    let name = path.display();
    let bytes = std::fs::read(path)
        .map_err(|error| Failure::say(format!("`{name}` cannot be read: {error}"), help))?;
    let recorded =
        parse(bytes).map_err(|error| Failure::say(format!("`{name}` is {error}"), help))?;
    if !recorded.missing.is_zero() {
        let lost = recorded.missing.as_secs_f64();
        print::note(format!(
            "note: `{name}` is cut off, {lost:.1} s are missing; it is read as far as it goes"
        ));
    }
    Ok(recorded)
}

fn parse(bytes: Vec<u8>) -> Result<Recorded, BadAudio> {
    let Wav { mut channels, missing } = match bytes.as_slice() {
        [b'f', b'L', b'a', b'C', ..] => flac(bytes)?,
        known => match other_form(known) {
            Some(what) => return Err(BadAudio::OtherForm { what }),
            None => Wav::parse(known)?,
        },
    };
    if channels.len() > 2 {
        return Err(BadAudio::Channels(channels.len()));
    }
    let theirs = channels.pop().unwrap_or_default();
    Ok(Recorded { ours: channels.pop(), theirs, missing: length(missing.into()) })
}

/// Forms that a user may try, by their first bytes.
fn other_form(bytes: &[u8]) -> Option<&'static str> {
    match bytes {
        // MPEG audio: an ID3 tag, or eleven bits of frame sync (ISO/IEC 11172-3 §2.4.2.3).
        [b'I', b'D', b'3', ..] | [0xff, 0xe2..=0xff, ..] => Some("an MP3"),
        [b'O', b'g', b'g', b'S', ..] => Some("an Ogg file"),
        [_, _, _, _, b'f', b't', b'y', b'p', ..] => Some("an MP4 file"),
        [0x1a, 0x45, 0xdf, 0xa3, ..] => Some("a Matroska or WebM file"),
        [b'#', b'!', b'A', b'M', b'R', ..] => Some("an AMR file"),
        _ => None,
    }
}

fn length(samples: u64) -> Duration {
    Duration::from_micros(samples.saturating_mul(1_000_000) / u64::from(Hz8k::HZ))
}

/// Decodes a FLAC (RFC 9639). Its frames carry their place: one that is missing between others is an error.
fn flac(bytes: Vec<u8>) -> Result<Wav, BadAudio> {
    let unreadable = |error: DecoderError| BadAudio::Flac { why: error.to_string() };
    let source =
        MediaSourceStream::new(Box::new(Cursor::new(bytes)), MediaSourceStreamOptions::default());
    let mut reader = FlacReader::try_new(source, FormatOptions::default()).map_err(unreadable)?;
    let track = reader.tracks().first();
    let promised = track.and_then(|t| t.num_frames).unwrap_or(0);
    let Some(CodecParameters::Audio(form)) = track.and_then(|t| t.codec_params.clone()) else {
        return Err(BadAudio::Flac { why: "it holds no audio".to_owned() });
    };
    let width = checked_width(&form)?;
    let mut decoder =
        FlacDecoder::try_new(&form, &AudioDecoderOptions::default()).map_err(unreadable)?;
    let mut channels: Vec<Vec<i16>> = vec![Vec::new(); width];
    loop {
        let packet = match reader.next_packet() {
            Ok(Some(packet)) => packet,
            // The end, or a last frame that is not whole: what is missing is counted below.
            Ok(None) | Err(DecoderError::IoError(_)) => break,
            Err(error) => return Err(unreadable(error)),
        };
        let have = channels[0].len() as u64;
        let damaged = || BadAudio::Damaged(length(have));
        if u64::try_from(packet.pts.get()) != Ok(have) {
            return Err(damaged());
        }
        append(&mut channels, &decoder.decode(&packet).map_err(|_| damaged())?);
    }
    let missing = promised.saturating_sub(channels[0].len() as u64);
    Ok(Wav { channels, missing: u32::try_from(missing).unwrap_or(u32::MAX) })
}

fn checked_width(form: &AudioCodecParameters) -> Result<usize, BadAudio> {
    let (rate, bits) = (form.sample_rate.unwrap_or(0), form.bits_per_sample.unwrap_or(0));
    if rate != Hz8k::HZ || bits != BITS {
        return Err(BadAudio::Form { rate, bits });
    }
    match form.channels.as_ref().map_or(0, Channels::count) {
        width @ 1..=2 => Ok(width),
        width => Err(BadAudio::Channels(width)),
    }
}

fn append(channels: &mut [Vec<i16>], block: &GenericAudioBufferRef<'_>) {
    let mut planes: Vec<Vec<i16>> = Vec::new();
    block.copy_to_vecs_planar(&mut planes);
    for (channel, plane) in channels.iter_mut().zip(planes) {
        channel.extend(plane);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 1.5 s, two channels, made by the reference encoder (`flac -8 -b 1024`) from [`left`] and [`right`].
    const STEREO: &[u8] = include_bytes!("../../tests/audio/stereo.flac");
    const FRAMES: i64 = 12_000;

    fn left(n: i64) -> i16 {
        (n * n % 20_011 - 10_000) as i16
    }

    fn right(n: i64) -> i16 {
        (n * 37 % 6_007 - 3_000) as i16
    }

    fn expected(to: i64) -> [Vec<i16>; 2] {
        [(0..to).map(left).collect(), (0..to).map(right).collect()]
    }

    #[test]
    fn the_right_channel_of_a_flac_is_theirs_and_the_left_one_is_ours() {
        let recorded = parse(STEREO.to_vec()).unwrap();
        let [ours, theirs] = expected(FRAMES);
        assert_eq!(recorded, Recorded { ours: Some(ours), theirs, missing: Duration::ZERO });
    }

    #[test]
    fn a_flac_cut_off_anywhere_is_read_as_far_as_it_goes_or_named_unreadable() {
        let mut read = 0;
        for end in (0..STEREO.len()).rev().step_by(7) {
            match parse(STEREO[..end].to_vec()) {
                Ok(cut) => {
                    let [ours, theirs] = expected(cut.theirs.len() as i64);
                    assert_eq!((cut.ours, &cut.theirs), (Some(ours), &theirs));
                    let missing = FRAMES as u64 - theirs.len() as u64;
                    assert_eq!(cut.missing, length(missing), "{end} bytes");
                    read += 1;
                }
                Err(error) => assert!(end < 4_000, "{end} bytes: {error}"),
            }
        }
        assert!(read > 100, "{read}");
    }

    #[test]
    fn a_damaged_frame_in_the_middle_of_a_flac_is_an_error_with_its_time() {
        let mut bytes = STEREO.to_vec();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 0x55;
        let error = parse(bytes).unwrap_err();
        assert!(
            matches!(error, BadAudio::Damaged(at) if at > Duration::from_millis(300)),
            "{error}"
        );
    }

    #[test]
    fn a_flac_of_44100_hz_is_named_with_its_rate() {
        let bytes = include_bytes!("../../tests/audio/44100-hz.flac").to_vec();
        assert_eq!(parse(bytes).unwrap_err(), BadAudio::Form { rate: 44_100, bits: 16 });
    }

    #[test]
    fn other_forms_are_called_by_their_names() {
        for (bytes, name) in [
            (&b"ID3\x04"[..], "an MP3"),
            (b"\xff\xfb\x90\x00", "an MP3"),
            (b"OggS\x00", "an Ogg file"),
            (b"\x00\x00\x00\x20ftypM4A ", "an MP4 file"),
        ] {
            let said = parse(bytes.to_vec()).unwrap_err().to_string();
            assert!(said.starts_with(name) && said.contains("ffmpeg"), "{said}");
        }
    }
}
