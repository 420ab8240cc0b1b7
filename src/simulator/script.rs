//! The script of a simulated call center: what it says, who works there, and how it treats each call.
//!
//! Enters: the text of a YAML file. Leaves: a checked [`Script`], or an error that points at the line. Voices are
//! named by the file name of their recording without `.wav`; [`Script::missing_clip`] finds a name nobody recorded.

use super::behaviour::{Behaviour, CallFile};
use super::music::MusicStyle;
use crate::domain::digit::Digit;
use crate::domain::ids::CenterId;
use crate::domain::number::DialString;
use crate::yaml::{Located, Place, YamlError, error_at, parse};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::time::Duration;

/// Name of a recorded line: its file name without `.wav`.
pub(crate) type ClipName = Located<String>;

/// A simulated call center, checked.
#[derive(Debug, Clone)]
pub(crate) struct Script {
    pub(crate) id: CenterId,
    /// How it calls itself, in Korean.
    pub(crate) name: String,
    /// Its name for readers of English.
    pub(crate) english: String,
    pub(crate) number: DialString,
    /// Folder of the recordings, relative to the script.
    pub(crate) voices: Located<String>,
    /// Said once after the answer.
    pub(crate) welcome: Vec<ClipName>,
    /// The first node is entered after the welcome; none: straight to the queue.
    pub(crate) menu: Vec<Node>,
    pub(crate) queue: QueueScript,
    /// What is said out of hours.
    pub(crate) closed: Vec<ClipName>,
    pub(crate) agents: Vec<AgentScript>,
    /// In order of arrival, then again from the first.
    pub(crate) calls: Vec<Behaviour>,
}

/// A menu: what is said, and what each key does.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub(crate) say: Vec<ClipName>,
    pub(crate) keys: BTreeMap<Digit, KeyAction>,
    /// How long a key is waited for after the last word.
    pub(crate) timeout: Duration,
    pub(crate) no_input: Vec<ClipName>,
    pub(crate) wrong_key: Vec<ClipName>,
    /// How often the menu is said in all before the center says goodbye.
    pub(crate) rounds: u32,
}

/// What a key does, with menus by their place in [`Script::menu`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum KeyAction {
    Go(usize),
    Queue,
    Repeat,
    HangUp,
}

/// What a caller meets between the request and the agent.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct QueueScript {
    pub(crate) music: MusicStyle,
    /// Said first, if the wait is long enough for it.
    #[serde(default)]
    pub(crate) connect: Vec<ClipName>,
    /// Said in turn while the music rests.
    #[serde(default)]
    pub(crate) announcements: Vec<ClipName>,
    /// Music between two announcements.
    #[serde(default = "ten_seconds", with = "crate::yaml::duration")]
    pub(crate) every: Duration,
    /// Said before a caller is turned away.
    #[serde(default)]
    pub(crate) rejected: Vec<ClipName>,
}

/// A person of the center.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct AgentScript {
    pub(crate) id: Located<String>,
    pub(crate) name: String,
    pub(crate) greeting: Vec<ClipName>,
    /// Said in place of a forgotten greeting; may be empty.
    #[serde(default)]
    pub(crate) instead_of_greeting: Vec<ClipName>,
    /// One list of lines per line of the caller, at least one.
    pub(crate) replies: Located<Vec<Vec<ClipName>>>,
    pub(crate) further_help: Vec<ClipName>,
    pub(crate) closing: Vec<ClipName>,
    /// Said once to a caller who says nothing for 6 s.
    #[serde(default)]
    pub(crate) nudge: Vec<ClipName>,
    /// How long the agent waits for the caller to hang up first.
    #[serde(default = "four_seconds", with = "crate::yaml::duration")]
    pub(crate) hangs_up_after: Duration,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct ScriptFile {
    id: CenterId,
    name: String,
    english: String,
    number: DialString,
    voices: Located<String>,
    #[serde(default)]
    welcome: Vec<ClipName>,
    #[serde(default)]
    menu: Vec<NodeFile>,
    queue: QueueScript,
    #[serde(default)]
    closed: Vec<ClipName>,
    agents: Located<Vec<AgentScript>>,
    calls: Located<Vec<Located<CallFile>>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct NodeFile {
    name: Located<String>,
    say: Located<Vec<ClipName>>,
    keys: BTreeMap<String, Located<ActionFile>>,
    #[serde(default = "five_seconds", with = "crate::yaml::duration")]
    timeout: Duration,
    #[serde(default)]
    no_input: Vec<ClipName>,
    #[serde(default)]
    wrong_key: Vec<ClipName>,
    #[serde(default = "three_rounds")]
    rounds: u32,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
enum ActionFile {
    Go(String),
    Queue,
    Repeat,
    HangUp,
}

fn four_seconds() -> Duration {
    Duration::from_secs(4)
}

fn five_seconds() -> Duration {
    Duration::from_secs(5)
}

fn ten_seconds() -> Duration {
    Duration::from_secs(10)
}

fn three_rounds() -> u32 {
    3
}

/// The file an error points into.
#[derive(Clone, Copy)]
pub(super) struct Source<'a> {
    pub(super) name: &'a str,
    pub(super) text: &'a str,
}

impl Source<'_> {
    pub(super) fn fault(
        self,
        at: &Place,
        message: impl Into<String>,
        help: impl Into<String>,
    ) -> YamlError {
        error_at(self.name, self.text, at, message, help)
    }
}

