//! What a center plays is learned from one campaign to the next, over real calls on loopback: recordings are enrolled,
//! recognised in the next campaign's calls, and a changed menu is told as one.
#![expect(clippy::unwrap_used, reason = "a step that fails fails the test")]

use callprobe::domain::ids::{CampaignId, CenterId};
use callprobe::domain::prompt::{PromptRecord, PromptRole, PromptSound};
use callprobe::domain::segment::SegmentKind;
use callprobe::domain::timeline::{EventKind, LiveSound};
use callprobe::simulator::{SimulatorOptions, run_until};
use callprobe::store::Store;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::Duration;
use tokio::process::Command;
use tokio::sync::oneshot;
use tokio::time::timeout;

/// Three calls at a time and the reading of their words; this is for a busy machine.
const PATIENCE: Duration = Duration::from_mins(8);
const SCENARIO: &str = "scenario: ask\nring-limit: 20s\nmax-wait: 30s\nmax-call: 1m\nsteps:\n  - expect: { prompt: ends }\n  \
     - press: { digits: \"2\", request-agent: true }\n  - wait-for-agent: {}\n  - listen: { at-most: 4s }\n  - hang-up: {}\n";

fn repository() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// A center that plays this menu after its welcome.
fn center(menu: &str) -> String {
    format!(
        r#"id: saebyeok
name: 새벽택배
english: Saebyeok
number: "0700000001"
voices: "{}"
welcome: [sb_welcome]
menu: [{{name: main, say: [{menu}], keys: {{"2": queue}}}}]
queue: {{music: pop}}
closed: [ivr_closed]
agents:
  - {{id: park, name: 박서연, greeting: [sb_greet1], replies: [[sb_answer]], further-help: [sb_more], closing: [sb_close]}}
calls:
  - {{wait: 3s, agent: park}}
"#,
        repository().join("scenarios/simulated/voices").display()
    )
}

async fn callprobe(folder: &Path, arguments: &[&str]) -> Output {
    let child = Command::new(env!("CARGO_BIN_EXE_callprobe"))
        .args(arguments)
        .current_dir(folder)
        .env("NO_COLOR", "1")
        .env_remove("RUST_LOG")
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    timeout(PATIENCE, child).await.unwrap().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// Runs a campaign of three calls against a center with this menu; gives back its report.
async fn campaign(folder: &Path, id: &str, menu: &str) -> serde_json::Value {
    std::fs::write(folder.join("center.yaml"), center(menu)).unwrap();
    let options = SimulatorOptions {
        centers: vec![folder.join("center.yaml")],
        bind: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0),
        truth: None,
        seed: 7,
        media_ports: 43_000..=43_999,
    };
    let (stop, stopped) = oneshot::channel::<()>();
    let (tell, ready) = oneshot::channel();
    let simulator = tokio::spawn(async move {
        let stopped = async {
            let _ = stopped.await;
        };
        run_until(options, |at| tell.send(at).unwrap(), stopped).await.unwrap();
    });
    let config = format!(
        "[trunk]\ntarget = \"{}\"\n[guard]\nallow = [\"0700000001\"]\n[media]\nports = \"44000-44999\"\n\
         [store]\nfolder = \"store\"\n[models]\nfolder = \"{}\"\n[recording]\nbasis = \"party\"\n\
         caller-entity = \"Example\"\n[limits]\nconcurrent = 3\nbetween-calls = \"500ms\"\n",
        ready.await.unwrap(),
        repository().join("models").display()
    );
    std::fs::write(folder.join("callprobe.toml"), config).unwrap();
    std::fs::write(folder.join("ask.yaml"), SCENARIO).unwrap();
    let file = format!(
        "id: {id}\nprofile: simulation\nscenario: ask\ncalls: 3\ncenters:\n  \
         - {{ id: saebyeok, name: 새벽택배, number: \"0700000001\", agents: [박서연] }}\n"
    );
    std::fs::write(folder.join("campaign.yaml"), file).unwrap();
    let arguments = ["run", "campaign.yaml", "--live", "--json", "--config", "callprobe.toml"];
    let ran = callprobe(folder, &arguments).await;
    stop.send(()).unwrap();
    simulator.await.unwrap();
    assert!(ran.status.success(), "{}", text(&ran.stderr));
    serde_json::from_slice(&ran.stdout).unwrap()
}

