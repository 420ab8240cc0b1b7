//! The walls of the house, held by a scan of the source text: which room may import which, who may touch the world,
//! how long a file may be. Imports are written `use crate::room::…`, one room per `use`.
#![expect(clippy::unwrap_used, reason = "a test that cannot read the source fails")]

use std::fs;
use std::path::{Path, PathBuf};

/// Room, rooms it may import, files in it that may touch sockets, files, tasks and clocks (`*` = all).
const ROOMS: &[(&str, &[&str], &[&str])] = &[
    ("domain", &[], &[]),
    ("clock", &["domain"], &["*"]),
    ("yaml", &[], &[]),
    ("sip", &["domain"], &["driver.rs"]),
    ("media", &["domain"], &["driver.rs", "recorder.rs"]),
    ("hearing", &["domain"], &[]),
    ("scenario", &["domain", "yaml"], &[]),
    ("judgment", &["domain", "yaml"], &[]),
    ("score", &["domain", "judgment"], &[]),
    ("validation", &["domain", "judgment", "score"], &[]),
    ("call", &["domain", "sip", "media", "hearing", "scenario"], &["driver.rs"]),
    ("transcription", &["domain", "hearing"], &["*"]),
    ("store", &["domain", "score"], &["*"]),
    ("analysis", &["domain", "hearing", "judgment"], &["pipeline.rs"]),
    ("campaign", &["domain", "scenario"], &["executor.rs", "dispatcher.rs"]),
    ("report", &["domain", "judgment", "score", "validation"], &["*"]),
    ("simulator", &["domain", "yaml", "sip", "media"], &["driver.rs", "audio.rs"]),
    ("config", &["domain", "yaml"], &["*"]),
    (
        "web",
        &[
            "domain",
            "store",
            "report",
            "campaign",
            "analysis",
            "scenario",
            "judgment",
            "score",
            "validation",
        ],
        &["*"],
    ),
];

/// Single files that may import more than their room.
const WIDER: &[(&str, &[&str])] = &[
    ("analysis/pipeline.rs", &["transcription", "store"]),
    ("campaign/executor.rs", &["call", "store"]),
];

/// Words that mean the world is touched.
const WORLD: &[&str] = &[
    "std::fs",
    "std::net::Udp",
    "std::net::Tcp",
    "std::process",
    "std::thread",
    "std::env",
    "tokio::",
    "nix::",
    "rustix::",
    "sqlx::",
    "Instant::now",
    "SystemTime::now",
    "Timestamp::now",
    "crate::clock",
];

const LONGEST_FILE: usize = 600;

struct Source {
    path: PathBuf,
    /// Path below `src`, with `/`.
    name: String,
    /// Lines of the program, without the tests below them.
    lines: Vec<String>,
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                let lines = text
                    .lines()
                    .take_while(|l| !l.starts_with("#[cfg(test)]"))
                    .map(str::to_owned)
                    .collect();
                let name = path.strip_prefix(&root).unwrap().to_string_lossy().replace('\\', "/");
                found.push(Source { path, name, lines });
            }
        }
    }
    found
}

impl Source {
    fn room(&self) -> &str {
        self.name.split('/').next().unwrap().trim_end_matches(".rs")
    }

    fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        self.lines
            .iter()
            .enumerate()
            .map(|(n, l)| (n + 1, l.as_str()))
            .filter(|(_, l)| !l.trim_start().starts_with("//"))
    }

    fn says(&self, line: usize, what: &str) -> String {
        format!("{}:{line}: {what}", self.path.display())
    }
}

fn imported_rooms(line: &str) -> impl Iterator<Item = &str> {
    line.match_indices("crate::").map(|(at, _)| {
        let rest = &line[at + "crate::".len()..];
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
        &rest[..end]
    })
}

#[test]
fn rooms_import_only_what_the_table_allows() {
    let mut broken = Vec::new();
    for source in sources() {
        let Some((_, allowed, world)) = ROOMS.iter().find(|(room, ..)| *room == source.room())
        else {
            continue;
        };
        let file = source.name.rsplit('/').next().unwrap();
        let touches_world = world.contains(&"*") || world.contains(&file);
        let wider = WIDER.iter().find(|(name, _)| *name == source.name).map_or(&[][..], |(_, w)| w);
        for (number, line) in source.code() {
            for room in imported_rooms(line) {
                let own = room == source.room();
                let clock = room == "clock" && touches_world;
                if !own && !clock && !allowed.contains(&room) && !wider.contains(&room) {
                    broken.push(
                        source
                            .says(number, &format!("`{}` may not import `{room}`", source.room())),
                    );
                }
            }
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn only_named_files_touch_sockets_files_tasks_and_clocks() {
    let mut broken = Vec::new();
    for source in sources() {
        let Some((_, _, world)) = ROOMS.iter().find(|(room, ..)| *room == source.room()) else {
            continue;
        };
        let file = source.name.rsplit('/').next().unwrap();
        if world.contains(&"*") || world.contains(&file) {
            continue;
        }
        for (number, line) in source.code() {
            if let Some(word) = WORLD.iter().find(|w| line.contains(**w)) {
                broken.push(source.says(number, &format!("a pure file may not use `{word}`")));
            }
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn every_room_is_in_the_table() {
    for source in sources() {
        let room = source.room();
        let known =
            ["lib", "main", "cli"].contains(&room) || ROOMS.iter().any(|(r, ..)| *r == room);
        assert!(known, "{}: room `{room}` is not in the table", source.path.display());
    }
}

#[test]
fn a_file_has_at_most_600_lines_before_its_tests() {
    let long: Vec<_> = sources()
        .iter()
        .filter(|s| s.lines.len() > LONGEST_FILE)
        .map(|s| format!("{}: {} lines", s.path.display(), s.lines.len()))
        .collect();
    assert!(long.is_empty(), "{}", long.join("\n"));
}

#[test]
fn every_file_opens_with_its_purpose() {
    for source in sources() {
        let opens = source.lines.first().is_some_and(|l| l.starts_with("//!"));
        assert!(opens, "{}: begins without `//!`", source.path.display());
    }
}

#[test]
fn tickets_are_issued_by_the_store_alone() {
    for source in sources() {
        for (number, line) in source.code() {
            let issues = line.contains("AttemptTicket::issue");
            assert!(
                !issues || source.room() == "store",
                "{}",
                source.says(number, "issues a ticket")
            );
        }
    }
}
