//! Reading, and the translation of the reader's errors into ours.

use super::error::YamlError;
use super::located::{Place, bytes_of};
use super::suggest::nearest;
use serde::de::DeserializeOwned;
use serde_saphyr::{Error, Location, MessageFormatter, Options, UserMessageFormatter};
use std::ops::Range;

/// Reads one YAML document; `name` is what errors call the file. A leading byte order mark is skipped.
///
/// # Errors
/// [`YamlError`] with the place of the fault and a remedy: unknown and misspelt keys name the allowed ones.
pub fn parse<T: DeserializeOwned>(name: &str, text: &str) -> Result<T, YamlError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut options = Options::default();
    options.with_snippet = false;
    options.strict_booleans = true;
    serde_saphyr::from_str_with_options(text, options)
        .map_err(|error| translate(name, text, error.without_snippet()))
}

/// An error that a check after reading found in the value at `at` (see [`super::Located`]).
///
/// `text` is the text that was given to [`parse`].
pub fn error_at(
    name: &str,
    text: &str,
    at: &Place,
    message: impl Into<String>,
    help: impl Into<String>,
) -> YamlError {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    YamlError::new(name, text, at.0.clone(), message).help(help)
}

fn translate(name: &str, text: &str, error: &Error) -> YamlError {
    let location = error.location();
    let at = location.and_then(|location| place_in(text, location));
    match error {
        Error::SerdeUnknownField { field, expected, .. } => {
            let at = at.map(|at| key_at(text, at, field));
            YamlError::new(name, text, at, format!("`{field}` is not a key that is known here"))
                .label("unknown key")
                .help(choice(field, expected))
        }
        Error::SerdeUnknownVariant { variant, expected, .. } => {
            YamlError::new(name, text, at, format!("`{variant}` is not a value that is known here"))
                .label("unknown value")
                .help(choice(variant, expected))
        }
        Error::SerdeMissingField { field, .. } => {
            let at = at.map(|at| at.start..first_line_end(text, &at));
            YamlError::new(name, text, at, format!("the key `{field}` is missing"))
                .label("in what begins here")
                .help(format!("add a line `{field}: …`"))
        }
        Error::DuplicateMappingKey { key, .. } => {
            let what = key.as_ref().map_or_else(String::new, |key| format!(" `{key}`"));
            YamlError::new(name, text, at, format!("the key{what} stands here twice"))
                .label("second time")
                .help("keep one of them")
        }
        Error::SerdeInvalidType { unexpected, expected, .. }
        | Error::SerdeInvalidValue { unexpected, expected, .. } => {
            YamlError::new(name, text, at, format!("{unexpected} stands where {expected} belongs"))
                .help(format!("write {expected}"))
        }
        Error::Unexpected { expected, .. } => YamlError::new(
            name,
            text,
            at,
            format!("something else stands where a {expected} belongs"),
        )
        .help(format!("write a {expected} (a text with `:`, `#` or brackets goes into quotes)")),
        Error::Eof { .. } => YamlError::new(name, text, at, "the file is empty or ends too early")
            .help("compare it with the example in `scenarios/`"),
        other => {
            let message = UserMessageFormatter.format_message(other).into_owned();
            YamlError::new(name, text, at, message)
        }
    }
}

/// The remedy for an unknown word: the nearest of the allowed ones, and all of them.
fn choice(word: &str, allowed: &[&str]) -> String {
    let list = allowed.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ");
    match nearest(word, allowed) {
        Some(near) if allowed.len() == 1 => {
            format!("did you mean `{near}`? Nothing else is allowed")
        }
        Some(near) => format!("did you mean `{near}`? Allowed are {list}"),
        None if allowed.is_empty() => "nothing is allowed here".to_owned(),
        None => format!("allowed are {list}"),
    }
}

/// The byte range of a location; where the reader counts no bytes, the rest of its line.
fn place_in(text: &str, location: Location) -> Option<Range<usize>> {
    if let Some(range) = bytes_of(location).filter(|range| range.end <= text.len()) {
        return Some(range);
    }
    let line = usize::try_from(location.line()).ok()?.checked_sub(1)?;
    let column = usize::try_from(location.column()).ok()?.checked_sub(1)?;
    let start: usize = text.split_inclusive('\n').take(line).map(str::len).sum();
    let row = text.get(start..)?.lines().next().unwrap_or_default();
    let skipped = row.char_indices().nth(column).map_or(row.len(), |(at, _)| at);
    Some(start + skipped..start + row.len())
}

