//! The keys that a menu offers. Enters: the words of a recording. Leaves: digits, each with what it is for.
//!
//! Korean names the matter first (`상담원 연결은 2번을 눌러 주십시오`) or the key (`2번, 상담원 연결`); English says
//! `press 2 for …` or `for …, press 2`.

use crate::domain::digit::Digit;
use crate::domain::prompt::MenuOption;

/// Korean numerals that recognizers write out, as they are read before `번`.
const KOREAN: &[(&str, char)] = &[
    ("영", '0'),
    ("공", '0'),
    ("일", '1'),
    ("이", '2'),
    ("삼", '3'),
    ("사", '4'),
    ("오", '5'),
    ("육", '6'),
    ("칠", '7'),
    ("팔", '8'),
    ("구", '9'),
];
const ENGLISH: &[(&str, char)] = &[
    ("zero", '0'),
    ("one", '1'),
    ("two", '2'),
    ("three", '3'),
    ("four", '4'),
    ("five", '5'),
    ("six", '6'),
    ("seven", '7'),
    ("eight", '8'),
    ("nine", '9'),
    ("star", '*'),
    ("pound", '#'),
    ("hash", '#'),
];
/// Keys with names of their own.
const NAMED: &[(&str, char)] = &[("우물정자", '#'), ("우물 정자", '#'), ("별표", '*')];
/// What may stand between a matter and its key, and is no part of it.
const PARTICLES: &[&str] =
    &["을 원하시면", "를 원하시면", "원하시면", "하시려면", "은", "는", "으로", "로"];
/// What may stand before a matter, after the key before it.
const LEAVINGS: &[&str] = &[
    "을 눌러 주십시오",
    "을 눌러주십시오",
    "를 눌러 주십시오",
    "를 눌러주십시오",
    "을 눌러 주세요",
    "을 눌러주세요",
    "를 눌러 주세요",
    "를 눌러주세요",
    "을 누르세요",
    "를 누르세요",
    "을 누르시고",
    "를 누르시고",
    "을 누르십시오",
    "를 누르십시오",
    "입니다",
    "이며",
    "이고",
];

/// The keys of a recording's words, in its order; none for words that offer none. A key offered twice counts once.
pub(crate) fn options(text: &str) -> Vec<MenuOption> {
    let mut found = korean(text);
    found.extend(english(text));
    let mut seen = Vec::new();
    found.retain(|option| {
        let new = !seen.contains(&option.digit);
        seen.push(option.digit);
        new
    });
    found
}

/// A key named in the text: where its name begins and ends, in bytes.
#[derive(Debug, Clone, Copy)]
struct Key {
    digit: Digit,
    from: usize,
    to: usize,
}

fn korean(text: &str) -> Vec<MenuOption> {
    let keys = korean_keys(text);
    let (Some(first), Some(last)) = (keys.first(), keys.last()) else { return Vec::new() };
    // `1번 배송 조회, 2번 상담원 연결`: the matter follows its key.
    let key_first =
        matter(&text[..first.from]).is_empty() && !first_clause(&text[last.to..]).is_empty();
    let mut found = Vec::new();
    let mut before = 0;
    for (n, key) in keys.iter().enumerate() {
        let next = keys.get(n + 1).map_or(text.len(), |next| next.from);
        let words = if key_first {
            first_clause(&text[key.to..next])
        } else {
            matter(&text[before.min(key.from)..key.from])
        };
        before = key.to;
        found.push(MenuOption { digit: key.digit, words });
    }
    found
}

fn korean_keys(text: &str) -> Vec<Key> {
    let mut keys: Vec<Key> = Vec::new();
    for (at, _) in text.match_indices('번') {
        let (before, after) = (&text[..at], &text[at + '번'.len_utf8()..]);
        let before = before.trim_end();
        let figure = before.chars().next_back().filter(char::is_ascii_digit);
        let digit = match figure {
            // `100번` and `15번` are no keys.
            Some(figure) => {
                let rest = &before[..before.len() - 1];
                (!rest.ends_with(|c: char| c.is_ascii_digit())).then_some((figure, 1))
            }
            // `이번` is `this time` as well: a numeral in words counts only where a key is pressed or listed.
            None => pressed_or_listed(after).then(|| spelled(before)).flatten(),
        };
        let Some((digit, length)) = digit else { continue };
        // `번호`, `번째`: a number or a rank.
        if after.starts_with(['호', '째', '지']) {
            continue;
        }
        if let Ok(digit) = Digit::new(digit) {
            keys.push(Key { digit, from: before.len() - length, to: at + '번'.len_utf8() });
        }
    }
    for (name, key) in NAMED {
        for (from, _) in text.match_indices(name) {
            if let Ok(digit) = Digit::new(*key) {
                keys.push(Key { digit, from, to: from + name.len() });
            }
        }
    }
    keys.sort_by_key(|key| key.from);
    keys
}

fn spelled(before: &str) -> Option<(char, usize)> {
    let (name, digit) = KOREAN.iter().find(|(name, _)| before.ends_with(name))?;
    let rest = &before[..before.len() - name.len()];
    // A numeral is a word of its own.
    rest.ends_with([' ', ',', '.']).then_some((*digit, name.len()))
}

