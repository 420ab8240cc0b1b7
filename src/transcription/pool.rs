//! The pool of worker processes.
//!
//! Enters: jobs. Leaves: transcripts on the call's axis. Stretches of jobs wait in two bounded queues, live before
//! batch; each worker has one process, which is killed when it is late and started again when it died. A process that
//! dies over a stretch costs that stretch a second try on a fresh one, then the job fails.

use super::error::TranscriptionError;
use super::files::hash_file;
use super::hallucination::is_invented;
use super::process::{Answer, WorkerCommand, WorkerProcess};
use super::protocol::{HeardWord, Phrase};
use super::stretch::{Stretch, stretches};
use crate::domain::ids::ContentHash;
use crate::domain::time::{CallTime, Span};
use crate::domain::timeline::Party;
use crate::domain::transcript::{Language, Transcript, Utterance, Word};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Mutex, mpsc, oneshot};
use tokio::time::timeout;

/// Stretches that may wait in each queue; more make their jobs wait.
const QUEUE: usize = 64;
/// Tries of a stretch: one, and one more on a fresh process.
const TRIES: usize = 2;

/// What the pool is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TranscriberConfig {
    /// Worker processes; as many as cores may be busy beside calls. 0 counts as 1.
    pub workers: usize,
    /// The ggml model.
    pub model: PathBuf,
    /// The voice detector's weights; without them no speech is found, so they are read at the start.
    pub vad: PathBuf,
    /// The program that has the `worker` command, usually this one.
    pub program: PathBuf,
}

/// Who waits for the words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Priority {
    /// A live call: before everything that is not.
    Live,
    /// Nobody at once.
    #[default]
    Batch,
}

/// Speech to be read.
#[derive(Debug, Clone)]
pub struct Job {
    /// One side of a call, `[n]` mono at 8 kHz.
    pub pcm8k: Vec<i16>,
    /// Where its first sample lies on the call's axis.
    pub starts_at: CallTime,
    /// Who is speaking.
    pub party: Party,
    /// What is spoken.
    pub language: Language,
    /// How long reading one stretch (at most 25 s) may take, not counting the wait in the queue.
    pub deadline: Duration,
    /// Where a voice was found; nothing else is read.
    pub spans: Vec<Span>,
    /// Who waits.
    pub priority: Priority,
}

/// Reads speech in worker processes. Clones share the pool; dropping the last ends the processes.
#[derive(Debug, Clone)]
pub struct Transcriber {
    live: mpsc::Sender<Task>,
    batch: mpsc::Sender<Task>,
    model: ContentHash,
    vad: Arc<[u8]>,
}

#[derive(Debug)]
struct Task {
    stretch: Stretch,
    language: Language,
    deadline: Duration,
    reply: oneshot::Sender<Result<Vec<Phrase>, TranscriptionError>>,
}

#[derive(Debug)]
struct Queues {
    live: mpsc::Receiver<Task>,
    batch: mpsc::Receiver<Task>,
}

impl Queues {
    /// The next stretch, live ones first; `None` when nobody can send one any more.
    async fn next(&mut self) -> Option<Task> {
        tokio::select! {
            biased;
            Some(task) = self.live.recv() => Some(task),
            Some(task) = self.batch.recv() => Some(task),
            else => None,
        }
    }
}

impl Transcriber {
    /// Checks the files, starts the first worker (the others start when they are needed) and is ready.
    ///
    /// # Errors
    /// [`TranscriptionError::ModelMissing`] with the command that fetches it, a file error, or
    /// [`TranscriptionError::WorkerStart`] if the program or the model does not work.
    pub async fn start(config: TranscriberConfig) -> Result<Self, TranscriptionError> {
        let command = WorkerCommand {
            program: config.program.clone(),
            arguments: vec!["worker".into(), "--model".into(), config.model.clone().into()],
            environment: Vec::new(),
        };
        Self::start_with(config, command).await
    }

    /// As [`Self::start`], with workers started by another command.
    pub(crate) async fn start_with(
        config: TranscriberConfig,
        command: WorkerCommand,
    ) -> Result<Self, TranscriptionError> {
        require(&config.model, "base")?;
        require(&config.vad, "vad")?;
        let (model, vad) = (config.model.clone(), config.vad.clone());
        let read = tokio::task::spawn_blocking(move || {
            let hash = hash_file(&model, |_| ())?;
            let vad = std::fs::read(&vad).map_err(TranscriptionError::file("read", &vad))?;
            Ok::<_, TranscriptionError>((hash, vad))
        });
        let (hash, vad) = read.await.map_err(|_| TranscriptionError::ShutDown)??;
        let mut first = Some(WorkerProcess::start(&command).await?);
        let (live, live_tasks) = mpsc::channel(QUEUE);
        let (batch, batch_tasks) = mpsc::channel(QUEUE);
        let queues = Arc::new(Mutex::new(Queues { live: live_tasks, batch: batch_tasks }));
        for _ in 0..config.workers.max(1) {
            tokio::spawn(work(command.clone(), Arc::clone(&queues), first.take()));
        }
        Ok(Self { live, batch, model: hash, vad: vad.into() })
    }

