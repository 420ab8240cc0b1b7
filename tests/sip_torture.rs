//! The torture messages of RFC 4475 against the whole user agent: every one is answered, offered or dropped on purpose.
#![expect(clippy::unwrap_used, reason = "a helper of a test that cannot go on fails")]

use callprobe::domain::random::SplitMix64;
use callprobe::sip::{Identity, Input, Offered, Output, TimerSettings, UserAgent};
use std::path::Path;

/// What is to become of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// Offered as a call (after 100 Trying).
    Call,
    /// Answered with this code.
    Code(u16),
    /// No answer: a response to nothing we sent, or nothing that could be answered.
    Dropped,
}

/// Message of RFC 4475, section, what we do.
const TABLE: &[(&str, &str, Fate)] = &[
    ("wsinv", "3.1.1.1, has a tag in To: no such dialog", Fate::Code(481)),
    ("intmeth", "3.1.1.2, an extension method", Fate::Code(501)),
    ("esc01", "3.1.1.3", Fate::Call),
    ("escnull", "3.1.1.4, we are no registrar", Fate::Code(405)),
    ("esc02", "3.1.1.5, %47 is not G in a method", Fate::Code(501)),
    ("lwsdisp", "3.1.1.6", Fate::Code(200)),
    ("dblreq", "3.1.1.8, the second message is ignored", Fate::Code(405)),
    ("semiuri", "3.1.1.9", Fate::Code(200)),
    ("transports", "3.1.1.10", Fate::Code(200)),
    ("badinv01", "3.1.2.1, tolerated: empty parameters do no harm", Fate::Call),
    ("clerr", "3.1.2.2", Fate::Code(400)),
    ("ncl", "3.1.2.3", Fate::Code(400)),
    ("scalar02", "3.1.2.4", Fate::Code(400)),
    ("scalarlg", "3.1.2.5", Fate::Dropped),
    ("quotbal", "3.1.2.6", Fate::Call),
    ("ltgtruri", "3.1.2.7, no scheme that we know", Fate::Code(416)),
    ("lwsruri", "3.1.2.8, has a tag in To: no such dialog", Fate::Code(481)),
    ("lwsstart", "3.1.2.9, tolerated", Fate::Call),
    ("trws", "3.1.2.10, tolerated", Fate::Code(200)),
    ("badvers", "3.1.2.16", Fate::Code(505)),
    ("mismatch01", "3.1.2.17", Fate::Code(400)),
    ("mismatch02", "3.1.2.18", Fate::Code(400)),
    ("bigcode", "3.1.2.19", Fate::Dropped),
    ("badbranch", "3.2.1, treated as a peer of RFC 2543", Fate::Code(200)),
    ("insuf", "3.3.1", Fate::Code(400)),
    ("unkscm", "3.3.2", Fate::Code(416)),
    ("bext01", "3.3.6", Fate::Code(420)),
    ("mcl01", "3.3.9, two lengths that differ", Fate::Code(400)),
    ("inv2543", "3.4.1, no tag, no branch, no length", Fate::Call),
];

fn user_agent() -> UserAgent {
    let identity = Identity {
        advertised: "192.0.2.200:5060".parse().unwrap(),
        user_agent: "callprobe".into(),
        user: "probe".into(),
        display: None,
        credentials: vec![],
        timers: TimerSettings::default(),
    };
    let mut random = SplitMix64::new(7);
    UserAgent::new(identity, Box::new(move || random.next_u64()))
}

fn read(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/torture");
    std::fs::read(folder.join(name).with_extension("sip")).unwrap()
}

fn fate(bytes: Vec<u8>) -> (Fate, Option<Offered>) {
    let mut machine = user_agent();
    let from = "192.0.2.1:5060".parse().unwrap();
    machine.handle(callprobe::clock::now(), Input::Datagram { from, bytes }).unwrap();
    let (mut code, mut offered) = (None, None);
    while let Some(output) = machine.poll() {
        match output {
            Output::Send { bytes, .. } => {
                let text = String::from_utf8_lossy(&bytes).into_owned();
                code = text.split(' ').nth(1).and_then(|c| c.parse().ok());
            }
            Output::Incoming(_, call) => offered = Some(call),
            Output::Event(..) => {}
        }
    }
    match (code, offered) {
        (Some(100), Some(call)) => (Fate::Call, Some(call)),
        (Some(code), _) => (Fate::Code(code), None),
        (None, _) => (Fate::Dropped, None),
    }
}

#[test]
fn every_torture_message_meets_the_fate_of_the_table() {
    let mut wrong = Vec::new();
    for (name, section, expected) in TABLE {
        let (found, _) = fate(read(name));
        if found != *expected {
            wrong.push(format!(
                "{name} (RFC 4475 {section}): {expected:?} expected, {found:?} found"
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_file_is_in_the_table() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/torture");
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|e| e == "sip") {
            let name = path.file_stem().unwrap().to_string_lossy().into_owned();
            assert!(TABLE.iter().any(|(known, ..)| *known == name), "{name}");
        }
    }
}

#[test]
fn a_body_without_content_length_reaches_to_the_end_of_the_datagram() {
    let (_, offered) = fate(read("inv2543"));
    assert!(offered.unwrap().offer.unwrap().ends_with("m=audio 49217 RTP/AVP 0\r\n"));
}

#[test]
fn mutated_torture_messages_never_stop_the_machine() {
    let mut random = SplitMix64::new(4475);
    let messages: Vec<Vec<u8>> = TABLE.iter().map(|(name, ..)| read(name)).collect();
    let mut machine = user_agent();
    let (now, from) = (callprobe::clock::now(), "192.0.2.1:5060".parse().unwrap());
    for _ in 0..20_000 {
        let mut bytes = messages[random.below(messages.len() as u64) as usize].clone();
        for _ in 0..=random.below(6) {
            let at = random.below(bytes.len() as u64) as usize;
            match random.below(4) {
                0 => bytes[at] = random.next_u64() as u8,
                1 => bytes.insert(at, random.next_u64() as u8),
                2 => drop(bytes.remove(at)),
                _ => bytes[at] = b"\r\n\t ;,<>\"%:@"[random.below(12) as usize],
            }
        }
        machine.handle(now, Input::Datagram { from, bytes }).unwrap();
        while machine.poll().is_some() {}
    }
    let later = now + std::time::Duration::from_secs(100);
    machine.handle(later, Input::HangUpAll).unwrap();
    while machine.poll().is_some() {}
}
