//! What the program and its worker processes say to each other, over pipes.
//!
//! A worker opens with [`GREETING`]; whatever a library printed before it is skipped. Then frames: a length (u32, little
//! endian) and that many bytes of JSON. A request frame is followed by its samples (`i16`, little endian, 8 kHz).
//! Lengths are bounded on both sides, so that a broken peer costs neither memory nor a hang in a read.

use crate::domain::transcript::Language;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::io::{self, Read, Write};

/// First bytes of a worker, with the version of this protocol.
pub(crate) const GREETING: &[u8] = b"\0callprobe-worker/1\n";
/// How much may come before the greeting.
pub(crate) const MOST_BEFORE_GREETING: usize = 4096;
/// Longest frame of JSON.
pub(crate) const LONGEST_FRAME: usize = 1 << 20;
/// Most samples of a request: what the model reads in one pass (30 s at 8 kHz).
pub(crate) const MOST_SAMPLES: usize = 30 * 8_000;

/// A stretch of speech to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Request {
    /// Given back in the reply.
    pub(crate) id: u64,
    /// What is spoken.
    pub(crate) language: Language,
    /// How many samples follow.
    pub(crate) samples: usize,
}

/// A word in a stretch, its place in milliseconds from the start of the stretch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct HeardWord {
    pub(crate) text: String,
    pub(crate) start_ms: u32,
    pub(crate) end_ms: u32,
    pub(crate) probability: f32,
}

/// What the recognizer took for one phrase.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Phrase {
    pub(crate) text: String,
    pub(crate) words: Vec<HeardWord>,
    pub(crate) mean_log_probability: f32,
}

/// What a worker says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Reply {
    /// The model is loaded.
    Ready,
    /// The model could not be loaded; the worker ends.
    Unfit { why: String },
    /// The stretch was read.
    Read { id: u64, phrases: Vec<Phrase> },
    /// The stretch could not be read; the worker goes on.
    Failed { id: u64, why: String },
}

/// A frame of JSON.
pub(crate) fn frame(message: &impl Serialize) -> io::Result<Vec<u8>> {
    let json = serde_json::to_vec(message)?;
    if json.len() > LONGEST_FRAME {
        return Err(broken(format!("a frame of {} bytes is too long", json.len())));
    }
    let mut bytes = (json.len() as u32).to_le_bytes().to_vec();
    bytes.extend(json);
    Ok(bytes)
}

/// Length of the frame that this head announces.
pub(crate) fn frame_length(head: [u8; 4]) -> io::Result<usize> {
    let length = u32::from_le_bytes(head) as usize;
    if length > LONGEST_FRAME {
        return Err(broken(format!("a frame of {length} bytes is announced")));
    }
    Ok(length)
}

/// Reads the body of a frame.
pub(crate) fn decode<T: DeserializeOwned>(body: &[u8]) -> io::Result<T> {
    serde_json::from_slice(body).map_err(|e| broken(format!("a frame is not understood ({e})")))
}

/// Samples as they go over the pipe.
pub(crate) fn samples_to_bytes(samples: &[i16]) -> Vec<u8> {
    samples.iter().flat_map(|s| s.to_le_bytes()).collect()
}

/// Reads the next request and its samples; `None` when the owner has closed the pipe between two requests.
pub(crate) fn read_request(from: &mut impl Read) -> io::Result<Option<(Request, Vec<i16>)>> {
    let mut head = [0; 4];
    if from.read(&mut head[..1])? == 0 {
        return Ok(None);
    }
    from.read_exact(&mut head[1..])?;
    let mut body = vec![0; frame_length(head)?];
    from.read_exact(&mut body)?;
    let request: Request = decode(&body)?;
    if request.samples > MOST_SAMPLES {
        return Err(broken(format!("{} samples are announced", request.samples)));
    }
    let mut bytes = vec![0; request.samples * 2];
    from.read_exact(&mut bytes)?;
    let samples = bytes.as_chunks::<2>().0.iter().map(|b| i16::from_le_bytes(*b)).collect();
    Ok(Some((request, samples)))
}

/// Writes a reply and sends it off.
pub(crate) fn write_reply(to: &mut impl Write, reply: &Reply) -> io::Result<()> {
    to.write_all(&frame(reply)?)?;
    to.flush()
}

/// An error about what came over the pipe.
pub(crate) fn broken(why: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(request: Request, samples: &[i16]) -> Vec<u8> {
        let mut bytes = frame(&request).unwrap();
        bytes.extend(samples_to_bytes(samples));
        bytes
    }

    #[test]
    fn two_requests_come_back_as_they_were_sent_then_the_end() {
        let first = Request { id: 7, language: Language::Ko, samples: 3 };
        let second = Request { id: 8, language: Language::En, samples: 0 };
        let mut bytes = sent(first, &[1, -2, i16::MIN]);
        bytes.extend(sent(second, &[]));
        let mut pipe = bytes.as_slice();
        assert_eq!(read_request(&mut pipe).unwrap(), Some((first, vec![1, -2, i16::MIN])));
        assert_eq!(read_request(&mut pipe).unwrap(), Some((second, vec![])));
        assert_eq!(read_request(&mut pipe).unwrap(), None);
    }

    #[test]
    fn a_request_cut_anywhere_is_an_error_not_an_end() {
        let bytes = sent(Request { id: 1, language: Language::Ko, samples: 2 }, &[5, 6]);
        for length in 1..bytes.len() {
            assert!(read_request(&mut &bytes[..length]).is_err(), "{length}");
        }
    }

    #[test]
    fn lengths_over_the_bound_are_refused_before_anything_is_allocated() {
        assert!(frame_length(u32::MAX.to_le_bytes()).is_err());
        let greedy = Request { id: 1, language: Language::Ko, samples: MOST_SAMPLES + 1 };
        assert!(read_request(&mut sent(greedy, &[]).as_slice()).is_err());
    }
}
