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