    /// SHA-256 of the model that reads.
    pub fn model(&self) -> &ContentHash {
        &self.model
    }

    /// The voice detector's weights, for `hearing::Silero::from_bytes`.
    pub fn voice_detector(&self) -> &Arc<[u8]> {
        &self.vad
    }

    /// Reads the voiced spans of a job. Without any, the transcript is empty and no worker is asked. Dropping the future
    /// takes its waiting stretches out of the queue.
    ///
    /// # Errors
    /// [`TranscriptionError::DeadlineMissed`] or [`TranscriptionError::WorkerDied`] at the stretch that failed,
    /// [`TranscriptionError::Engine`] if the recognizer refused it. A part of a transcript is never given.
    pub async fn transcribe(&self, job: Job) -> Result<Transcript, TranscriptionError> {
        let queue = match job.priority {
            Priority::Live => &self.live,
            Priority::Batch => &self.batch,
        };
        let mut waiting = Vec::new();
        for stretch in stretches(&job.pcm8k, job.starts_at, &job.spans) {
            let (reply, answer) = oneshot::channel();
            let span = stretch.span();
            let task = Task { stretch, language: job.language, deadline: job.deadline, reply };
            queue.send(task).await.map_err(|_| TranscriptionError::ShutDown)?;
            waiting.push((span, answer));
        }
        let mut transcript = Transcript {
            model: self.model.clone(),
            language: job.language,
            utterances: Vec::new(),
            dropped: 0,
        };
        for (span, answer) in waiting {
            let phrases = answer.await.map_err(|_| TranscriptionError::ShutDown)??;
            for phrase in phrases {
                if is_invented(&phrase.text) {
                    transcript.dropped += 1;
                } else {
                    transcript.utterances.push(utterance(phrase, span, job.party));
                }
            }
        }
        Ok(transcript)
    }
}

fn require(path: &Path, name: &str) -> Result<(), TranscriptionError> {
    if path.is_file() {
        return Ok(());
    }
    Err(TranscriptionError::ModelMissing { name: name.to_owned(), path: path.to_owned() })
}

/// Puts a phrase of a stretch on the call's axis.
fn utterance(phrase: Phrase, stretch: Span, party: Party) -> Utterance {
    let place = |word: &HeardWord| {
        let at = |ms: u32| (stretch.start + Duration::from_millis(u64::from(ms))).min(stretch.end);
        Span::new(at(word.start_ms), at(word.end_ms))
    };
    let words: Vec<Word> = phrase
        .words
        .into_iter()
        .map(|word| Word { span: place(&word), text: word.text, probability: word.probability })
        .collect();
    let start = words.iter().map(|w| w.span.start).min().unwrap_or(stretch.start);
    let end = words.iter().map(|w| w.span.end).max().unwrap_or(stretch.end);
    let mean_log_probability = phrase.mean_log_probability;
    Utterance { party, span: Span::new(start, end), text: phrase.text, words, mean_log_probability }
}

/// One worker: takes stretches until there is nobody left to send any.
async fn work(
    command: WorkerCommand,
    queues: Arc<Mutex<Queues>>,
    mut process: Option<WorkerProcess>,
) {
    loop {
        let next = queues.lock().await.next().await;
        let Some(task) = next else { return };
        if task.reply.is_closed() {
            continue;
        }
        let result = read(&command, &mut process, &task).await;
        // Whoever asked may have gone in the meantime.
        let _ = task.reply.send(result);
    }
}

async fn read(
    command: &WorkerCommand,
    process: &mut Option<WorkerProcess>,
    task: &Task,
) -> Result<Vec<Phrase>, TranscriptionError> {
    let at = task.stretch.starts_at;
    let mut why = String::new();
    for _ in 0..TRIES {
        let mut worker = match process.take() {
            Some(worker) => worker,
            None => WorkerProcess::start(command).await?,
        };
        match timeout(task.deadline, worker.read(&task.stretch.pcm8k, task.language)).await {
            Ok(Ok(answer)) => {
                *process = Some(worker);
                return match answer {
                    Answer::Read(phrases) => Ok(phrases),
                    Answer::Failed(why) => Err(TranscriptionError::Engine { why }),
                };
            }
            Ok(Err(error)) => why = worker.epitaph(&error).await,
            Err(_) => {
                worker.kill().await;
                return Err(TranscriptionError::DeadlineMissed { at, deadline: task.deadline });
            }
        }
    }
    Err(TranscriptionError::WorkerDied { at, why })
}

