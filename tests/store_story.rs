//! One story of the store: a campaign is planned, dialled, recorded, worked up and judged twice; a process dies; a
//! newer database and every edit of what is append-only are refused.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use callprobe::clock;
use callprobe::domain::ctq::CtqItem;
use callprobe::domain::digit::Digit;
use callprobe::domain::facts::Facts;
use callprobe::domain::ids::{CampaignId, CenterId, ContentHash, ScenarioId, UnitId};
use callprobe::domain::ledger::AttemptTicket;
use callprobe::domain::number::DialString;
use callprobe::domain::plan::{Center, ProbeCall};
use callprobe::domain::prompt::{MenuOption, PromptRecord};
use callprobe::domain::record::{
    AttemptRecord, CallEnding, Provenance, RecordVersion, RecordingRef,
};
use callprobe::domain::segment::Hearing;
use callprobe::domain::time::{CallTime, WallTime};
use callprobe::domain::timeline::{EventKind, Timeline};
use callprobe::domain::transcript::{Language, Transcript};
use callprobe::domain::verdict::{Confidence, Judge, Judgment, Reason, Verdict};
use callprobe::store::{
    NewAttempt, NotedInvite, Producer, RecordingFiles, RunLock, Store, StoreError, StoredCampaign,
    UnitState,
};
use serde_json::json;
use sqlx::sqlite::SqlitePool;
use std::path::Path;

fn campaign() -> CampaignId {
    CampaignId::new("demo").unwrap()
}

fn center() -> Center {
    serde_json::from_value(json!({"id": "hanbit-card", "name": "한빛카드", "number": "1588-0001"}))
        .unwrap()
}

fn unit(n: u32) -> ProbeCall {
    ProbeCall {
        unit: UnitId::new(format!("demo.hanbit-card.q1.{n:02}")).unwrap(),
        campaign: campaign(),
        center: center().id,
        scenario: ScenarioId::new("balance").unwrap(),
        cell: None,
        due: WallTime(jiff::Timestamp::from_second(1_800_000_000 + i64::from(n)).unwrap()),
        replaces: None,
    }
}

fn provenance() -> Provenance {
    Provenance {
        program: "0.1.0".into(),
        campaign: campaign(),
        center: center().id,
        scenario: ScenarioId::new("balance").unwrap(),
        scenario_hash: ContentHash::from_bytes(&[7; 32]),
        simulated: true,
    }
}

fn attempt(n: u32) -> NewAttempt {
    NewAttempt {
        unit: unit(n).unit,
        opened_at: clock::wall(),
        trunk: "127.0.0.1:5060".into(),
        number: DialString::new("1588-0001").unwrap(),
        domain: "127.0.0.1".into(),
        provenance: provenance(),
    }
}

fn record(ticket: &AttemptTicket, ending: CallEnding) -> AttemptRecord {
    AttemptRecord {
        version: RecordVersion::CURRENT,
        unit: ticket.unit().clone(),
        number: ticket.number(),
        call: ticket.call(),
        opened_at: clock::wall(),
        sip_call_id: ticket.sip_call_id().to_owned(),
        ending,
        timeline: Timeline::default(),
        recording: None,
        line_quality: None,
        provenance: provenance(),
    }
}

async fn planned(folder: &Path) -> Store {
    let store = Store::open(folder).await.unwrap();
    let stored =
        StoredCampaign { id: campaign(), spec: json!({}), seed: u64::MAX, created: clock::wall() };
    store.create_campaign(&stored, &[center()]).await.unwrap();
    store.add_units(&[unit(1), unit(2)]).await.unwrap();
    store
}

async fn begin(store: &Store, lock: &RunLock, n: u32) -> AttemptTicket {
    store.begin_attempt(lock, attempt(n)).await.unwrap()
}

async fn raw(folder: &Path) -> SqlitePool {
    let url = format!("sqlite://{}", folder.join("callprobe.sqlite").display());
    SqlitePool::connect(&url).await.unwrap()
}

