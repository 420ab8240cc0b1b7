//! Names in a greeting: of the organisation and of the agent, also where a recogniser damaged them.

use crate::domain::sounds::{NEAR, SURE, Sounds};
use crate::judgment::lexicon::{AGENT_TITLES, NAME_ENDS, NAMELESS};
use crate::judgment::lexicon::{GREETING, Phrase};

/// Most edits per sound in the words that end a name: `임니다` for `입니다`, but not `습니다`.
const ENDING: f64 = 0.15;

/// A name in a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Name {
    /// What was named: `the center` or `the agent`.
    what: &'static str,
    /// As it was read.
    words: String,
    /// Whether it fits well enough to rest a verdict on.
    pub(super) sure: bool,
}

impl Name {
    /// For a sentence: `the center (“한빛카드”)`.
    pub(super) fn said(&self) -> String {
        format!("{} (“{}”)", self.what, self.words)
    }
}

/// The best fit of a name of the center.
pub(super) fn organisation(text: &str, names: &[String]) -> Option<Name> {
    known(text, names, "the center")
}

/// The best fit of a known agent, else a name in the form `상담사 … 입니다`.
pub(super) fn agent(text: &str, names: &[String]) -> Option<Name> {
    let known = known(text, names, "the agent");
    if known.as_ref().is_some_and(|name| name.sure) {
        return known;
    }
    presented(text).or(known)
}

fn known(text: &str, names: &[String], what: &'static str) -> Option<Name> {
    let sounds = Sounds::of(text);
    let best = names
        .iter()
        .filter_map(|name| sounds.find(name, NEAR))
        .min_by(|a, b| a.distance.total_cmp(&b.distance))?;
    let words = text.get(best.at.clone()).unwrap_or_default().to_owned();
    Some(Name { what, words, sure: best.distance <= SURE })
}

/// Two to four syllables between an agent's title and words that present a name.
fn presented(text: &str) -> Option<Name> {
    AGENT_TITLES.iter().find_map(|title| {
        let found = Sounds::of(text).find(title, SURE)?;
        let after = text.get(found.at.end..)?;
        let name = before_an_end(after)?;
        let syllables = name.chars().filter(|c| c.is_alphanumeric()).count();
        let words = format!("{} {name}", text.get(found.at)?);
        (2..=4).contains(&syllables).then_some(Name { what: "the agent", words, sure: true })
    })
}

/// Something in a greeting that may be a name although none was recognised: what stands before `입니다` or another
/// such ending once words that name nobody are taken out.
pub(super) fn name_like(text: &str) -> Option<String> {
    let mut rest = text.to_owned();
    let stock = GREETING.iter().map(|phrase: &Phrase| phrase.ko).chain(NAMELESS.iter().copied());
    for phrase in stock {
        let found = Sounds::of(&rest).find(phrase, SURE);
        if let Some(found) = found {
            rest.replace_range(found.at, " ");
        }
    }
    let name = before_an_end(&rest)?;
    let syllables = name.chars().filter(|c| c.is_alphanumeric()).count();
    (syllables >= 2).then(|| name.to_owned())
}

/// The words before the first ending that presents a name.
fn before_an_end(text: &str) -> Option<&str> {
    let sounds = Sounds::of(text);
    let end = NAME_ENDS
        .iter()
        .filter_map(|end| sounds.find(end, ENDING).map(|found| found.at.start))
        .min()?;
    let before = text.get(..end)?.trim_matches(|c: char| !c.is_alphanumeric());
    (!before.is_empty()).then_some(before)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(all: &[&str]) -> Vec<String> {
        all.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn a_center_is_known_by_a_damaged_name() {
        let name = organisation("안녕하십니까 한 빅카드 상단사입니다", &names(&["한빛카드"]))
            .expect("is found");
        assert!(name.sure);
        assert_eq!(name.said(), "the center (“한 빅카드”)");
    }

    #[test]
    fn an_agent_presents_herself_by_title_and_name() {
        let name = agent("한빛카드 상단사 김민지입니다.", &[]).expect("is found");
        assert_eq!(name.said(), "the agent (“상단사 김민지”)");
        assert_eq!(agent("상담사입니다.", &[]), None);
        assert_eq!(agent("상담사 연결해 드리겠습니다.", &[]), None);
    }

    #[test]
    fn a_bare_answer_holds_nothing_like_a_name() {
        assert_eq!(name_like("여보세요."), None);
        assert_eq!(name_like("네, 말씀하세요."), None);
        assert_eq!(name_like("안녕하세요, 무엇을 도와드릴까요?"), None);
        assert_eq!(name_like("안녕하세요, 항빈가드입니다.").as_deref(), Some("항빈가드"));
    }
}
