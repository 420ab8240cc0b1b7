//! Writes recordings: a WAV file of two channels on one clock, and a sidecar of packet facts.
//!
//! Enters: batches of streams. Leaves: `<stem>.wav` (8 kHz, 16 bits, ours left, theirs right), `<stem>.packets.jsonl`
//! (one fact per line), and [`FinishedRecording`]. One thread writes for all streams, so that a slow disk never
//! stalls the pacing; headers are renewed about once a second, so that a crash leaves files that can be read.

use super::batch::{Batch, Fact};
use super::error::MediaError;
use super::event::{FinishedRecording, MediaEvent, MediaEventKind, StreamReport};
use crate::clock;
use crate::domain::ids::ContentHash;
use crate::domain::quality::LineQuality;
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use std::collections::{HashMap, VecDeque};
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Instant;
use tokio::sync::{mpsc, oneshot};

/// Messages that may wait: at five batches a second and call, 100 calls stand eight seconds of a stalled disk.
const QUEUE: usize = 4_096;
/// Samples between two renewals of the header: one second.
const FLUSH_EVERY: u64 = 8_000;
/// Version of the sidecar's lines.
const SIDECAR_VERSION: u32 = 1;

/// The end of a stream, for the recorder.
#[derive(Debug)]
pub(crate) struct Finish {
    pub(crate) quality: LineQuality,
    /// The instant of sample 0 and the length in samples; `None` if the stream was never connected.
    pub(crate) length: Option<(Instant, i64)>,
    pub(crate) missing: u64,
    /// Failures of our own side so far.
    pub(crate) problems: Vec<String>,
    pub(crate) reply: Option<oneshot::Sender<StreamReport>>,
}

/// What streams tell the recorder.
pub(crate) enum Message {
    Open { stream: u64, file: Box<RecordingFile>, events: mpsc::Sender<MediaEvent> },
    Batch { stream: u64, batch: Box<Batch> },
    Finish { stream: u64, batch: Box<Batch>, finish: Box<Finish> },
}

/// Starts the recorder's thread; it ends when the last sender is gone.
pub(crate) fn start() -> io::Result<SyncSender<Message>> {
    let (sender, receiver) = sync_channel(QUEUE);
    std::thread::Builder::new().name("recorder".into()).spawn(move || run(&receiver))?;
    Ok(sender)
}

fn run(messages: &Receiver<Message>) {
    let mut open: HashMap<u64, (Box<RecordingFile>, mpsc::Sender<MediaEvent>)> = HashMap::new();
    for message in messages {
        match message {
            Message::Open { stream, file, events } => {
                open.insert(stream, (file, events));
            }
            Message::Batch { stream, batch } => {
                if let Some((file, events)) = open.get_mut(&stream)
                    && let Some(what) = file.take(&batch)
                {
                    let kind = MediaEventKind::Degraded { what };
                    // A call that does not read its events learns of it from the report.
                    let _ = events.try_send(MediaEvent { at: clock::now(), kind });
                }
            }
            Message::Finish { stream, batch, finish } => {
                let Some((mut file, _)) = open.remove(&stream) else { continue };
                let _ = file.take(&batch);
                let Finish { quality, length, missing, mut problems, reply } = *finish;
                let (recording, failures) = file.finish(length, missing);
                problems.extend(failures);
                if let Some(reply) = reply {
                    // The call may be gone; the files are there all the same.
                    let _ = reply.send(StreamReport { quality, recording, problems });
                }
            }
        }
    }
}

/// One sample of both channels that may still change.
#[derive(Debug, Clone, Copy, Default)]
struct Pair {
    ours: i16,
    theirs: Option<i16>,
}

/// A recording under way.
pub(crate) struct RecordingFile {
    wav: PathBuf,
    sidecar: PathBuf,
    writer: hound::WavWriter<BufWriter<File>>,
    facts: BufWriter<File>,
    hash: Sha256,
    /// Samples written.
    written: i64,
    flushed: i64,
    /// Samples from `written` on that may still change.
    open: VecDeque<Pair>,
    failed: Option<String>,
}

/// The first line of a sidecar.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case", tag = "fact")]
enum Head {
    Recording { version: u32, sample_rate: u32, left: &'static str, right: &'static str },
}