impl Script {
    /// Reads and checks a center; `name` is what errors call the file.
    ///
    /// # Errors
    /// [`YamlError`] for unknown keys, menus and agents that do not exist, keys that no telephone has, calls that
    /// contradict themselves, and lists that must not be empty.
    pub(crate) fn parse(name: &str, text: &str) -> Result<Self, YamlError> {
        let file: ScriptFile = parse(name, text)?;
        let source = Source { name, text };
        if file.agents.is_empty() {
            let help = "add at least one agent with greeting, replies, further-help and closing";
            return Err(source.fault(&file.agents.at, "no agent works here", help));
        }
        if file.calls.is_empty() {
            let help = "add at least one call, for example `- {wait: 3s, agent: kim}`";
            return Err(source.fault(&file.calls.at, "no call is described", help));
        }
        for agent in &file.agents.value {
            if agent.replies.is_empty() {
                let help = "an agent needs one list of lines for each line of the caller";
                return Err(source.fault(&agent.replies.at, "the agent has no reply", help));
            }
        }
        let agents = file.agents.value;
        let calls = file
            .calls
            .value
            .into_iter()
            .map(|call| call.value.check(source, &call.at, &agents, file.closed.len()))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            menu: menu(source, &file.menu)?,
            id: file.id,
            name: file.name,
            english: file.english,
            number: file.number,
            voices: file.voices,
            welcome: file.welcome,
            queue: file.queue,
            closed: file.closed,
            agents,
            calls,
        })
    }

    /// The first line that `known` does not know, and where it is named.
    pub(crate) fn missing_clip(&self, known: impl Fn(&str) -> bool) -> Option<&ClipName> {
        let nodes = self.menu.iter().flat_map(|n| [&n.say, &n.no_input, &n.wrong_key]);
        let queue = [&self.queue.connect, &self.queue.announcements, &self.queue.rejected];
        let agents = self.agents.iter().flat_map(|a| {
            [&a.greeting, &a.instead_of_greeting, &a.further_help, &a.closing, &a.nudge]
                .into_iter()
                .chain(&a.replies.value)
        });
        [&self.welcome, &self.closed]
            .into_iter()
            .chain(nodes)
            .chain(queue)
            .chain(agents)
            .flatten()
            .find(|clip| !known(clip))
    }
}

fn menu(source: Source<'_>, files: &[NodeFile]) -> Result<Vec<Node>, YamlError> {
    let names: Vec<&str> = files.iter().map(|n| n.name.as_str()).collect();
    let mut nodes = Vec::new();
    for (index, file) in files.iter().enumerate() {
        if names[..index].contains(&file.name.as_str()) {
            let message = format!("two menus are called `{}`", file.name.value);
            return Err(source.fault(&file.name.at, message, "give each menu a name of its own"));
        }
        if file.say.is_empty() {
            let message = format!("menu `{}` says nothing", file.name.value);
            return Err(source.fault(&file.say.at, message, "name at least one recorded line"));
        }
        let mut keys = BTreeMap::new();
        for (key, action) in &file.keys {
            let mut typed = key.chars();
            let (Some(Ok(digit)), None) = (typed.next().map(Digit::new), typed.next()) else {
                let message = format!("`{key}` is not one telephone key");
                return Err(source.fault(&action.at, message, "use 0-9, * or #, in quotes"));
            };
            keys.insert(digit, key_action(source, action, &names)?);
        }
        nodes.push(Node {
            say: file.say.value.clone(),
            keys,
            timeout: file.timeout,
            no_input: file.no_input.clone(),
            wrong_key: file.wrong_key.clone(),
            rounds: file.rounds.max(1),
        });
    }
    Ok(nodes)
}

