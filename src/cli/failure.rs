//! How a command fails: a report for people and an exit code for scripts.

use super::exit::Exit;
use std::error::Error;

/// A failed command.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) exit: Exit,
    pub(super) report: miette::Report,
}

impl Failure {
    /// Our own side failed.
    pub(super) fn infrastructure(error: impl Error + Send + Sync + 'static) -> Self {
        Self { exit: Exit::Infrastructure, report: report(error) }
    }

    /// Our host failed, with a remedy that the error itself cannot know.
    pub(super) fn of_host(error: impl Error, help: impl Into<String>) -> Self {
        let diagnostic = miette::MietteDiagnostic::new(error.to_string()).with_help(help.into());
        Self { exit: Exit::Infrastructure, report: diagnostic.into() }
    }

    /// The user's command line or file is not right; the file is shown if the error knows it.
    pub(super) fn usage(error: impl Into<miette::Report>) -> Self {
        Self { exit: Exit::Usage, report: error.into() }
    }

    /// The same for an error without a picture of the file.
    pub(super) fn plain_usage(error: impl Error + Send + Sync + 'static) -> Self {
        Self { exit: Exit::Usage, report: report(error) }
    }

    /// A usage error in plain words, with the remedy.
    pub(super) fn say(message: impl Into<String>, help: impl Into<String>) -> Self {
        let diagnostic = miette::MietteDiagnostic::new(message.into()).with_help(help.into());
        Self { exit: Exit::Usage, report: diagnostic.into() }
    }
}

fn report(error: impl Error + Send + Sync + 'static) -> miette::Report {
    use miette::IntoDiagnostic as _;
    match Err::<(), _>(error).into_diagnostic() {
        Ok(()) => miette::miette!("unreachable"),
        Err(report) => report,
    }
}

/// Turns errors of other rooms into failures.
pub(super) trait OrFail<T> {
    /// Our own side failed.
    fn or_infrastructure(self) -> Result<T, Failure>;
    /// The user's input is not right.
    fn or_usage(self) -> Result<T, Failure>;
}

impl<T, E: Error + Send + Sync + 'static> OrFail<T> for Result<T, E> {
    fn or_infrastructure(self) -> Result<T, Failure> {
        self.map_err(Failure::infrastructure)
    }
    fn or_usage(self) -> Result<T, Failure> {
        self.map_err(Failure::plain_usage)
    }
}