#[tokio::test]
async fn a_campaign_is_planned_once_and_read_back_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let store = planned(folder.path()).await;
    assert_eq!(store.campaign(&campaign()).await.unwrap().seed, u64::MAX);
    assert_eq!(store.centers(&campaign()).await.unwrap(), [center()]);
    let units = store.units(&campaign()).await.unwrap();
    assert_eq!(units.iter().map(|u| &u.probe_call).collect::<Vec<_>>(), [&unit(1), &unit(2)]);
    assert_eq!(store.due_units(&campaign(), unit(1).due).await.unwrap().len(), 1);
    let again = store.add_units(&[unit(3), unit(1)]).await;
    assert!(matches!(again, Err(StoreError::Exists { .. })));
    assert_eq!(store.units(&campaign()).await.unwrap().len(), 2, "a failed plan leaves nothing");
    let stored = store.campaign(&campaign()).await.unwrap();
    let twice = store.create_campaign(&stored, &[]).await;
    assert!(matches!(twice, Err(StoreError::Exists { .. })));
    let stranger = ProbeCall { center: CenterId::new("other").unwrap(), ..unit(4) };
    assert!(matches!(store.add_units(&[stranger]).await, Err(StoreError::NotFound { .. })));
}

#[tokio::test]
async fn a_unit_has_one_running_attempt_and_numbers_go_on() {
    let folder = tempfile::tempdir().unwrap();
    let store = planned(folder.path()).await;
    let lock = store.claim_runs().unwrap();
    let first = begin(&store, &lock, 1).await;
    assert_eq!(first.number().get(), 1);
    let second = store.begin_attempt(&lock, attempt(1)).await;
    assert!(matches!(second, Err(StoreError::AttemptRunning { .. })));
    store.finish_attempt(&record(&first, CallEnding::QueueTimeout), None).await.unwrap();
    let second = begin(&store, &lock, 1).await;
    assert_eq!(second.number().get(), 2);
    store.finish_attempt(&record(&second, CallEnding::Completed), None).await.unwrap();
    store.mark_unit(&unit(1).unit, UnitState::Done).await.unwrap();
    let third = store.begin_attempt(&lock, attempt(1)).await;
    assert!(matches!(third, Err(StoreError::UnitClosed { .. })));
    let read = store.call_record(&unit(1).unit).await.unwrap();
    let endings: Vec<_> = read.attempts.iter().map(|a| a.ending.clone()).collect();
    assert_eq!(endings, [CallEnding::QueueTimeout, CallEnding::Completed]);
    let all = store.records(&campaign()).await.unwrap();
    assert_eq!(all.len(), 2, "units without attempts are there too");
    assert_eq!((&all[0], all[1].attempts.len()), (&read, 0));
    let calls: Vec<_> = read.attempts.iter().map(|a| a.call).collect();
    assert_eq!(store.calls_of_center(&campaign(), &center().id).await.unwrap(), calls);
    assert_eq!(store.attempt_record(calls[1]).await.unwrap(), read.attempts[1]);
}

#[tokio::test]
async fn a_record_that_does_not_fit_its_ledger_row_is_not_stored() {
    let folder = tempfile::tempdir().unwrap();
    let store = planned(folder.path()).await;
    let lock = store.claim_runs().unwrap();
    let ticket = begin(&store, &lock, 1).await;
    let good = record(&ticket, CallEnding::Completed);
    let other = AttemptRecord { unit: unit(2).unit, ..good.clone() };
    let refused = store.finish_attempt(&other, None).await;
    assert!(matches!(refused, Err(StoreError::Mismatch { .. })));
    let other = AttemptRecord { sip_call_id: "x".into(), ..good.clone() };
    assert!(matches!(store.finish_attempt(&other, None).await, Err(StoreError::Mismatch { .. })));
    let other = AttemptRecord { call: clock::new_call_id(), ..good.clone() };
    assert!(matches!(store.finish_attempt(&other, None).await, Err(StoreError::NotFound { .. })));
    store.finish_attempt(&good, None).await.unwrap();
    let twice = store.finish_attempt(&good, None).await;
    assert!(matches!(twice, Err(StoreError::NotFound { .. })));
}

#[tokio::test]
async fn a_recording_is_moved_onto_its_shelf_by_its_hash() {
    let folder = tempfile::tempdir().unwrap();
    let store = planned(folder.path()).await;
    let lock = store.claim_runs().unwrap();
    let ticket = begin(&store, &lock, 1).await;
    let (wav, sidecar) = (folder.path().join("x.wav"), folder.path().join("x.json"));
    std::fs::write(&wav, b"RIFF").unwrap();
    std::fs::write(&sidecar, b"{}").unwrap();
    let files = RecordingFiles { wav: wav.clone(), sidecar };
    let hash = ContentHash::from_bytes(&[0xab; 32]);
    let mut done = record(&ticket, CallEnding::Completed);
    assert!(matches!(
        store.finish_attempt(&done, Some(&files)).await,
        Err(StoreError::Mismatch { .. })
    ));
    let starts_at = CallTime::ZERO;
    done.recording =
        Some(RecordingRef { pcm_hash: hash.clone(), starts_at, samples: 1, missing: 0 });
    store.finish_attempt(&done, Some(&files)).await.unwrap();
    let audio = store.audio(ticket.call()).await.unwrap().unwrap();
    assert_eq!(audio.wav, folder.path().join(format!("audio/ab/{hash}.wav")));
    assert_eq!(std::fs::read(&audio.wav).unwrap(), b"RIFF");
    assert_eq!(std::fs::read(&audio.sidecar).unwrap(), b"{}");
    assert!(!wav.exists());
}