/// The prompts that each call of a campaign recognised while it was live, and those that its segments name.
async fn recognised(store: &Store, campaign: &str) -> Vec<(Vec<u64>, Vec<u64>)> {
    let id = CampaignId::new(campaign).unwrap();
    let mut all = Vec::new();
    for record in store.records(&id).await.unwrap() {
        let attempt = record.attempts.last().unwrap();
        let live = attempt.timeline.events().iter().filter_map(|e| match &e.kind {
            EventKind::Heard { sound: LiveSound::KnownPrompt { prompt }, .. } => Some(*prompt),
            _ => None,
        });
        let hearing = store.hearing(attempt.call).await.unwrap().unwrap();
        assert!(
            hearing.segments.iter().all(|s| s.kind != SegmentKind::Agent || s.prompt.is_none()),
            "a person plays no recording"
        );
        let named = hearing.segments.iter().filter_map(|s| s.prompt).collect();
        all.push((live.collect(), named));
    }
    all
}

async fn prompts(store: &Store) -> Vec<PromptRecord> {
    store.prompts(&CenterId::new("saebyeok").unwrap()).await.unwrap()
}

fn notices(report: &serde_json::Value) -> Vec<&str> {
    report["notices"].as_array().unwrap().iter().map(|n| n.as_str().unwrap()).collect()
}

#[expect(clippy::print_stderr, reason = "a skipped test has to be seen")]
fn models_are_here() -> bool {
    let needed = ["silero_vad_16k.safetensors", "ggml-base-q8_0.bin"];
    let missing = needed.iter().find(|name| !repository().join("models").join(name).exists());
    if let Some(name) = missing {
        eprintln!(
            "skipped: models/{name} is absent; fetch it with `callprobe models fetch base vad`"
        );
    }
    missing.is_none()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_campaign_knows_the_menu_and_a_third_tells_that_it_changed() {
    if !models_are_here() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();

    let first = campaign(folder, "first", "sb_menu").await;
    let store = Store::open(folder.join("store")).await.unwrap();
    let learned = prompts(&store).await;
    let voices = || learned.iter().filter(|p| p.sound == PromptSound::Voice);
    assert!((1..=2).contains(&voices().count()), "{learned:#?}");
    let menu = voices().find(|p| p.role == PromptRole::Menu).unwrap();
    assert_eq!(menu.calls, 3);
    let keys: Vec<char> = menu.options.iter().map(|o| o.digit.key()).collect();
    assert!(keys.contains(&'2'), "{keys:?} of {}", menu.text);
    assert_eq!(notices(&first).iter().filter(|n| n.contains("changed its")).count(), 0);
    for (live, named) in recognised(&store, "first").await {
        assert!(live.is_empty(), "nothing was known yet: {live:?}");
        assert!(named.contains(&menu.prompt), "{named:?}");
    }

    campaign(folder, "second", "sb_menu").await;
    let again = prompts(&store).await;
    assert_eq!(again.iter().filter(|p| p.sound == PromptSound::Voice).count(), voices().count());
    let menu = again.iter().find(|p| p.prompt == menu.prompt).unwrap();
    assert_eq!((menu.calls, menu.role), (6, PromptRole::Menu));
    for (live, named) in recognised(&store, "second").await {
        assert!(live.contains(&menu.prompt) && named.contains(&menu.prompt), "{live:?} {named:?}");
    }
    let heard = store.records(&CampaignId::new("second").unwrap()).await.unwrap();
    let hearing = store.hearing(heard[0].attempts[0].call).await.unwrap().unwrap();
    assert_eq!(hearing.other_calls, 5, "two of this campaign and three of the one before");

    let third = campaign(folder, "third", "ivr_personal").await;
    let changed = prompts(&store).await;
    let new =
        changed.iter().find(|p| p.replaces.is_some()).unwrap_or_else(|| panic!("{changed:#?}"));
    assert_eq!((new.role, new.version, new.calls), (PromptRole::Menu, 2, 3));
    let told: Vec<_> =
        notices(&third).into_iter().filter(|n| n.contains("the center changed its menu")).collect();
    let [told] = told[..] else { panic!("{:?}", notices(&third)) };
    assert!(told.starts_with("새벽택배") && told.contains(&new.text), "{told}");

    let listed = callprobe(folder, &["prompts", "list", "saebyeok", "--store", "store"]).await;
    assert!(
        text(&listed.stdout).contains("the center changed its menu"),
        "{}",
        text(&listed.stdout)
    );
    let rejudged = callprobe(
        folder,
        &[
            "rejudge",
            "second",
            "--store",
            "store",
            "--models",
            &repository().join("models").display().to_string(),
        ],
    )
    .await;
    assert!(rejudged.status.success(), "{}", text(&rejudged.stderr));
    assert_eq!(prompts(&store).await, changed, "the same calls again change nothing");

    let forget = ["prompts", "forget", "saebyeok", "--all", "--store", "store"];
    assert!(callprobe(folder, &forget).await.status.success());
    let listed = callprobe(folder, &["prompts", "list", "saebyeok", "--store", "store"]).await;
    assert!(listed.stdout.is_empty() && text(&listed.stderr).contains("no recording of saebyeok"));
}
