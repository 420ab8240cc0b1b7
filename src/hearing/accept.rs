//! When an onset may be used without a person. Enters: a candidate and what is known of its call. Leaves: acceptance, or
//! what a person has to listen to and why.

use super::lexicon::WordCue;
use crate::domain::segment::Acceptance;
use crate::domain::time::{CallTime, Span};
use std::time::Duration;

/// Fewer other calls of the center are no library.
pub const ENOUGH_OTHER_CALLS: u32 = 3;
/// A reading that is less probable is reviewed.
const SURE: f32 = 0.9;
/// What a person listens to: from this long before the onset to this long after it.
const LISTEN_BEFORE: Duration = Duration::from_secs(4);
const LISTEN_AFTER: Duration = Duration::from_secs(6);

/// Evidence about a candidate that does not come from its own sound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Independent {
    /// What its first words speak for.
    pub(crate) words: Option<WordCue>,
    /// The far end spoke soon after a line of our caller.
    pub(crate) replied: bool,
    /// The media source changed shortly before.
    pub(crate) source_changed: bool,
    /// The background of a live microphone is behind it.
    pub(crate) live: bool,
}

/// Decides on an onset at `at`; `other_calls` of the center stand behind the library, and `probability` is that of the
/// reading.
pub(crate) fn acceptance(
    at: CallTime,
    (other_calls, probability): (u32, f32),
    enough_voice: Option<Duration>,
    independent: Independent,
) -> Acceptance {
    let listen = Span::new(at.saturating_sub(LISTEN_BEFORE), at + LISTEN_AFTER);
    let review = |why: String| Acceptance::Review { why, listen };
    if let Some(WordCue::Bot(word)) = independent.words {
        return review(format!("the words `{word}` speak for a voicebot"));
    }
    if other_calls < ENOUGH_OTHER_CALLS {
        return review(format!(
            "only {other_calls} other calls of this center; recordings are known from {ENOUGH_OTHER_CALLS} on"
        ));
    }
    if let Some(heard) = enough_voice {
        return review(format!("only {:.1} s of voice were heard", heard.as_secs_f64()));
    }
    if probability < SURE {
        return review(format!(
            "another reading of the call is not ruled out; this one has {:.0} %",
            probability * 100.0
        ));
    }
    let greeted = matches!(independent.words, Some(WordCue::Greeting(_)));
    // A source changes at a hand-over to a machine too: behind a person there is a room.
    let handed_over = independent.source_changed && independent.live;
    if greeted || independent.replied || handed_over {
        return Acceptance::Accepted;
    }
    if independent.source_changed {
        return review(
            "the media source changed, but no background of a live microphone is heard: it may be a machine"
                .into(),
        );
    }
    review(
        "only the sound speaks for a person: no greeting words, no reply, no change of source"
            .into(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const REPLIED: Independent =
        Independent { words: None, replied: true, source_changed: false, live: false };

    fn at() -> CallTime {
        CallTime::from_millis(30_000)
    }

    #[test]
    fn two_other_calls_are_reviewed_and_three_are_accepted() {
        assert!(matches!(acceptance(at(), (2, 0.99), None, REPLIED), Acceptance::Review { .. }));
        assert_eq!(acceptance(at(), (3, 0.99), None, REPLIED), Acceptance::Accepted);
    }

    #[test]
    fn sound_alone_is_never_accepted_and_the_review_names_26_to_36_s() {
        let alone = Independent { replied: false, ..REPLIED };
        let Acceptance::Review { listen, .. } = acceptance(at(), (9, 0.99), None, alone) else {
            panic!("accepted")
        };
        assert_eq!(listen.start, CallTime::from_millis(26_000));
        assert_eq!(listen.end, CallTime::from_millis(36_000));
    }

    #[test]
    fn an_unsure_reading_and_a_machine_behind_a_new_source_are_reviewed() {
        assert!(matches!(acceptance(at(), (9, 0.8), None, REPLIED), Acceptance::Review { .. }));
        let switched = Independent { replied: false, source_changed: true, ..REPLIED };
        assert!(matches!(acceptance(at(), (9, 0.99), None, switched), Acceptance::Review { .. }));
        let person = Independent { live: true, ..switched };
        assert_eq!(acceptance(at(), (9, 0.99), None, person), Acceptance::Accepted);
    }

    #[test]
    fn a_voicebot_that_replies_is_reviewed() {
        let bot = Independent { words: Some(WordCue::Bot("ai상담")), ..REPLIED };
        assert!(matches!(acceptance(at(), (9, 0.99), None, bot), Acceptance::Review { .. }));
    }
}
