//! `callprobe prompts`: the recordings that are known of a center.

use super::args::{PromptsArguments, PromptsCommand};
use super::exit::Exit;
use super::failure::{Failure, OrFail as _};
use super::{block_on, print, score};
use crate::clock;
use crate::domain::ids::CenterId;
use crate::domain::plan::Center;
use crate::domain::prompt::{PromptRecord, PromptSound};
use crate::domain::time::WallTime;
use crate::hearing::Library;
use crate::store::Store;
use serde_json::json;
use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::sync::Arc;

/// What each center's calls are heard with.
pub(super) type Libraries = BTreeMap<CenterId, Arc<Library>>;

/// The stored recordings of centers, as their calls hear with them.
pub(super) async fn libraries(store: &Store, centers: &[Center]) -> Result<Libraries, Failure> {
    let mut all = Libraries::new();
    for center in centers {
        let prompts = store.prompts(&center.id).await.or_infrastructure()?;
        all.insert(center.id.clone(), Arc::new(Library::from_prompts(&prompts)));
    }
    Ok(all)
}

/// Lists, shows or forgets.
pub(super) fn run(command: &PromptsCommand) -> Result<Exit, Failure> {
    block_on(async {
        match command {
            PromptsCommand::List(of) => {
                let (_, prompts) = known(of).await?;
                tell(of, &prompts, list);
            }
            PromptsCommand::Show { of, prompt } => {
                let (_, prompts) = known(of).await?;
                let chosen = match prompt {
                    Some(number) => vec![one(of, &prompts, *number)?.clone()],
                    None => prompts,
                };
                tell(of, &chosen, show);
            }
            PromptsCommand::Forget { of, prompt, .. } => forget(of, *prompt).await?,
        }
        Ok(Exit::Done)
    })
}

/// The known recordings of the center that was named.
async fn known(of: &PromptsArguments) -> Result<(Store, Vec<PromptRecord>), Failure> {
    let (store, mut prompts) = stored(of).await?;
    prompts.retain(PromptRecord::is_known);
    Ok((store, prompts))
}

async fn stored(of: &PromptsArguments) -> Result<(Store, Vec<PromptRecord>), Failure> {
    let center = CenterId::new(&of.center).or_usage()?;
    let store = score::open(&of.store).await?;
    let folder = store.folder().display().to_string();
    if !store.knows_center(&center).await.or_infrastructure()? {
        let names = store.center_names().await.or_infrastructure()?;
        let help = if names.is_empty() {
            "it holds no campaign yet: recordings are learned from calls".to_owned()
        } else {
            format!("it has {}", names.join(", "))
        };
        return Err(Failure::say(format!("store `{folder}` has no center `{center}`"), help));
    }
    let prompts = store.prompts(&center).await.or_infrastructure()?;
    Ok((store, prompts))
}

fn tell(of: &PromptsArguments, prompts: &[PromptRecord], text: fn(&[PromptRecord]) -> String) {
    if of.json {
        let all: Vec<_> = prompts.iter().map(|prompt| as_json(prompt, prompts)).collect();
        print::out(format!("{:#}", json!({ "center": of.center, "prompts": all })));
    } else if prompts.is_empty() {
        print::note(format!(
            "no recording of {} is known yet; they are learned when at least three of its calls play the same",
            of.center
        ));
    } else {
        print::out(text(prompts).trim_end());
    }
}

fn one<'a>(
    of: &PromptsArguments,
    prompts: &'a [PromptRecord],
    number: u64,
) -> Result<&'a PromptRecord, Failure> {
    prompts.iter().find(|p| p.prompt == number).ok_or_else(|| {
        let numbers: Vec<String> = prompts.iter().map(|p| p.prompt.to_string()).collect();
        let help = if numbers.is_empty() {
            "none is known".to_owned()
        } else {
            format!("known are {}", numbers.join(", "))
        };
        Failure::say(format!("center `{}` has no recording {number}", of.center), help)
    })
}

async fn forget(of: &PromptsArguments, prompt: Option<u64>) -> Result<(), Failure> {
    let (store, mut prompts) = stored(of).await?;
    let known: Vec<PromptRecord> = prompts.iter().filter(|p| p.is_known()).cloned().collect();
    if let Some(number) = prompt {
        one(of, &known, number)?;
    }
    let mut forgotten = Vec::new();
    for record in prompts.iter_mut().filter(|p| p.is_known()) {
        if prompt.is_none_or(|number| number == record.prompt) {
            record.forgotten = Some(clock::wall());
            forgotten.push(record.prompt);
        }
    }
    let center = CenterId::new(&of.center).or_usage()?;
    store.put_prompts(&center, &prompts).await.or_infrastructure()?;
    if of.json {
        print::out(format!("{:#}", json!({ "center": of.center, "forgotten": forgotten })));
    } else {
        print::note(format!(
            "{} of {} forgotten; calls made from now on may teach it again",
            counted(forgotten.len()),
            of.center
        ));
    }
    Ok(())
}

fn counted(recordings: usize) -> String {
    if recordings == 1 { "1 recording".to_owned() } else { format!("{recordings} recordings") }
}