impl RecordingFile {
    /// Creates both files beside each other; folders on the way are made.
    ///
    /// # Errors
    /// [`MediaError::Recording`] if a file exists already or cannot be created: a recording is never overwritten.
    pub(crate) fn create(stem: &Path) -> Result<Self, MediaError> {
        let wav = with_suffix(stem, ".wav");
        let sidecar = with_suffix(stem, ".packets.jsonl");
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |source| MediaError::Recording { path, source }
        };
        if let Some(folder) = stem.parent() {
            fs::create_dir_all(folder).map_err(failed(folder))?;
        }
        let file = File::create_new(&wav).map_err(failed(&wav))?;
        let facts = File::create_new(&sidecar).map_err(failed(&sidecar))?;
        let spec = hound::WavSpec {
            channels: 2,
            sample_rate: 8_000,
            bits_per_sample: 16,
            sample_format: hound::SampleFormat::Int,
        };
        let writer = hound::WavWriter::new(BufWriter::new(file), spec)
            .map_err(|error| failed(&wav)(io_error(error)))?;
        let mut recording = Self {
            wav,
            sidecar,
            writer,
            facts: BufWriter::new(facts),
            hash: Sha256::new(),
            written: 0,
            flushed: 0,
            open: VecDeque::new(),
            failed: None,
        };
        let head = Head::Recording {
            version: SIDECAR_VERSION,
            sample_rate: 8_000,
            left: "prober",
            right: "far-end",
        };
        let path = recording.sidecar.clone();
        write_line(&mut recording.facts, &head).map_err(failed(&path))?;
        Ok(recording)
    }

    /// Takes a batch; the first failure in plain words.
    fn take(&mut self, batch: &Batch) -> Option<String> {
        for (position, samples) in batch.ours.iter() {
            self.put(position, samples, |pair, sample| pair.ours = sample);
        }
        for (position, samples) in batch.theirs.iter() {
            self.put(position, samples, |pair, sample| {
                pair.theirs.get_or_insert(sample);
            });
        }
        if self.failed.is_some() {
            return None;
        }
        let outcome = self.write_facts(&batch.facts).and_then(|()| self.write_until(batch.settled));
        if let Err(error) = outcome {
            let what = format!("recording `{}` stopped: {error}", self.wav.display());
            self.failed = Some(what.clone());
            return Some(what);
        }
        None
    }

    fn put(&mut self, position: i64, samples: &[i16], set: impl Fn(&mut Pair, i16)) {
        if self.failed.is_some() {
            return;
        }
        for (place, &sample) in
            (position..).zip(samples).filter(|(place, _)| *place >= self.written)
        {
            let at = (place - self.written) as usize;
            if at >= self.open.len() {
                self.open.resize(at + 1, Pair::default());
            }
            set(&mut self.open[at], sample);
        }
    }

    fn write_facts(&mut self, facts: &[Fact]) -> io::Result<()> {
        facts.iter().try_for_each(|fact| write_line(&mut self.facts, fact))
    }

    /// Writes all samples before `end`.
    fn write_until(&mut self, end: i64) -> io::Result<()> {
        while self.written < end {
            let pair = self.open.pop_front().unwrap_or_default();
            self.written += 1;
            for sample in [pair.ours, pair.theirs.unwrap_or(0)] {
                self.writer.write_sample(sample).map_err(io_error)?;
                self.hash.update(sample.to_le_bytes());
            }
        }
        if (self.written - self.flushed) as u64 >= FLUSH_EVERY {
            self.flushed = self.written;
            self.writer.flush().map_err(io_error)?;
            self.facts.flush()?;
        }
        Ok(())
    }

    /// Closes the files; those of a stream that was never connected are removed.
    fn finish(
        mut self,
        length: Option<(Instant, i64)>,
        missing: u64,
    ) -> (Option<FinishedRecording>, Vec<String>) {
        let Some((first_sample_at, samples)) = length else {
            let removed = [&self.wav, &self.sidecar].map(fs::remove_file);
            let problems = removed.into_iter().filter_map(Result::err);
            return (None, problems.map(|e| format!("empty recording not removed: {e}")).collect());
        };
        if self.failed.is_none()
            && let Err(error) = self.write_until(samples)
        {
            self.failed = Some(format!("recording `{}` stopped: {error}", self.wav.display()));
        }
        let Self { wav, sidecar, writer, mut facts, hash, failed, .. } = self;
        let closed = writer.finalize().map_err(io_error).and_then(|()| facts.flush());
        let failed = failed.or_else(|| closed.err().map(|e| format!("recording not closed: {e}")));
        if let Some(what) = failed {
            return (None, vec![what]);
        }
        let pcm_hash = ContentHash::from_bytes(&hash.finalize().into());
        let samples = samples as u64;
        let recording =
            FinishedRecording { wav, sidecar, pcm_hash, first_sample_at, samples, missing };
        (Some(recording), Vec::new())
    }
}