#[tokio::test]
async fn a_recording_that_cannot_be_kept_never_takes_the_record_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let store = planned(folder.path()).await;
    let lock = store.claim_runs().unwrap();
    let ticket = begin(&store, &lock, 1).await;
    let mut done = record(&ticket, CallEnding::Completed);
    let pcm_hash = ContentHash::from_bytes(&[1; 32]);
    done.recording =
        Some(RecordingRef { pcm_hash, starts_at: CallTime::ZERO, samples: 1, missing: 0 });
    let gone = folder.path().join("gone");
    let files = RecordingFiles { wav: gone.clone(), sidecar: gone };
    store.finish_attempt(&done, Some(&files)).await.unwrap();
    assert_eq!(store.stale_attempts(&lock).await.unwrap(), []);
    let kept = store.attempt_record(ticket.call()).await.unwrap();
    assert_eq!(kept.recording, None);
    assert_eq!(kept.ending, CallEnding::Completed);
    let told = kept.timeline.events().last().map(|event| &event.kind);
    assert!(matches!(told, Some(EventKind::Degraded { .. })), "{told:?}");
}

#[tokio::test]
async fn what_a_dead_process_left_is_found_aborted_and_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let call = {
        let store = planned(folder.path()).await;
        let lock = store.claim_runs().unwrap();
        let ticket = begin(&store, &lock, 1).await;
        store.note_invite(ticket.call(), "z9hG4bK1", "tag1").await.unwrap();
        store.note_dialog(ticket.call(), &json!({"remote_tag": "far"})).await.unwrap();
        let second = Store::open(folder.path()).await.unwrap();
        assert!(matches!(second.claim_runs(), Err(StoreError::Locked { .. })));
        ticket.call()
        // The process dies here: nothing is finished, the lock is freed by the system.
    };
    let store = Store::open(folder.path()).await.unwrap();
    let lock = store.claim_runs().unwrap();
    let stale = store.stale_attempts(&lock).await.unwrap();
    assert_eq!(stale.len(), 1);
    assert_eq!(stale[0].call, call);
    assert_eq!(stale[0].sip_call_id, format!("{call}@callprobe"));
    assert_eq!(
        stale[0].invite,
        Some(NotedInvite { branch: "z9hG4bK1".into(), from_tag: "tag1".into() })
    );
    assert_eq!(stale[0].dialog, Some(json!({"remote_tag": "far"})));
    let due = unit(9).due;
    let early = store.replace_unit(&unit(1).unit, due, "crash").await;
    assert!(matches!(early, Err(StoreError::AttemptRunning { .. })));
    store.abort_attempt(call, "crash").await.unwrap();
    let by = store.replace_unit(&unit(1).unit, due, "crash").await.unwrap();
    assert_eq!(by.unit.as_str(), "demo.hanbit-card.q1.01.r1");
    assert_eq!((by.replaces.clone(), by.due), (Some(unit(1).unit), due));
    let again = store.replace_unit(&unit(1).unit, due, "crash").await.unwrap();
    assert_eq!(again, by, "replacing twice plans one replacement");
    assert_eq!(store.unit(&unit(1).unit).await.unwrap().state, UnitState::Replaced);
    let read = store.call_record(&unit(1).unit).await.unwrap();
    assert_eq!(read.attempts[0].ending, CallEnding::Aborted { why: "crash".into() });
    assert!(store.stale_attempts(&lock).await.unwrap().is_empty());
    let open: Vec<_> = store.open_units(&campaign()).await.unwrap();
    assert_eq!(open.len(), 2);
}

fn judgment(item: CtqItem, verdict: Verdict, judge: Judge) -> Judgment {
    Judgment {
        unit: unit(1).unit,
        item,
        verdict,
        because: "heard".into(),
        evidence: vec![],
        confidence: Confidence(1.0),
        judge,
    }
}

fn machine(item: CtqItem, verdict: Verdict) -> Judgment {
    judgment(item, verdict, Judge::Machine { rule: "r".into(), version: 1 })
}