/// One line each, changes below.
fn list(prompts: &[PromptRecord]) -> String {
    let mut lines = vec![format!(
        "{:>3}  {:16} {:>7}  {:>5}  {:10}  {:10}  words",
        "#", "role", "length", "calls", "first", "last"
    )];
    for prompt in prompts {
        lines.push(format!(
            "{:>3}  {:16} {:>5.1} s  {:>5}  {:10}  {:10}  {}",
            prompt.prompt,
            prompt.role.label(),
            prompt.length().as_secs_f64(),
            prompt.calls,
            day(prompt.first_seen),
            day(prompt.last_seen),
            said(prompt)
        ));
    }
    lines.extend(prompts.iter().filter_map(|prompt| change(prompt, prompts)));
    lines.join("\n")
}

/// Everything that is known of each.
fn show(prompts: &[PromptRecord]) -> String {
    let mut lines = Vec::new();
    for prompt in prompts {
        lines.push(format!(
            "recording {}: {}, {:.1} s, version {}",
            prompt.prompt,
            prompt.role.label(),
            prompt.length().as_secs_f64(),
            prompt.version
        ));
        lines.push(format!("  {}", said(prompt)));
        for option in &prompt.options {
            lines.push(format!("  key {}: {}", option.digit, option.words));
        }
        let (first, last) = (moment(prompt.first_seen), moment(prompt.last_seen));
        lines.push(format!("  heard in {} calls, first {first}, last {last}", prompt.calls));
        if let Some(old) = prompt.replaces {
            lines.push(format!("  came in the place of recording {old}"));
        }
        lines.push(String::new());
    }
    lines.join("\n")
}

fn said(prompt: &PromptRecord) -> String {
    match (prompt.sound, prompt.text.as_str()) {
        (PromptSound::Music, _) => "(music)".to_owned(),
        (PromptSound::Voice, "") => "(words not read)".to_owned(),
        (PromptSound::Voice, text) => text.to_owned(),
    }
}

fn day(at: Option<WallTime>) -> String {
    at.map_or_else(|| "–".to_owned(), |at| at.0.strftime("%Y-%m-%d").to_string())
}

fn moment(at: Option<WallTime>) -> String {
    at.map_or_else(
        || "at an unknown time".to_owned(),
        |at| at.0.strftime("%Y-%m-%d %H:%M UTC").to_string(),
    )
}

/// That a center changed a recording, with the old words and the new; `None` if `new` came in no other's place.
pub(super) fn change(new: &PromptRecord, prompts: &[PromptRecord]) -> Option<String> {
    let old = prompts.iter().find(|p| Some(p.prompt) == new.replaces)?;
    Some(format!(
        "the center changed its {} on {}: it was “{}”, now it is “{}” (recordings {} and {})",
        new.role.label(),
        day(new.first_seen),
        said(old),
        said(new),
        old.prompt,
        new.prompt
    ))
}

/// What changed at a center in calls opened within `opened`, for the notices of a report.
pub(super) async fn changes(
    store: &Store,
    center: &Center,
    opened: RangeInclusive<WallTime>,
) -> Result<Vec<String>, Failure> {
    let prompts = store.prompts(&center.id).await.or_infrastructure()?;
    let new = prompts
        .iter()
        .filter(|p| p.is_known() && p.first_seen.is_some_and(|at| opened.contains(&at)));
    let told = new.filter_map(|p| Some(format!("{}: {}", center.name, change(p, &prompts)?)));
    Ok(told.collect())
}

fn as_json(prompt: &PromptRecord, prompts: &[PromptRecord]) -> serde_json::Value {
    let options: Vec<_> =
        prompt.options.iter().map(|o| json!({ "key": o.digit, "words": o.words })).collect();
    json!({
        "prompt": prompt.prompt,
        "role": prompt.role,
        "sound": prompt.sound,
        "text": prompt.text,
        "menu": options,
        "length_s": prompt.length().as_secs_f64(),
        "calls": prompt.calls,
        "first_seen": prompt.first_seen,
        "last_seen": prompt.last_seen,
        "version": prompt.version,
        "replaces": prompt.replaces,
        "change": change(prompt, prompts),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::prompt::PromptRole;

    #[test]
    fn a_change_tells_the_old_words_and_the_new() {
        let center = CenterId::new("hanbit").unwrap();
        let first_seen = Some(WallTime("2026-11-22T01:00:00Z".parse().unwrap()));
        let old = PromptRecord {
            text: "0번을 눌러 주십시오.".into(),
            ..PromptRecord::new(center.clone(), 3, vec![0; 100])
        };
        let new = PromptRecord {
            text: "2번을 눌러 주십시오.".into(),
            role: PromptRole::Menu,
            replaces: Some(3),
            first_seen,
            ..PromptRecord::new(center, 7, vec![1; 100])
        };
        assert_eq!(
            change(&new, &[old.clone(), new.clone()]).unwrap(),
            "the center changed its menu on 2026-11-22: it was “0번을 눌러 주십시오.”, now it is “2번을 눌러 \
             주십시오.” (recordings 3 and 7)"
        );
        assert_eq!(change(&old, &[old.clone(), new]), None);
    }
}
