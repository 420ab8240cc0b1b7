//! `callprobe doctor`: is this machine fit to call?

use super::args::ConfigArguments;
use super::exit::Exit;
use super::failure::Failure;
use super::{print, rig};
use crate::config::Config;
use crate::transcription::{FileState, ModelStore, Silent};
use std::net::UdpSocket;

/// File descriptors that a hundred calls want: a media socket, a recording and a sidecar each, and room.
const ENOUGH_FILES: u64 = 1024;

struct Finding {
    what: &'static str,
    fault: Option<String>,
    said: String,
}

/// Checks what a campaign needs, and says for each fault how to mend it.
pub(super) fn run(arguments: &ConfigArguments) -> Result<Exit, Failure> {
    let config = Config::load(arguments.config.as_deref()).map_err(Failure::usage)?;
    let findings = [
        models(&config),
        trunk(&config),
        media(&config),
        files(),
        store(&config),
        recording(&config),
        cores(),
    ];
    let mut faults = 0;
    for finding in findings {
        match finding.fault {
            None => print::out(format!("ok    {:14} {}", finding.what, finding.said)),
            Some(remedy) => {
                faults += 1;
                print::out(format!(
                    "FAULT {:14} {}\n      mend it: {remedy}",
                    finding.what, finding.said
                ));
            }
        }
    }
    Ok(if faults == 0 { Exit::Done } else { Exit::Infrastructure })
}

fn models(config: &Config) -> Finding {
    let store = ModelStore::new(&config.models);
    let what = "models";
    match store.verify(&mut Silent) {
        Ok(all) => {
            let bad: Vec<_> = all
                .iter()
                .filter(|m| {
                    ["base", "vad"].contains(&m.name.as_str()) && m.state != FileState::Verified
                })
                .map(|m| m.name.clone())
                .collect();
            let fault =
                (!bad.is_empty()).then(|| format!("callprobe models fetch {}", bad.join(" ")));
            let said = format!("Whisper base and Silero in {}", config.models.display());
            Finding { what, fault, said }
        }
        Err(error) => {
            Finding { what, fault: Some("see above".to_owned()), said: error.to_string() }
        }
    }
}

fn trunk(config: &Config) -> Finding {
    let target = config.trunk.target;
    let reach = if target.ip().is_loopback() { "this machine only" } else { "a real network" };
    let fault = UdpSocket::bind(config.trunk.bind).err().map(|error| {
        format!("`{}` cannot be bound ({error}): set another `[trunk] bind`", config.trunk.bind)
    });
    Finding { what: "trunk", fault, said: format!("{target}, which leads to {reach}") }
}

fn media(config: &Config) -> Finding {
    let (first, last) = (config.media.ports.start(), config.media.ports.end());
    let fault = UdpSocket::bind((config.media.bind, *first))
        .err()
        .map(|error| format!("port {first} of {} cannot be bound ({error})", config.media.bind));
    let calls = (u32::from(*last) - u32::from(*first)).div_ceil(2);
    Finding { what: "media ports", fault, said: format!("{first}-{last}: {calls} calls at once") }
}

fn files() -> Finding {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
    let enough = limit.is_none_or(|limit| limit >= ENOUGH_FILES);
    let said = limit.map_or("unlimited".to_owned(), |limit| format!("{limit} may be open"));
    let fault = (!enough).then(|| format!("ulimit -n {ENOUGH_FILES}"));
    Finding { what: "files", fault, said }
}

fn store(config: &Config) -> Finding {
    let folder = config.store.display();
    let made = std::fs::create_dir_all(&config.store)
        .and_then(|()| std::fs::write(config.store.join(".probe"), b""))
        .and_then(|()| std::fs::remove_file(config.store.join(".probe")));
    let fault = made.err().map(|e| format!("{e}: choose another folder, `[store] folder`"));
    Finding { what: "store", fault, said: format!("{folder} can be written") }
}

fn recording(config: &Config) -> Finding {
    let said = if config.recording.allows_audio() {
        "a basis is declared: audio is kept"
    } else {
        "no basis is declared: only timings are kept, items that need words are not observed"
    };
    Finding { what: "recording", fault: None, said: said.to_owned() }
}

fn cores() -> Finding {
    Finding {
        what: "cores",
        fault: None,
        said: format!("{} recordings are read at a time", rig::workers()),
    }
}
