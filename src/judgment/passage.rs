//! Passages of a conversation: looking for phrases in turns, and quoting them with their gloss.

use super::lexicon::{CLOSING, FURTHER_HELP, GREETING, Phrase, SAYINGS};
use crate::domain::facts::Turn;
use crate::domain::ids::CallId;
use crate::domain::sounds::{Found, NEAR, SURE, Sounds};
use crate::domain::verdict::EvidenceSpan;

/// A phrase of the lexicon heard in a turn.
#[derive(Debug, Clone, Copy)]
pub(super) struct Heard<'a> {
    /// The turn.
    pub(super) turn: &'a Turn,
    /// The phrase it was taken for.
    pub(super) phrase: &'static Phrase,
    /// Edits per sound.
    pub(super) distance: f64,
    /// The sentence it stands in, as read.
    sentence: &'a str,
}

impl Heard<'_> {
    /// Whether the words fit well enough to rest a verdict on.
    pub(super) fn sure(&self) -> bool {
        self.distance <= SURE && !self.turn.uncertain
    }

    /// The sentence in quotation marks with its gloss: `“더 궁금하신 점 있으십니까?” (“anything else …?”)`.
    pub(super) fn quoted(&self) -> String {
        format!("“{}” (“{}”)", without_full_stop(self.sentence), self.phrase.gloss)
    }

    /// Where to listen.
    pub(super) fn evidence(&self, call: CallId) -> EvidenceSpan {
        EvidenceSpan {
            call,
            span: self.turn.span,
            party: self.turn.party,
            note: format!("“{}”", self.sentence),
            gloss: Some(self.phrase.gloss.to_owned()),
        }
    }

    /// Rank for review queues: the fewer faults, the surer.
    pub(super) fn confidence(&self) -> f32 {
        let doubt = if self.turn.uncertain { 0.2 } else { 0.0 };
        (1.0 - self.distance - doubt) as f32
    }
}

/// The best fit of any of `phrases` in `turns`, within the bound of doubt; of equal ones the first.
pub(super) fn best<'a>(
    turns: impl IntoIterator<Item = &'a Turn>,
    phrases: &'static [Phrase],
) -> Option<Heard<'a>> {
    let mut best: Option<Heard<'a>> = None;
    for turn in turns {
        for sentence in stretches(&turn.text) {
            let sounds = Sounds::of(sentence);
            for phrase in phrases {
                let Some(found) = sounds.find(phrase.ko, NEAR) else { continue };
                let excluded = excluded(phrase, &sounds);
                let better = best.is_none_or(|best| found.distance < best.distance);
                if better && !excluded && !means_something_else(&sounds, &found) {
                    best = Some(Heard { turn, phrase, distance: found.distance, sentence });
                }
            }
        }
    }
    best
}

/// Whether words around it make a phrase something else.
fn excluded(phrase: &Phrase, sounds: &Sounds) -> bool {
    phrase.unless.iter().any(|word| sounds.find(word, 0.0).is_some())
}

/// Whether a doubtful fit is better explained by something else that agents say in the same place.
fn means_something_else(sounds: &Sounds, found: &Found) -> bool {
    let better = |saying: &Phrase| {
        sounds.find(saying.ko, SURE).is_some_and(|other| {
            other.distance < found.distance
                && other.at.start < found.at.end
                && found.at.start < other.at.end
        })
    };
    found.distance > SURE && SAYINGS.iter().any(better)
}

/// A turn's sentences; a turn without sentence marks is one.
fn stretches(text: &str) -> impl Iterator<Item = &str> {
    text.split_inclusive(['.', '?', '!', '。']).map(str::trim).filter(|part| !part.is_empty())
}

/// Evidence of a turn as a whole, its words quoted.
pub(super) fn whole_turn(call: CallId, turn: &Turn) -> EvidenceSpan {
    let note = if turn.text.trim().is_empty() {
        "speech without readable words".to_owned()
    } else {
        format!("“{}”", turn.text.trim())
    };
    EvidenceSpan { call, span: turn.span, party: turn.party, note, gloss: gloss(&turn.text) }
}

/// What a text means as far as its sentences are known phrases; `None` if none is.
fn gloss(text: &str) -> Option<String> {
    let mut known: Vec<&str> = Vec::new();
    for sentence in stretches(text) {
        let sounds = Sounds::of(sentence);
        let all = [SAYINGS, FURTHER_HELP, CLOSING, GREETING].into_iter().flatten();
        let fits = all.filter(|phrase| !excluded(phrase, &sounds));
        let found = fits.filter_map(|phrase| Some((sounds.find(phrase.ko, SURE)?, phrase.gloss)));
        let best = found.min_by(|a, b| a.0.distance.total_cmp(&b.0.distance)).map(|(_, g)| g);
        known.extend(best.filter(|gloss| !known.contains(gloss)));
    }
    (!known.is_empty()).then(|| known.join(" … "))
}

/// The words of turns in quotation marks, for a sentence that says what was heard; at most 60 characters.
pub(super) fn quote<'a>(turns: impl IntoIterator<Item = &'a Turn>) -> String {
    const LONGEST: usize = 60;
    let words: Vec<&str> =
        turns.into_iter().map(|turn| turn.text.trim()).filter(|text| !text.is_empty()).collect();
    let all = words.join(" ");
    let all = without_full_stop(&all);
    if all.is_empty() {
        return "no readable words".to_owned();
    }
    let short: String = all.chars().take(LONGEST).collect();
    let cut = if short.len() < all.len() { "…" } else { "" };
    let meaning = gloss(&short).map_or(String::new(), |gloss| format!(" (“{gloss}”)"));
    format!("“{short}{cut}”{meaning}")
}

/// Words as they are quoted inside a sentence, which brings its own full stop.
fn without_full_stop(text: &str) -> &str {
    text.trim_end_matches(['.', '。'])
}