fn key_action(
    source: Source<'_>,
    action: &Located<ActionFile>,
    names: &[&str],
) -> Result<KeyAction, YamlError> {
    Ok(match &action.value {
        ActionFile::Queue => KeyAction::Queue,
        ActionFile::Repeat => KeyAction::Repeat,
        ActionFile::HangUp => KeyAction::HangUp,
        ActionFile::Go(to) => {
            let Some(index) = names.iter().position(|name| name == to) else {
                let help = format!("menus of this file: {}", names.join(", "));
                return Err(source.fault(&action.at, format!("there is no menu `{to}`"), help));
            };
            KeyAction::Go(index)
        }
    })
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::simulator::behaviour::Treatment;
    use std::fmt::Write as _;

    /// A small center whose every call is given as YAML list items.
    pub(crate) fn center(calls: &str) -> String {
        let mut text = String::from(
            r#"id: test
name: 시험
english: Test
number: "1588-0001"
voices: voices
welcome: [welcome]
menu:
  - name: main
    say: [menu]
    keys:
      "1": {go: second}
      "0": queue
      "9": repeat
    timeout: 5s
    no-input: [noinput]
    wrong-key: [wrong]
    rounds: 2
  - name: second
    say: [menu2]
    keys: {"3": queue, "*": hang-up}
queue:
  music: waltz
  connect: [connect]
  announcements: [busy]
  every: 6s
  rejected: [later]
closed: [closed]
agents:
  - id: kim
    name: 김민지
    greeting: [greet]
    instead-of-greeting: [hello]
    replies: [[reply1], [reply2a, reply2b]]
    further-help: [more]
    closing: [close]
    nudge: [nudge]
    hangs-up-after: 4s
calls:
"#,
        );
        for call in calls.lines() {
            let _ = writeln!(text, "  {}", call.trim());
        }
        text
    }

    fn shown(error: &YamlError) -> String {
        let theme = miette::GraphicalTheme::unicode_nocolor();
        let handler = miette::GraphicalReportHandler::new_themed(theme).with_width(100);
        let mut text = String::new();
        handler.render_report(&mut text, error).unwrap();
        text
    }

    fn refused(text: &str) -> String {
        shown(&Script::parse("center.yaml", text).unwrap_err())
    }

    #[test]
    fn a_center_is_read_with_menus_by_place() {
        let script =
            Script::parse("center.yaml", &center("- {wait: 3s, agent: kim}\n- {busy: true}"))
                .unwrap();
        let key = |key| script.menu[0].keys.get(&Digit::new(key).unwrap()).copied();
        assert_eq!(key('1'), Some(KeyAction::Go(1)));
        assert_eq!(key('0'), Some(KeyAction::Queue));
        assert_eq!(script.number.as_str(), "15880001");
        assert!(matches!(script.calls[1].treatment, Treatment::Refuse { status: 486, .. }));
    }

    #[test]
    fn a_clip_nobody_recorded_is_found() {
        let script = Script::parse("c", &center("- {wait: 3s, agent: kim}")).unwrap();
        assert_eq!(script.missing_clip(|_| true), None);
        let missing = script.missing_clip(|clip| clip != "reply2b").unwrap();
        assert_eq!(missing.value, "reply2b");
    }

    #[test]
    fn an_unknown_key_is_pointed_at() {
        let text = center("- {wait: 3s, agent: kim}").replace("timeout: 5s", "time-out: 5s");
        insta::assert_snapshot!(refused(&text));
    }

    #[test]
    fn a_menu_that_does_not_exist_is_pointed_at() {
        let text = center("- {wait: 3s, agent: kim}").replace("{go: second}", "{go: third}");
        insta::assert_snapshot!(refused(&text));
    }

    #[test]
    fn an_agent_who_does_not_work_here_is_pointed_at() {
        insta::assert_snapshot!(refused(&center(
            "- {wait: 3s, agent: kim}\n- {wait: 3s, agent: lee}"
        )));
    }

    #[test]
    fn a_call_that_contradicts_itself_is_pointed_at() {
        insta::assert_snapshot!(refused(&center("- {busy: true, closed: true}")));
    }

    #[test]
    fn a_key_no_telephone_has_is_pointed_at() {
        let text = center("- {wait: 3s, agent: kim}").replace("\"9\": repeat", "\"E\": repeat");
        insta::assert_snapshot!(refused(&text));
    }

    #[test]
    fn a_center_without_calls_or_agents_is_refused() {
        let text = center("- {wait: 3s, agent: kim}");
        let calls = text.find("calls:").unwrap();
        assert!(
            refused(&format!("{}calls: []\n", &text[..calls])).contains("no call is described")
        );
    }
}
