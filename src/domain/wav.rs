//! WAV files as samples: pure bytes in, channels out. Writing is the recorder's matter.

use std::io::Cursor;

/// The samples of a WAV file, 8 kHz, 16 bit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wav {
    /// One row of samples for each channel, all of one length.
    pub channels: Vec<Vec<i16>>,
    /// Samples per channel that the header promises and the file does not have.
    pub missing: u32,
}

/// Why a file is not a WAV we can take.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadWav {
    /// Not a readable WAV at all.
    #[error(
        "not a readable WAV file ({why}); make one with: sox IN -r 8000 -b 16 -e signed OUT.wav"
    )]
    Unreadable {
        /// What the reader said.
        why: String,
    },
    /// Another form than telephone audio.
    #[error(
        "a WAV of {rate} Hz and {bits} bit; telephone audio is 8000 Hz and 16 bit: \
         sox IN -r 8000 -b 16 -e signed OUT.wav"
    )]
    Form {
        /// Samples per second.
        rate: u32,
        /// Bits per sample.
        bits: u16,
    },
}

impl Wav {
    /// Reads a WAV of 8,000 Hz and 16 bit. A file that ends early (a crash) is read as far as it goes.
    ///
    /// # Errors
    /// [`BadWav`] if it is no WAV, or another rate or width.
    pub fn parse(bytes: &[u8]) -> Result<Self, BadWav> {
        let unreadable = |error: hound::Error| BadWav::Unreadable { why: error.to_string() };
        let mut reader = hound::WavReader::new(Cursor::new(bytes)).map_err(unreadable)?;
        let form = reader.spec();
        if form.sample_rate != 8000
            || form.bits_per_sample != 16
            || form.sample_format != hound::SampleFormat::Int
        {
            return Err(BadWav::Form { rate: form.sample_rate, bits: form.bits_per_sample });
        }
        let promised = reader.duration();
        let width = usize::from(form.channels.max(1));
        let samples: Vec<i16> = reader.samples::<i16>().map_while(Result::ok).collect();
        let channel = |n: usize| samples.chunks_exact(width).map(|frame| frame[n]).collect();
        let missing = promised.saturating_sub((samples.len() / width) as u32);
        Ok(Self { channels: (0..width).map(channel).collect(), missing })
    }

    /// What the far end said: the right channel of a recording, the only one of a mono file.
    pub fn into_received(mut self) -> Vec<i16> {
        self.channels.pop().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wav(rate: u32, channels: u16, samples: &[i16]) -> Vec<u8> {
        let mut bytes = Cursor::new(Vec::new());
        let spec = hound::WavSpec {
            channels,
            sample_rate: rate,
            bits_per_sample: 16,
            sample_format: hound::SampleFormat::Int,
        };
        let mut writer = hound::WavWriter::new(&mut bytes, spec).unwrap();
        for sample in samples {
            writer.write_sample(*sample).unwrap();
        }
        writer.finalize().unwrap();
        bytes.into_inner()
    }

    #[test]
    fn the_right_channel_is_theirs() {
        let read = Wav::parse(&wav(8000, 2, &[1, 2, 3, 4])).unwrap();
        assert_eq!(read.channels, [vec![1, 3], vec![2, 4]]);
        assert_eq!(read.into_received(), [2, 4]);
    }

    #[test]
    fn another_rate_is_refused_with_the_command_that_mends_it() {
        let error = Wav::parse(&wav(16_000, 1, &[0])).unwrap_err();
        assert!(error.to_string().contains("sox"), "{error}");
    }

    #[test]
    fn garbage_and_nothing_are_refused() {
        assert!(Wav::parse(b"RIFFgarbage").is_err());
        assert!(Wav::parse(&[]).is_err());
    }

    #[test]
    fn a_file_that_ends_early_is_read_as_far_as_it_goes() {
        let mut bytes = wav(8000, 1, &[1, 2, 3, 4]);
        bytes.truncate(bytes.len() - 3);
        assert_eq!(Wav::parse(&bytes).unwrap().channels, [vec![1, 2]]);
    }
}