fn with_suffix(stem: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(stem);
    name.push(suffix);
    name.into()
}

fn write_line(file: &mut impl io::Write, line: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer(&mut *file, line)?;
    file.write_all(b"\n")
}

fn io_error(error: hound::Error) -> io::Error {
    match error {
        hound::Error::IoError(error) => error,
        other => io::Error::other(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::batch::Runs;

    fn runs(pieces: &[(i64, i16, usize)]) -> Runs {
        let mut runs = Runs::default();
        for &(at, sample, count) in pieces {
            runs.push(at, &vec![sample; count]);
        }
        runs
    }

    fn pairs(path: &Path) -> Vec<(i16, i16)> {
        let mut reader = hound::WavReader::open(path).unwrap();
        let samples: Vec<i16> = reader.samples().map(Result::unwrap).collect();
        samples.chunks(2).map(|pair| (pair[0], pair[1])).collect()
    }

    #[test]
    fn both_channels_lie_at_their_places_and_the_first_sample_at_a_place_stands() {
        let folder = tempfile::tempdir().unwrap();
        let mut file = RecordingFile::create(&folder.path().join("deep/call.1")).unwrap();
        let ours = runs(&[(2, 5, 3)]);
        // Before the axis, twice, and out of order.
        let theirs = runs(&[(-2, 1, 3), (6, 3, 2), (4, 2, 4)]);
        assert_eq!(file.take(&Batch { ours, theirs, ..Batch::default() }), None);
        let late = Batch { theirs: runs(&[(0, 9, 3)]), settled: 2, ..Batch::default() };
        assert_eq!(file.take(&late), None);
        let too_late = Batch { theirs: runs(&[(1, 8, 1)]), settled: 2, ..Batch::default() };
        assert_eq!(file.take(&too_late), None);
        let zero = clock::now();
        let (finished, problems) = file.finish(Some((zero, 10)), 4);
        assert_eq!(problems, Vec::<String>::new());
        let finished = finished.unwrap();
        assert!(finished.wav.ends_with("deep/call.1.wav"));
        assert_eq!((finished.samples, finished.missing), (10, 4));
        let expected =
            [(0, 1), (0, 9), (5, 9), (5, 0), (5, 2), (0, 2), (0, 3), (0, 3), (0, 0), (0, 0)];
        assert_eq!(pairs(&finished.wav), expected);
        let octets =
            expected.iter().flat_map(|(l, r)| [l.to_le_bytes(), r.to_le_bytes()]).flatten();
        let digest = Sha256::digest(octets.collect::<Vec<u8>>());
        assert_eq!(finished.pcm_hash, ContentHash::from_bytes(&digest.into()));
    }

    #[test]
    fn after_each_second_the_files_can_be_read_though_nobody_closed_them() {
        let folder = tempfile::tempdir().unwrap();
        let mut file = RecordingFile::create(&folder.path().join("call")).unwrap();
        let facts = vec![Fact::DigitSent { start: 1, end: 2 }];
        file.take(&Batch {
            ours: runs(&[(0, 3, 9_000)]),
            facts,
            settled: 8_000,
            ..Batch::default()
        });
        let readable = pairs(&file.wav);
        assert_eq!(readable.len(), 8_000);
        assert!(readable.iter().all(|pair| *pair == (3, 0)));
        let sidecar = fs::read_to_string(&file.sidecar).unwrap();
        let lines: Vec<serde_json::Value> =
            sidecar.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
        assert_eq!(lines[0]["version"], 1);
        assert_eq!(lines[1], serde_json::json!({"fact": "digit-sent", "start": 1, "end": 2}));
    }

    #[test]
    fn a_full_disk_is_told_once_and_leaves_no_recording_to_rely_on() {
        let folder = tempfile::tempdir().unwrap();
        let mut file = RecordingFile::create(&folder.path().join("call")).unwrap();
        let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        file.facts = BufWriter::new(full);
        let facts = vec![Fact::DigitSent { start: 1, end: 2 }];
        let batch = Batch { facts, settled: 8_000, ..Batch::default() };
        let told = file.take(&batch).unwrap();
        assert!(told.contains("call.wav` stopped"), "{told}");
        assert_eq!(file.take(&batch), None);
        let (recording, problems) = file.finish(Some((clock::now(), 8_000)), 0);
        assert_eq!((recording, problems), (None, vec![told]));
    }
}