fn pressed_or_listed(after: &str) -> bool {
    let after = after.trim_start();
    after.is_empty()
        || after.starts_with([',', '.', '을', '를'])
        || after.starts_with("누")
        || after.starts_with("눌")
}

/// The last clause before a key, without what belongs to the key before it and without its particle.
fn matter(text: &str) -> String {
    let mut text = text.trim_start_matches([' ', ',', '.', '?', '!']);
    for leaving in LEAVINGS {
        if let Some(rest) = text.strip_prefix(leaving) {
            text = rest;
            break;
        }
    }
    let clause = text.trim_end_matches([' ', ',', '.']);
    // A sentence before it is another matter; a comma may stand inside one.
    let clause = clause.rsplit(['.', '?', '!']).next().unwrap_or(clause).trim();
    let mut clause = clause.trim_matches([' ', ',']);
    for particle in PARTICLES {
        if let Some(rest) = clause.strip_suffix(particle) {
            clause = rest.trim_end();
            break;
        }
    }
    clause.to_owned()
}

fn first_clause(text: &str) -> String {
    let text = text.trim_start_matches([' ', ',', '.', ':', '은', '는']);
    let clause = text.split(['.', ',', '?', '!']).next().unwrap_or(text).trim();
    let bare = clause.trim_start_matches(['을', '를']).trim_start();
    let pressing = bare.starts_with("눌러") || bare.starts_with("누르");
    if pressing { String::new() } else { clause.to_owned() }
}

fn english(text: &str) -> Vec<MenuOption> {
    let lower = text.to_ascii_lowercase();
    let mut found = Vec::new();
    let mut before = 0;
    for (at, _) in lower.match_indices("press ") {
        let after = &lower[at + "press ".len()..];
        let name: &str = after.split([' ', ',', '.', ';', '!', '?']).next().unwrap_or("");
        let figure = name.chars().next().filter(|_| name.chars().count() == 1);
        let spelled = ENGLISH.iter().find(|(word, _)| *word == name).map(|(_, key)| *key);
        let Some(digit) = figure.or(spelled).and_then(|key| Digit::new(key).ok()) else {
            continue;
        };
        // The same bytes in both: only ASCII letters changed their case.
        let end = at + "press ".len() + name.len();
        let follows = english_matter(text[end..].split(['.', ',', ';']).next().unwrap_or(""));
        let leads = english_matter(text[before..at].rsplit(['.', ';']).next().unwrap_or(""));
        let asked = lower[end..].trim_start().starts_with("for ")
            || lower[end..].trim_start().starts_with("to ");
        let words = if asked || leads.is_empty() { follows } else { leads };
        before = end;
        found.push(MenuOption { digit, words });
    }
    found
}

fn english_matter(clause: &str) -> String {
    let clause = clause.trim_matches([' ', ',']);
    let stripped = ["for ", "For ", "to ", "To ", "and for ", "or for ", "or to "]
        .iter()
        .find_map(|lead| clause.strip_prefix(lead));
    stripped.unwrap_or(clause).trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<(char, String)> {
        options(text).into_iter().map(|o| (o.digit.key(), o.words)).collect()
    }

    fn is(text: &str, expected: &[(char, &str)]) {
        let expected: Vec<_> = expected.iter().map(|(d, w)| (*d, (*w).to_owned())).collect();
        assert_eq!(read(text), expected, "{text}");
    }

    #[test]
    fn a_korean_menu_gives_each_key_with_its_matter() {
        is(
            "카드 분실 신고는 1번, 결제 금액 조회는 2번, 상담원 연결은 0번을 눌러 주십시오.",
            &[('1', "카드 분실 신고"), ('2', "결제 금액 조회"), ('0', "상담원 연결")],
        );
        is(
            "안녕하십니까? 한빛 카드입니다. 배송 조회는 1번 상담원 연결은 2번을 눌러주십시오",
            &[('1', "배송 조회"), ('2', "상담원 연결")],
        );
        is("다시 들으시려면 우물정자를 눌러 주십시오.", &[('#', "다시 들으시려면")]);
    }

    #[test]
    fn numerals_in_words_count_where_a_key_is_pressed_and_nowhere_else() {
        is(
            "개인 고객은 일번, 기업 고객은 이번을 눌러 주십시오.",
            &[('1', "개인 고객"), ('2', "기업 고객")],
        );
        is("이번 달 결제 금액은 문자로 보내 드립니다.", &[]);
        is("한번 더 말씀해 주십시오.", &[]);
    }

    #[test]
    fn the_key_may_come_before_its_matter() {
        is(
            "1번 배송 조회, 2번 상담원 연결입니다.",
            &[('1', "배송 조회"), ('2', "상담원 연결입니다")],
        );
        is("2번을 눌러 주십시오.", &[('2', "")]);
    }

    #[test]
    fn an_english_menu_reads_both_ways_round() {
        is("Press 1 for sales, press two for support.", &[('1', "sales"), ('2', "support")]);
        is(
            "To hear this again, press star. For an agent, press 0.",
            &[('*', "hear this again"), ('0', "an agent")],
        );
        is("We are under pressure today.", &[]);
    }

    #[test]
    fn numbers_that_are_no_keys_offer_nothing() {
        is("대표 번호는 1588번호입니다. 100번째 고객이십니다. 15번 창구", &[]);
        is("", &[]);
    }
}
