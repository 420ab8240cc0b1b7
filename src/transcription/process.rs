//! One worker process, seen from its owner.
//!
//! Enters: stretches. Leaves: phrases, or how the process died. Dropping it kills it.

use super::error::TranscriptionError;
use super::protocol::{
    GREETING, MOST_BEFORE_GREETING, MOST_SAMPLES, Phrase, Reply, Request, broken, decode, frame,
    frame_length, samples_to_bytes,
};
use crate::domain::transcript::Language;
use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// How long loading a model may take; large ones come from a slow disk.
const START_LIMIT: Duration = Duration::from_mins(2);
/// How long a dying process may take to be gone.
const DEATH_LIMIT: Duration = Duration::from_secs(2);
/// How much of what a process complained is kept.
const COMPLAINT_BYTES: usize = 2048;

/// How to start a worker.
#[derive(Debug, Clone)]
pub(crate) struct WorkerCommand {
    /// The program, usually this one.
    pub(crate) program: PathBuf,
    /// Its arguments.
    pub(crate) arguments: Vec<OsString>,
    /// What is added to its environment.
    pub(crate) environment: Vec<(OsString, OsString)>,
}

/// A worker that is ready for a stretch.
pub(crate) struct WorkerProcess {
    child: Child,
    requests: ChildStdin,
    replies: BufReader<ChildStdout>,
    complaints: JoinHandle<String>,
    next_id: u64,
}

/// What a living worker says to a stretch.
pub(crate) enum Answer {
    /// What it read.
    Read(Vec<Phrase>),
    /// Why it could not.
    Failed(String),
}

impl WorkerProcess {
    /// Starts a process and waits until its model is loaded.
    ///
    /// # Errors
    /// [`TranscriptionError::WorkerStart`] with what it said.
    pub(crate) async fn start(command: &WorkerCommand) -> Result<Self, TranscriptionError> {
        let refuse =
            |why| TranscriptionError::WorkerStart { program: command.program.clone(), why };
        let mut process = Self::spawn(command).map_err(|e| refuse(e.to_string()))?;
        match timeout(START_LIMIT, process.greet()).await {
            Ok(Ok(Reply::Ready)) => Ok(process),
            Ok(Ok(Reply::Unfit { why })) => Err(refuse(why)),
            Ok(Ok(other)) => Err(refuse(format!("it said {other:?} instead of being ready"))),
            Ok(Err(error)) => Err(refuse(process.epitaph(&error).await)),
            Err(_) => Err(refuse(format!("it was not ready within {} s", START_LIMIT.as_secs()))),
        }
    }

    fn spawn(command: &WorkerCommand) -> io::Result<Self> {
        let mut child = Command::new(&command.program)
            .args(&command.arguments)
            .envs(command.environment.iter().map(|(name, value)| (name, value)))
            // An interrupt from the terminal is for the owner, which winds up what is running.
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let missing = || broken("a pipe is missing".to_owned());
        let requests = child.stdin.take().ok_or_else(missing)?;
        let replies = BufReader::new(child.stdout.take().ok_or_else(missing)?);
        let mut stderr = child.stderr.take().ok_or_else(missing)?;
        let complaints = tokio::spawn(async move {
            let mut kept = Vec::new();
            let mut chunk = [0; 512];
            while let Ok(count @ 1..) = stderr.read(&mut chunk).await {
                kept.extend_from_slice(&chunk[..count]);
                let over = kept.len().saturating_sub(COMPLAINT_BYTES);
                kept.drain(..over);
            }
            String::from_utf8_lossy(&kept).trim().to_owned()
        });
        Ok(Self { child, requests, replies, complaints, next_id: 1 })
    }

    /// Skips to the greeting, then reads the first reply.
    async fn greet(&mut self) -> io::Result<Reply> {
        let mut seen = Vec::new();
        while !seen.ends_with(GREETING) {
            if seen.len() > MOST_BEFORE_GREETING {
                return Err(broken("it does not greet as a worker of this version".to_owned()));
            }
            seen.push(self.replies.read_u8().await?);
        }
        self.reply().await
    }

    async fn reply(&mut self) -> io::Result<Reply> {
        let mut head = [0; 4];
        self.replies.read_exact(&mut head).await?;
        let mut body = vec![0; frame_length(head)?];
        self.replies.read_exact(&mut body).await?;
        decode(&body)
    }

    /// Has a stretch read.
    ///
    /// # Errors
    /// An I/O error if the process is gone or out of step; it is of no more use then.
    pub(crate) async fn read(&mut self, pcm8k: &[i16], language: Language) -> io::Result<Answer> {
        let pcm8k = &pcm8k[..pcm8k.len().min(MOST_SAMPLES)];
        let request = Request { id: self.next_id, language, samples: pcm8k.len() };
        self.next_id += 1;
        self.requests.write_all(&frame(&request)?).await?;
        self.requests.write_all(&samples_to_bytes(pcm8k)).await?;
        self.requests.flush().await?;
        match self.reply().await? {
            Reply::Read { id, phrases } if id == request.id => Ok(Answer::Read(phrases)),
            Reply::Failed { id, why } if id == request.id => Ok(Answer::Failed(why)),
            other => Err(broken(format!("it answered {} with {other:?}", request.id))),
        }
    }

    /// Kills the process and waits until it is gone.
    pub(crate) async fn kill(mut self) {
        // If it is gone already there is nothing to kill; if it does not go, dropping it tries again.
        let _ = timeout(DEATH_LIMIT, self.child.kill()).await;
    }

    /// How it died, in words; kills it if it has not.
    pub(crate) async fn epitaph(mut self, error: &io::Error) -> String {
        let ended = timeout(DEATH_LIMIT, self.child.wait()).await;
        let how = match ended {
            Ok(Ok(status)) => status.to_string(),
            _ => "it was still running and was stopped".to_owned(),
        };
        let _ = self.child.start_kill();
        let complaint = timeout(DEATH_LIMIT, &mut self.complaints).await;
        let complaint = complaint.ok().and_then(Result::ok).unwrap_or_default();
        let last = complaint.lines().last().unwrap_or("no message");
        format!("{how}; {error}; {last}")
    }
}
