//! What a recording is for, what it says, and in whose place it came. Enters: recordings and where calls play them.
//! Leaves: roles, words, keys of menus, versions.

use super::enrol::EnrolCall;
use super::lexicon::{is_closed, is_recording_notice};
use super::menu;
use super::occurrence::Played;
use crate::domain::ids::CallId;
use crate::domain::prompt::{PromptRecord, PromptRole, PromptSound};
use crate::domain::time::{CallTime, Span};
use crate::domain::timeline::Party;
use crate::domain::transcript::Utterance;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// The recognizer's word times are this sure. Our measurement on recorded Korean, 2026: nearly all within 0.2 s.
const WORD_TIMES: Duration = Duration::from_millis(200);

/// Where calls play which recordings.
type Heard = BTreeMap<CallId, Vec<Played>>;

/// Gives recordings without words those of the call that read them best, and all of them their role and version.
pub(super) fn name(prompts: &mut [PromptRecord], calls: &[&EnrolCall<'_>], heard: &Heard) {
    for prompt in prompts.iter_mut().filter(|p| p.is_known()) {
        if prompt.text.is_empty() && prompt.sound == PromptSound::Voice {
            prompt.text = best_words(prompt, calls, heard).unwrap_or_default();
            prompt.options = menu::options(&prompt.text);
        }
        if let Some(place) = place_in_calls(prompt.prompt, calls, heard) {
            prompt.role = role(prompt, place);
        }
    }
    find_changes(prompts, calls, heard);
}

/// Where in a call something stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    Early,
    BeforeRequest,
    AfterRequest,
}

fn of(heard: &Heard, call: CallId) -> &[Played] {
    heard.get(&call).map_or(&[], Vec::as_slice)
}

/// Where most calls play a recording; `None` if none does.
fn place_in_calls(prompt: u64, calls: &[&EnrolCall<'_>], heard: &Heard) -> Option<Place> {
    let mut votes: BTreeMap<Place, usize> = BTreeMap::new();
    for call in calls {
        for one in of(heard, call.call).iter().filter(|one| one.prompt == prompt) {
            *votes.entry(place(call, one.span(call.starts_at))).or_default() += 1;
        }
    }
    votes.into_iter().max_by_key(|(place, votes)| (*votes, std::cmp::Reverse(*place))).map(|v| v.0)
}

fn place(call: &EnrolCall<'_>, span: Span) -> Place {
    // A recording that is cut by the key still stands before it.
    let middle = span.start + span.duration() / 2;
    if call.answered.is_none_or(|answered| middle < answered) {
        Place::Early
    } else if call.request.is_some_and(|request| middle >= request) {
        Place::AfterRequest
    } else {
        Place::BeforeRequest
    }
}

fn role(prompt: &PromptRecord, place: Place) -> PromptRole {
    if prompt.sound == PromptSound::Music {
        return match place {
            Place::Early => PromptRole::Coloring,
            Place::BeforeRequest => PromptRole::Unknown,
            Place::AfterRequest => PromptRole::Queue,
        };
    }
    let offers = !prompt.options.is_empty();
    match place {
        _ if is_closed(&prompt.text) => PromptRole::Closed,
        Place::Early | Place::BeforeRequest if offers => PromptRole::Menu,
        _ if is_recording_notice(&prompt.text) => PromptRole::RecordingNotice,
        Place::Early | Place::BeforeRequest => PromptRole::Greeting,
        Place::AfterRequest => PromptRole::Queue,
    }
}

/// The words of a recording from the call whose recognizer was surest of them, among those that play (nearly) all of it.
fn best_words(prompt: &PromptRecord, calls: &[&EnrolCall<'_>], heard: &Heard) -> Option<String> {
    let plays = |call: &EnrolCall<'_>| {
        of(heard, call.call)
            .iter()
            .filter(|one| one.prompt == prompt.prompt)
            .copied()
            .max_by_key(Played::heard)
    };
    let most = calls.iter().filter_map(|call| plays(call)).map(|one| one.heard()).max()?;
    let mut best: Option<(f32, String)> = None;
    for call in calls {
        let Some(one) = plays(call).filter(|one| one.heard() * 10 >= most * 9) else { continue };
        let Some(transcript) = call.transcript else { continue };
        let far = transcript.utterances.iter().filter(|u| u.party == Party::FarEnd);
        let Some((text, sure)) = words_in(far, one.span(call.starts_at)) else { continue };
        if best.as_ref().is_none_or(|(surest, _)| sure > *surest) {
            best = Some((sure, text));
        }
    }
    best.map(|(_, text)| text)
}

/// The words inside a span and how sure the recognizer was of their utterances, weighed by words.
fn words_in<'a>(
    utterances: impl Iterator<Item = &'a Utterance>,
    span: Span,
) -> Option<(String, f32)> {
    let wide = Span::new(span.start.saturating_sub(WORD_TIMES), span.end + WORD_TIMES);
    let (mut said, mut sure, mut count) = (Vec::new(), 0.0, 0.0);
    for utterance in utterances {
        let inside: Vec<&str> = if covers(wide, utterance.span) || utterance.words.is_empty() {
            let whole = wide.contains(middle(utterance.span));
            whole.then_some(utterance.text.trim()).into_iter().collect()
        } else {
            let words = utterance.words.iter().filter(|w| wide.contains(middle(w.span)));
            words.map(|w| w.text.trim()).collect()
        };
        let weight = inside.iter().flat_map(|words| words.split_whitespace()).count() as f32;
        sure += utterance.mean_log_probability * weight;
        count += weight;
        said.extend(inside);
    }
    let text = said.join(" ");
    (!text.is_empty()).then(|| (text, sure / f32::max(count, 1.0)))
}