#[cfg(test)]
mod tests {
    use super::super::engine::Engine;
    use super::super::worker::serve;
    use super::*;
    use std::ffi::OsString;

    const SCRIPT: &str = "CALLPROBE_SCRIPTED_WORKER";
    const READS: i16 = 1;
    const DIES: i16 = 2;
    const HANGS: i16 = 3;
    const REFUSES: i16 = 4;
    const DIES_ONCE: i16 = 5;
    const INVENTS: i16 = 6;
    const PATIENT: Duration = Duration::from_mins(1);

    /// Does what the first loud sample of a stretch says; reads the length in seconds.
    struct Scripted;

    impl Engine for Scripted {
        fn read(&mut self, pcm8k: &[i16], _: Language) -> Result<Vec<Phrase>, String> {
            let said = |text: String| {
                let word = |text: &str, start_ms| HeardWord {
                    text: text.to_owned(),
                    start_ms,
                    end_ms: start_ms + 100,
                    probability: 0.5,
                };
                let words = vec![word(&text, 100), word("끝", 900_000)];
                Ok(vec![Phrase { text, words, mean_log_probability: -0.2 }])
            };
            match pcm8k.iter().copied().find(|&s| s != 0) {
                Some(DIES) => std::process::abort(),
                Some(HANGS) => loop {
                    std::thread::park();
                },
                Some(REFUSES) => Err("refused".to_owned()),
                Some(DIES_ONCE) => {
                    let marker = PathBuf::from(std::env::var_os(SCRIPT).unwrap()).join("died");
                    if !marker.exists() {
                        std::fs::write(marker, "").unwrap();
                        std::process::abort();
                    }
                    said("again".to_owned())
                }
                Some(INVENTS) => said("구독과 좋아요 부탁드립니다.".to_owned()),
                _ => said(format!("{} s", pcm8k.len() / 8_000)),
            }
        }
    }

    /// What the processes of these tests run; it only does anything as such a process.
    #[test]
    #[ignore = "the body of worker processes"]
    fn scripted_worker() {
        assert!(std::env::var_os(SCRIPT).is_some(), "this is not a worker process");
        serve(&mut std::io::stdin(), &mut std::io::stdout(), || Ok(Scripted)).unwrap();
    }

    struct House {
        transcriber: Transcriber,
        _folder: tempfile::TempDir,
    }

    fn config(folder: &Path) -> TranscriberConfig {
        let (model, vad) = (folder.join("model"), folder.join("vad"));
        std::fs::write(&model, "abc").unwrap();
        std::fs::write(&vad, "weights").unwrap();
        TranscriberConfig { workers: 1, model, vad, program: std::env::current_exe().unwrap() }
    }

    async fn house() -> House {
        let folder = tempfile::tempdir().unwrap();
        let config = config(folder.path());
        let name = "transcription::pool::tests::scripted_worker";
        let arguments = ["--exact", name, "--ignored", "--nocapture", "--test-threads=1"];
        let command = WorkerCommand {
            program: config.program.clone(),
            arguments: arguments.map(OsString::from).to_vec(),
            environment: vec![(SCRIPT.into(), folder.path().into())],
        };
        let transcriber = Transcriber::start_with(config, command).await.unwrap();
        House { transcriber, _folder: folder }
    }

    /// Two seconds of a scripted act, from second 10 of a call.
    fn job(act: i16, deadline: Duration) -> Job {
        let starts_at = CallTime::from_millis(10_000);
        Job {
            pcm8k: vec![act; 16_000],
            starts_at,
            party: Party::FarEnd,
            language: Language::Ko,
            deadline,
            spans: vec![Span::new(starts_at, starts_at + Duration::from_secs(2))],
            priority: Priority::Batch,
        }
    }

    #[tokio::test]
    async fn words_come_back_on_the_axis_of_the_call_and_within_the_speech() {
        let house = house().await;
        let transcript = house.transcriber.transcribe(job(READS, PATIENT)).await.unwrap();
        let [utterance] = transcript.utterances.as_slice() else { panic!("{transcript:?}") };
        assert_eq!(utterance.text, "2 s");
        assert_eq!(utterance.words[0].span.start, CallTime::from_millis(10_100));
        assert_eq!(utterance.words[1].span.end, CallTime::from_millis(12_000));
        assert_eq!(transcript.dropped, 0);
        // SHA-256 of `abc`, FIPS 180-2 appendix B.1.
        assert!(transcript.model.as_str().starts_with("ba7816bf8f01cfea"));
        assert_eq!(house.transcriber.voice_detector().as_ref(), b"weights");
    }