fn facts() -> Facts {
    Facts {
        unit: unit(1).unit,
        center_names: vec![],
        agent_names: vec![],
        attempts: vec![],
        conversation: None,
        probe_faults: vec![],
        recorded: false,
    }
}

#[tokio::test]
async fn a_later_run_replaces_machine_judgments_and_keeps_peoples() {
    let folder = tempfile::tempdir().unwrap();
    let store = planned(folder.path()).await;
    let producer = Producer::new("judgment", 1);
    let first = store.begin_judging(&campaign(), &producer).await.unwrap();
    let all: Vec<_> = CtqItem::ALL.into_iter().map(|item| machine(item, Verdict::Defect)).collect();
    store.put_judgments(first, &facts(), &all).await.unwrap();
    let monitor = |name: &str, verdict| {
        judgment(CtqItem::B1, verdict, Judge::Monitor { name: name.to_owned() })
    };
    let onset = Some(CallTime::from_millis(900));
    store.put_human_judgment(&monitor("m1", Verdict::Fulfilled), onset).await.unwrap();
    let second = store.begin_judging(&campaign(), &producer).await.unwrap();
    let later: Vec<_> =
        CtqItem::ALL.into_iter().map(|item| machine(item, Verdict::Fulfilled)).collect();
    store.put_judgments(second, &facts(), &later[..1]).await.unwrap();

    let found = store.unit_judgments(&unit(1).unit).await.unwrap();
    assert_eq!(found.judging, Some(second));
    assert_eq!(found.machine, later[..1]);
    let resolved = found.resolve(Some(CallTime::from_millis(950)));
    assert_eq!(resolved.len(), 2);
    assert_eq!(resolved[0].judgment.item, CtqItem::A1);
    assert_eq!(resolved[1].judgment.verdict, Verdict::Fulfilled);
    assert!(resolved[1].onset_moved && !found.resolve(onset)[1].onset_moved);

    store.put_human_judgment(&monitor("m2", Verdict::Defect), onset).await.unwrap();
    let found = store.unit_judgments(&unit(1).unit).await.unwrap();
    let differ = &found.resolve(onset)[1].judgment;
    assert_eq!(differ.verdict, Verdict::Pending(Reason::MonitorsDiffer));
    let lead = judgment(CtqItem::B1, Verdict::Defect, Judge::Adjudicator { name: "lead".into() });
    store.put_human_judgment(&lead, onset).await.unwrap();
    let found = store.judgments(&campaign()).await.unwrap().remove(&unit(1).unit).unwrap();
    assert_eq!(found.resolve(onset)[1].judgment, lead);
    assert_eq!(found.human.len(), 3, "nothing is overwritten");
    assert_eq!(store.facts(&unit(1).unit).await.unwrap(), Some(facts()));
}

#[tokio::test]
async fn derived_things_are_keyed_by_what_made_them() {
    let folder = tempfile::tempdir().unwrap();
    let store = planned(folder.path()).await;
    let lock = store.claim_runs().unwrap();
    let ticket = begin(&store, &lock, 1).await;
    let call = ticket.call();
    let (one, two) = (Producer::new("fingerprint", 1), Producer::new("fingerprint", 2));
    store.put_fingerprints(call, &one, &[1, 2]).await.unwrap();
    store.put_fingerprints(call, &two, &[3]).await.unwrap();
    store.put_fingerprints(call, &one, &[4]).await.unwrap();
    let read = store.fingerprints_of_center(&campaign(), &center().id, &one).await.unwrap();
    assert_eq!(read, [(call, vec![4])]);
    assert_eq!(store.hearing(call).await.unwrap(), None);
    let heard = Hearing { other_calls: 3, ..Hearing::default() };
    store.put_hearing(call, &Producer::new("hearing", 1), &heard).await.unwrap();
    assert_eq!(store.hearing(call).await.unwrap(), Some(heard));
    let model = |n| ContentHash::from_bytes(&[n; 32]);
    for n in [1, 2] {
        let (language, utterances) = (Language::Ko, vec![]);
        let read = Transcript { model: model(n), language, utterances, dropped: u32::from(n) };
        store.put_transcript(call, &read).await.unwrap();
    }
    let by = |n| {
        let (store, model) = (store.clone(), model(n));
        async move { store.transcript(call, Some(&model)).await.unwrap().map(|t| t.dropped) }
    };
    assert_eq!((by(1).await, by(2).await, by(3).await), (Some(1), Some(2), None));
    let unknown = store.put_hearing(clock::new_call_id(), &one, &Hearing::default()).await;
    assert!(matches!(unknown, Err(StoreError::Database { .. })));
}

