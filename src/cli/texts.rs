//! `callprobe explain` and `callprobe schema`: what the program knows about itself.

use super::args::{ExplainArguments, SchemaForm};
use super::exit::Exit;
use super::failure::{Failure, OrFail as _};
use super::print;
use crate::domain::ctq::CtqItem;
use crate::domain::record::AttemptRecord;
use crate::judgment::{Sheet, explain as item_text};
use crate::scenario::ScenarioFile;

/// Prints the help text of an item, or the list of all.
pub(super) fn explain(arguments: &ExplainArguments) -> Result<Exit, Failure> {
    let sheet = Sheet::ksqi16().map_err(Failure::usage)?;
    if let Some(code) = &arguments.item {
        let item: CtqItem = code.parse().or_usage()?;
        print::out(item_text(item));
        return Ok(Exit::Done);
    }
    for item in CtqItem::ALL {
        if let Some(spec) = sheet.item(item) {
            print::out(format!("{item}  {} / {}", spec.ko, spec.en));
        }
    }
    print::out("\nOne item in full: callprobe explain A3");
    Ok(Exit::Done)
}

/// Prints a JSON schema.
pub(super) fn schema(form: SchemaForm) -> Result<Exit, Failure> {
    print::out(schema_text(form)?);
    Ok(Exit::Done)
}

/// The schema's text, as committed under `scenarios/schema/`.
pub(super) fn schema_text(form: SchemaForm) -> Result<String, Failure> {
    let schema = match form {
        SchemaForm::Scenario => schemars::schema_for!(ScenarioFile),
        SchemaForm::Campaign => schemars::schema_for!(crate::campaign::CampaignSpec),
        SchemaForm::Record => schemars::schema_for!(AttemptRecord),
    };
    serde_json::to_string_pretty(&schema).or_infrastructure()
}