    #[tokio::test]
    async fn without_voiced_spans_the_transcript_is_empty() {
        let house = house().await;
        // The worker would die over these samples.
        let silent = Job { spans: Vec::new(), ..job(DIES, PATIENT) };
        let transcript = house.transcriber.transcribe(silent).await.unwrap();
        assert!(transcript.utterances.is_empty());
    }

    #[tokio::test]
    async fn a_process_that_dies_twice_fails_its_job_and_no_other() {
        let house = house().await;
        let failed = house.transcriber.transcribe(job(DIES, PATIENT)).await.unwrap_err();
        let at = CallTime::from_millis(10_000);
        assert!(matches!(&failed, TranscriptionError::WorkerDied { at: a, .. } if *a == at));
        assert!(failed.to_string().contains("signal: 6"), "{failed}");
        assert!(house.transcriber.transcribe(job(READS, PATIENT)).await.is_ok());
    }

    #[tokio::test]
    async fn a_process_that_dies_once_costs_a_second_try() {
        let house = house().await;
        let transcript = house.transcriber.transcribe(job(DIES_ONCE, PATIENT)).await.unwrap();
        assert_eq!(transcript.utterances[0].text, "again");
    }

    #[tokio::test]
    async fn a_process_that_hangs_is_killed_and_replaced() {
        let house = house().await;
        let short = Duration::from_millis(50);
        let failed = house.transcriber.transcribe(job(HANGS, short)).await.unwrap_err();
        assert!(matches!(failed, TranscriptionError::DeadlineMissed { .. }), "{failed}");
        assert!(house.transcriber.transcribe(job(READS, PATIENT)).await.is_ok());
    }

    #[tokio::test]
    async fn a_refusal_fails_the_job_and_the_process_goes_on() {
        let house = house().await;
        let failed = house.transcriber.transcribe(job(REFUSES, PATIENT)).await.unwrap_err();
        assert_eq!(failed.to_string(), "the recognizer failed: refused");
        assert!(house.transcriber.transcribe(job(READS, PATIENT)).await.is_ok());
    }

    #[tokio::test]
    async fn an_invention_is_dropped_and_counted() {
        let house = house().await;
        let transcript = house.transcriber.transcribe(job(INVENTS, PATIENT)).await.unwrap();
        assert!(transcript.utterances.is_empty());
        assert_eq!(transcript.dropped, 1);
    }

    #[tokio::test]
    async fn more_stretches_than_the_queue_holds_are_all_read_in_order() {
        let house = house().await;
        let at = |n: u64| CallTime::from_millis(10_000 + n * 4_000);
        let spans: Vec<_> =
            (0..80).map(|n| Span::new(at(n), at(n) + Duration::from_secs(2))).collect();
        let many = Job { pcm8k: vec![READS; 320 * 8_000], spans, ..job(READS, PATIENT) };
        let transcript = house.transcriber.transcribe(many).await.unwrap();
        assert_eq!(transcript.utterances.len(), 80);
        assert!(transcript.utterances.is_sorted_by_key(|u| u.span.start));
    }

    #[tokio::test]
    async fn a_live_stretch_is_taken_before_those_that_wait_in_batch() {
        let (live, live_tasks) = mpsc::channel(4);
        let (batch, batch_tasks) = mpsc::channel(4);
        let mut queues = Queues { live: live_tasks, batch: batch_tasks };
        let task = |seconds: u64| Task {
            stretch: Stretch { starts_at: CallTime::from_millis(seconds * 1000), pcm8k: vec![] },
            language: Language::Ko,
            deadline: PATIENT,
            reply: oneshot::channel().0,
        };
        batch.try_send(task(1)).unwrap();
        batch.try_send(task(2)).unwrap();
        live.try_send(task(3)).unwrap();
        drop((live, batch));
        let mut order = Vec::new();
        while let Some(task) = queues.next().await {
            order.push(task.stretch.starts_at.as_micros() / 1_000_000);
        }
        assert_eq!(order, [3, 1, 2]);
    }

    #[tokio::test]
    async fn a_missing_model_is_named_with_the_command_that_fetches_it() {
        let folder = tempfile::tempdir().unwrap();
        let config = config(folder.path());
        std::fs::remove_file(&config.vad).unwrap();
        let refused = Transcriber::start(config).await.unwrap_err().to_string();
        assert!(refused.contains("callprobe models fetch vad"), "{refused}");
    }

    #[tokio::test]
    async fn a_program_that_is_no_worker_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let config = TranscriberConfig { program: "/bin/echo".into(), ..config(folder.path()) };
        let refused = Transcriber::start(config).await.unwrap_err();
        assert!(matches!(refused, TranscriptionError::WorkerStart { .. }), "{refused}");
    }
}
