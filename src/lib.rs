//! `callprobe` calls call centers as a customer does, measures how long it takes to reach a human agent, and judges
//! what it heard against the 16 CTQ items of KSQI.
//!
//! # The flow
//! A campaign is planned into units ([`domain::plan::ProbeCall`]). The store writes an attempt into its ledger and
//! gives out a ticket; [`call`] consumes it, talks SIP and RTP, and leaves an append-only
//! [`domain::record::AttemptRecord`]. [`analysis`] works the recording up: [`hearing`] tells who was on the line,
//! [`transcription`] reads the words, [`judgment`] decides the items from the facts, [`score`] counts.
//!
//! # The one invariant
//! Protocol machines and judgment are pure: time, randomness and bytes come in as arguments. After each
//! `handle(now, input)`, drain `poll()` until it says when it wants to be woken. Only `driver.rs` files, `clock` and
//! the adapter rooms touch the world; `tests/architecture.rs` holds the walls.

pub mod analysis;
pub mod call;
pub mod campaign;
pub mod cli;
pub mod clock;
pub mod config;
pub mod domain;
pub mod hearing;
pub mod judgment;
pub mod media;
pub mod report;
pub mod scenario;
pub mod score;
pub mod simulator;
pub mod sip;
pub mod store;
pub mod transcription;
pub mod yaml;