fn covers(outer: Span, inner: Span) -> bool {
    outer.start <= inner.start && inner.end <= outer.end
}

fn middle(span: Span) -> CallTime {
    span.start + span.duration() / 2
}

/// The voice recordings of a call in their order.
fn path(call: CallId, heard: &Heard, voices: &BTreeSet<u64>) -> Vec<u64> {
    let mut path: Vec<u64> =
        of(heard, call).iter().map(|one| one.prompt).filter(|p| voices.contains(p)).collect();
    path.dedup();
    path
}

/// Finds recordings that came in the place of others: the same role, after the same recording or before the same one,
/// and from the first call that plays the new one on, calls that come by that place play it and never the old one.
fn find_changes(prompts: &mut [PromptRecord], calls: &[&EnrolCall<'_>], heard: &Heard) {
    let voices: BTreeSet<u64> = prompts
        .iter()
        .filter(|p| p.is_known() && p.sound == PromptSound::Voice)
        .map(|p| p.prompt)
        .collect();
    let paths: Vec<(usize, Vec<u64>)> =
        calls.iter().enumerate().map(|(n, call)| (n, path(call.call, heard, &voices))).collect();
    let paths: Vec<_> = paths.into_iter().filter(|(_, path)| !path.is_empty()).collect();
    // In the order in which calls come by them: the new welcome is known for the old one before the menu after it.
    let mut order: Vec<u64> = Vec::new();
    for prompt in paths.iter().flat_map(|(_, path)| path) {
        if !order.contains(prompt) {
            order.push(*prompt);
        }
    }
    for new in order {
        let Some(new_at) = prompts.iter().position(|p| p.prompt == new) else { continue };
        if prompts[new_at].replaces.is_some() {
            continue;
        }
        let replaced: BTreeMap<u64, u64> =
            prompts.iter().filter_map(|p| Some((p.prompt, p.replaces?))).collect();
        let candidates = prompts.iter().filter(|old| {
            old.prompt != new
                && old.is_known()
                && old.sound == PromptSound::Voice
                && old.role == prompts[new_at].role
                && old.last_seen < prompts[new_at].first_seen
                && !replaced.values().any(|&gone| gone == old.prompt)
                && came_in_place(old.prompt, new, &paths, &replaced)
        });
        let newest = candidates.max_by_key(|old| (old.last_seen, old.prompt));
        if let Some((old, version)) = newest.map(|old| (old.prompt, old.version)) {
            prompts[new_at].replaces = Some(old);
            prompts[new_at].version = version + 1;
        }
    }
}

/// What stands before and after a recording in a call, in terms of the first versions; `None` where the call begins or
/// ends.
fn neighbours(
    path: &[u64],
    prompt: u64,
    replaced: &BTreeMap<u64, u64>,
) -> Option<(Option<u64>, Option<u64>)> {
    let at = path.iter().position(|p| *p == prompt)?;
    let before = at.checked_sub(1).map(|n| first_version(path[n], replaced));
    Some((before, path.get(at + 1).map(|p| first_version(*p, replaced))))
}

fn came_in_place(
    old: u64,
    new: u64,
    paths: &[(usize, Vec<u64>)],
    replaced: &BTreeMap<u64, u64>,
) -> bool {
    let around = |prompt: u64| {
        let (mut before, mut after) = (BTreeSet::new(), BTreeSet::new());
        for (_, path) in paths {
            if let Some((b, a)) = neighbours(path, prompt, replaced) {
                before.insert(b);
                after.extend(a);
            }
        }
        (before, after)
    };
    let ((old_before, old_after), (new_before, new_after)) = (around(old), around(new));
    let place: BTreeSet<Option<u64>> = old_before.intersection(&new_before).copied().collect();
    let follows = !place.is_empty();
    if !follows && old_after.is_disjoint(&new_after) {
        return false;
    }
    let Some(turn) = paths.iter().position(|(_, path)| path.contains(&new)) else { return false };
    // Calls that come by the place play the old one before the turn and the new one after it, most of the time.
    let comes_by = |path: &[u64]| {
        if follows {
            place.iter().any(|before| {
                before.is_none_or(|b| path.iter().any(|p| first_version(*p, replaced) == b))
            })
        } else {
            path.iter().any(|&p| {
                let p = first_version(p, replaced);
                old_after.contains(&p) && new_after.contains(&p)
            })
        }
    };
    let mostly = |paths: &[(usize, Vec<u64>)], prompt: u64| {
        let by: Vec<_> = paths.iter().filter(|(_, path)| comes_by(path)).collect();
        let plays = by.iter().filter(|(_, path)| path.contains(&prompt)).count();
        plays * 2 >= by.len() && plays > 0
    };
    let from_old = paths.iter().position(|(_, path)| path.contains(&old)).unwrap_or(0);
    let heard_again = paths[turn..].iter().any(|(_, path)| path.contains(&old));
    !heard_again && mostly(&paths[from_old.min(turn)..turn], old) && mostly(&paths[turn..], new)
}

/// The recording that stood first in the place of `prompt`.
fn first_version(prompt: u64, replaced: &BTreeMap<u64, u64>) -> u64 {
    // At most as many steps as there are changes, whatever is stored.
    (0..replaced.len()).fold(prompt, |prompt, _| replaced.get(&prompt).copied().unwrap_or(prompt))
}