fn first_line_end(text: &str, at: &Range<usize>) -> usize {
    let rest = text.get(at.start..).unwrap_or_default();
    at.start + rest.find('\n').unwrap_or(rest.len())
}

/// The place of the key `field`: the reader may point at its value, the key then stands before it.
fn key_at(text: &str, at: Range<usize>, field: &str) -> Range<usize> {
    if text.get(at.start..).is_some_and(|rest| rest.starts_with(field)) {
        return at.start..at.start + field.len();
    }
    let found = text.get(..at.start).and_then(|before| before.rfind(field));
    found.map_or(at, |start| start..start + field.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::yaml::Located;
    use miette::{GraphicalReportHandler, GraphicalTheme};
    use serde::Deserialize;
    use std::time::Duration;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields, rename_all = "kebab-case")]
    struct Menu {
        name: Located<String>,
        #[serde(with = "crate::yaml::duration")]
        ring_limit: Duration,
        steps: Vec<Step>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Step {
        press: Located<String>,
        #[serde(default)]
        kind: Kind,
    }

    #[derive(Debug, Default, Deserialize)]
    #[serde(rename_all = "kebab-case")]
    enum Kind {
        #[default]
        Plain,
        RequestAgent,
    }

    fn shown(error: &YamlError) -> String {
        let mut text = String::new();
        GraphicalReportHandler::new_themed(GraphicalTheme::unicode_nocolor())
            .with_width(100)
            .render_report(&mut text, error)
            .expect("renders into a string");
        text
    }

    fn refusal(text: &str) -> String {
        shown(&parse::<Menu>("menu.yaml", text).expect_err("this text is wrong"))
    }

    const GOOD: &str =
        "name: 한빛카드\nring-limit: 60s\nsteps:\n  - press: \"0\"\n    kind: request-agent\n";

    #[test]
    fn a_good_file_is_read() {
        let menu: Menu = parse("menu.yaml", GOOD).expect("this text is right");
        assert_eq!(menu.name.value, "한빛카드");
        assert_eq!(menu.ring_limit, Duration::from_mins(1));
        assert!(matches!(menu.steps[0].kind, Kind::RequestAgent));
    }

    #[test]
    fn a_misspelt_key_is_pointed_at_and_the_nearest_is_named() {
        insta::assert_snapshot!(refusal(&GOOD.replace("ring-limit", "ring-limt")));
    }

    #[test]
    fn a_misspelt_value_is_pointed_at_and_the_nearest_is_named() {
        insta::assert_snapshot!(refusal(&GOOD.replace("request-agent", "request-agant")));
    }

    #[test]
    fn a_missing_key_names_the_mapping_that_lacks_it() {
        insta::assert_snapshot!(refusal(&GOOD.replace("  - press: \"0\"\n    kind", "  - kind")));
    }

    #[test]
    fn a_bad_duration_says_how_to_write_one() {
        insta::assert_snapshot!(refusal(&GOOD.replace("60s", "60 parsecs")));
    }

    #[test]
    fn broken_yaml_is_pointed_at() {
        insta::assert_snapshot!(refusal(&GOOD.replace("\"0\"", "\"0")));
    }

    #[test]
    fn a_list_where_a_text_belongs_is_pointed_at() {
        insta::assert_snapshot!(refusal(&GOOD.replace("한빛카드", "[한빛, 카드]")));
    }

    #[test]
    fn a_key_given_twice_is_pointed_at() {
        insta::assert_snapshot!(refusal(&GOOD.replace("steps:", "name: 다른\nsteps:")));
    }

    #[test]
    fn a_check_after_reading_points_at_the_value() {
        let text = GOOD.replace("\"0\"", "\"0x\"");
        let menu: Menu = parse("menu.yaml", &text).expect("this text is YAML");
        let error = error_at(
            "menu.yaml",
            &text,
            &menu.steps[0].press.at,
            "step 1 presses `x`, which is not a DTMF digit",
            "use 0-9, *, # or A-D",
        );
        assert_eq!(error.line(), Some(4));
        insta::assert_snapshot!(shown(&error));
        insta::assert_snapshot!(error.one_line());
    }

    #[test]
    fn an_empty_file_is_refused() {
        insta::assert_snapshot!(refusal(""));
    }
}
