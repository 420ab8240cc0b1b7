//! The worker process: the same program, started as `callprobe worker --model FILE`.
//!
//! Enters: requests on standard input. Leaves: replies on standard output, and nothing else. It lowers its own priority,
//! ends when its owner closes the pipe, and writes no words anywhere but into replies.

use super::engine::{Engine, Whisper};
use super::protocol::{GREETING, Reply, read_request, write_reply};
use std::ffi::OsString;
use std::io::{self, Read, Write};
use std::path::PathBuf;
use std::process::ExitCode;

/// How much nicer than the rest of the program; calls must never wait for words.
const NICENESS: i32 = 10;
const MODEL_OPTION: &str = "--model";

/// Runs the worker of this process's arguments until its owner closes the pipe.
///
/// Exit code 0 at the end of requests, 1 if the model could not be loaded or the pipe broke.
pub fn worker_main() -> ExitCode {
    // A host that does not let us be nicer still gets its words.
    let _ = rustix::process::setpriority_process(None, NICENESS);
    let served = serve(&mut io::stdin().lock(), &mut io::stdout().lock(), || {
        Whisper::load(&model_argument(std::env::args_os())?)
    });
    match served {
        Ok(Served::ToTheEnd) => ExitCode::SUCCESS,
        Ok(Served::Unfit) | Err(_) => ExitCode::FAILURE,
    }
}

fn model_argument(arguments: impl Iterator<Item = OsString>) -> Result<PathBuf, String> {
    arguments
        .skip_while(|argument| argument != MODEL_OPTION)
        .nth(1)
        .map(PathBuf::from)
        .ok_or_else(|| format!("a worker needs `{MODEL_OPTION} FILE`"))
}

/// How a worker came to its end.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Served {
    /// The owner closed the pipe.
    ToTheEnd,
    /// There was no recognizer.
    Unfit,
}

/// Greets, loads the recognizer and answers requests.
pub(crate) fn serve<E: Engine>(
    requests: &mut impl Read,
    replies: &mut impl Write,
    load: impl FnOnce() -> Result<E, String>,
) -> io::Result<Served> {
    replies.write_all(GREETING)?;
    let mut engine = match load() {
        Ok(engine) => engine,
        Err(why) => {
            write_reply(replies, &Reply::Unfit { why })?;
            return Ok(Served::Unfit);
        }
    };
    write_reply(replies, &Reply::Ready)?;
    while let Some((request, samples)) = read_request(requests)? {
        let id = request.id;
        let reply = match engine.read(&samples, request.language) {
            Ok(phrases) => Reply::Read { id, phrases },
            Err(why) => Reply::Failed { id, why },
        };
        write_reply(replies, &reply)?;
    }
    Ok(Served::ToTheEnd)
}

#[cfg(test)]
mod tests {
    use super::super::protocol::{Phrase, Request, decode, frame, frame_length, samples_to_bytes};
    use super::*;
    use crate::domain::transcript::Language;

    /// Reads as many words as there are samples; fails on none.
    struct Counter;

    impl Engine for Counter {
        fn read(&mut self, pcm8k: &[i16], _: Language) -> Result<Vec<Phrase>, String> {
            if pcm8k.is_empty() {
                return Err("nothing to read".to_owned());
            }
            let text = pcm8k.len().to_string();
            Ok(vec![Phrase { text, words: Vec::new(), mean_log_probability: -0.1 }])
        }
    }

    fn replies(mut bytes: &[u8]) -> Vec<Reply> {
        let mut all = Vec::new();
        bytes = bytes.strip_prefix(GREETING).unwrap();
        while let Some((head, rest)) = bytes.split_first_chunk::<4>() {
            let (body, rest) = rest.split_at(frame_length(*head).unwrap());
            all.push(decode(body).unwrap());
            bytes = rest;
        }
        all
    }

    #[test]
    fn a_worker_greets_answers_each_request_and_ends_with_the_pipe() {
        let mut pipe = Vec::new();
        for (id, samples) in [(1, vec![0; 5]), (2, vec![])] {
            let request = Request { id, language: Language::Ko, samples: samples.len() };
            pipe.extend(frame(&request).unwrap());
            pipe.extend(samples_to_bytes(&samples));
        }
        let mut out = Vec::new();
        let served = serve(&mut pipe.as_slice(), &mut out, || Ok(Counter)).unwrap();
        assert_eq!(served, Served::ToTheEnd);
        let all = replies(&out);
        assert_eq!(all[0], Reply::Ready);
        assert!(matches!(&all[1], Reply::Read { id: 1, phrases } if phrases[0].text == "5"));
        assert_eq!(all[2], Reply::Failed { id: 2, why: "nothing to read".to_owned() });
        assert_eq!(all.len(), 3);
    }

    #[test]
    fn a_worker_without_a_model_says_so_and_ends() {
        let mut out = Vec::new();
        let load = || Err::<Counter, _>("no such model".to_owned());
        assert_eq!(serve(&mut io::empty(), &mut out, load).unwrap(), Served::Unfit);
        assert_eq!(replies(&out), [Reply::Unfit { why: "no such model".to_owned() }]);
    }

    #[test]
    fn the_model_is_the_argument_after_its_option() {
        let given = |all: &[&str]| model_argument(all.iter().map(OsString::from));
        assert_eq!(
            given(&["callprobe", "worker", "--model", "a b"]).unwrap(),
            PathBuf::from("a b")
        );
        assert!(given(&["callprobe", "worker"]).is_err());
        assert!(given(&["callprobe", "worker", "--model"]).is_err());
    }
}
