//! What can be wrong with a configuration: what, where, and how to mend it.

use miette::{Diagnostic, NamedSource, SourceSpan};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

/// A configuration that cannot be used.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum ConfigError {
    /// A file cannot be read.
    #[error("cannot read `{}`: {source}", path.display())]
    #[diagnostic(code(config::unreadable), help("check the path and its permissions"))]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file or the environment says something that is not understood.
    #[error("the configuration is not understood: {what}")]
    #[diagnostic(
        code(config::not_understood),
        help("correct the value; the example configuration names every key with its meaning")
    )]
    NotUnderstood {
        /// What, and at which key.
        what: String,
        /// The file.
        #[source_code]
        file: Arc<NamedSource<String>>,
        /// Where in it, if it stands there.
        #[label("here")]
        at: Option<SourceSpan>,
    },
    /// A password stands in the configuration; the line is named and not shown.
    #[error("the trunk's password stands in the configuration{}", where_it_stands(file, *line))]
    #[diagnostic(
        code(config::password),
        help(
            "remove it; set the variable `CALLPROBE_TRUNK_PASSWORD`, or name a file with `password-file`"
        )
    )]
    PasswordInside {
        /// The file.
        file: String,
        /// Its line, if it stands in the file.
        line: Option<usize>,
    },
    /// A trunk outside this machine without a word in both places.
    #[error("trunk `{target}` leads outside this machine, and {missing}")]
    #[diagnostic(
        code(config::remote_trunk),
        help(
            "real calls need both `[trunk] allow-remote = true` and `[guard] real-calls = true`; for a simulation use \
             127.0.0.1"
        )
    )]
    RemoteTrunk {
        /// The trunk.
        target: SocketAddr,
        /// Which key or keys do not say yes, as half a sentence.
        missing: &'static str,
        /// The file.
        #[source_code]
        file: Arc<NamedSource<String>>,
        /// Where in it.
        #[label("this trunk")]
        at: Option<SourceSpan>,
    },
    /// Recording without the legal entity that calls.
    #[error("`[recording] basis` is declared, but not who calls")]
    #[diagnostic(
        code(config::caller_entity),
        help(
            "name the legal entity that places the calls with `caller-entity`; only a party to the call may record it"
        )
    )]
    NoCallerEntity {
        /// The file.
        #[source_code]
        file: Arc<NamedSource<String>>,
        /// Where in it.
        #[label("the basis")]
        at: Option<SourceSpan>,
    },
    /// Ports that no call can use.
    #[error("`[media] ports = \"{ports}\"` cannot be used")]
    #[diagnostic(
        code(config::ports),
        help(
            "write `first-last` with first at least 1024 and room for two ports a call, for example `16384-20480`"
        )
    )]
    Ports {
        /// What stands there.
        ports: String,
        /// The file.
        #[source_code]
        file: Arc<NamedSource<String>>,
        /// Where in it.
        #[label("these ports")]
        at: Option<SourceSpan>,
    },
}

fn where_it_stands(file: &str, line: Option<usize>) -> String {
    line.map_or_else(String::new, |line| format!(": `{file}`, line {line}"))
}