#[tokio::test]
async fn recordings_of_a_center_are_read_back_whole_and_rows_of_before_too() {
    let folder = tempfile::tempdir().unwrap();
    let store = planned(folder.path()).await;
    let lock = store.claim_runs().unwrap();
    let call = begin(&store, &lock, 1).await.call();
    let center = center().id;
    let mut menu = PromptRecord::new(center.clone(), 2, vec![1, u32::MAX, 3]);
    menu.heard(call, clock::wall());
    menu.options =
        vec![MenuOption { digit: Digit::new('0').unwrap(), words: "상담원 연결".into() }];
    (menu.version, menu.replaces, menu.forgotten) = (2, Some(1), Some(clock::wall()));
    let greeting = PromptRecord::new(center.clone(), 1, vec![7; 90]);
    store.put_prompts(&center, &[greeting.clone(), menu.clone()]).await.unwrap();
    assert_eq!(store.prompts(&center).await.unwrap(), [greeting, menu]);
    assert!(store.knows_center(&center).await.unwrap());
    assert!(!store.knows_center(&CenterId::new("elsewhere").unwrap()).await.unwrap());
    let old = format!(
        r#"{{"center":"{center}","prompt":9,"role":"queue","text":"x","prints":[1],"calls":4}}"#
    );
    let raw = raw(folder.path()).await;
    sqlx::query("INSERT INTO prompt (center, prompt, record) VALUES (?, 9, ?)")
        .bind(center.as_str())
        .bind(old)
        .execute(&raw)
        .await
        .unwrap();
    let read = store.prompts(&center).await.unwrap();
    assert_eq!((read.len(), read[2].calls, read[2].version), (3, 4, 1));

    let producer = Producer::new("fingerprint", 1);
    store.put_fingerprints(call, &producer, &[1, 2]).await.unwrap();
    let newest = store.newest_fingerprints(&center, &producer, 5).await.unwrap();
    assert_eq!(newest, [(call, vec![1, 2])]);
    assert_eq!(store.newest_fingerprints(&center, &producer, 0).await.unwrap(), []);
}

#[tokio::test]
async fn the_database_itself_refuses_to_edit_the_past() {
    let folder = tempfile::tempdir().unwrap();
    let store = planned(folder.path()).await;
    let lock = store.claim_runs().unwrap();
    let ticket = begin(&store, &lock, 1).await;
    store.finish_attempt(&record(&ticket, CallEnding::Completed), None).await.unwrap();
    store.put_human_judgment(&machine(CtqItem::A1, Verdict::Defect), None).await.unwrap();
    let raw = raw(folder.path()).await;
    for statement in [
        "UPDATE record SET record = '{}'",
        "DELETE FROM record",
        "UPDATE attempt SET state = 'dialling'",
        "DELETE FROM attempt",
        "UPDATE judgment SET judgment = '{}'",
        "DELETE FROM judgment",
    ] {
        let error = sqlx::query(statement).execute(&raw).await.unwrap_err().to_string();
        assert!(error.contains("append-only"), "{statement}: {error}");
    }
}

#[tokio::test]
async fn a_newer_a_foreign_and_a_broken_database_are_refused_and_left_as_they_were() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("callprobe.sqlite");
    planned(folder.path()).await.close().await;
    let database = raw(folder.path()).await;
    sqlx::query("PRAGMA user_version = 99").execute(&database).await.unwrap();
    database.close().await;
    let before = std::fs::read(&path).unwrap();
    let error = Store::open(folder.path()).await.unwrap_err();
    assert!(matches!(error, StoreError::NewerDatabase { found: 99, known: 1, .. }), "{error}");
    assert!(error.to_string().contains("use the newer callprobe"));
    assert_eq!(std::fs::read(&path).unwrap(), before);

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("callprobe.sqlite");
    std::fs::write(&path, "this is a letter, not a database; it is long enough to be looked at")
        .unwrap();
    let error = Store::open(folder.path()).await.unwrap_err();
    assert!(matches!(error, StoreError::Foreign { .. }), "{error}");
}

#[tokio::test]
async fn a_store_is_opened_again_at_no_cost_and_an_empty_file_is_a_new_one() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("callprobe.sqlite"), "").unwrap();
    planned(folder.path()).await.close().await;
    let store = Store::open(folder.path()).await.unwrap();
    assert_eq!(store.campaigns().await.unwrap().len(), 1);
    let moved = store.move_unit(&unit(2).unit, unit(8).due, "holiday").await.unwrap();
    assert_eq!(moved.due, unit(8).due);
    assert_eq!(store.unit(&unit(2).unit).await.unwrap().note.unwrap(), "moved: holiday");
}
