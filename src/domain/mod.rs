//! The vocabulary of the house: plain types that every room shares.
//!
//! Enters: nothing. Leaves: types. No room is imported here, and nothing here touches a socket, a file or a clock.
//! What flows through the house, in order: [`plan::ProbeCall`], [`ledger::AttemptTicket`], [`record::AttemptRecord`],
//! [`transcript::Transcript`], [`segment::Hearing`], [`facts::Facts`], [`verdict::Judgment`].

pub mod audio;
pub mod ctq;
pub mod digit;
pub mod event;
pub mod facts;
pub mod ids;
pub mod ledger;
pub mod number;
pub mod plan;
pub mod prompt;
pub mod quality;
pub mod random;
pub mod record;
pub mod segment;
pub mod sounds;
pub mod time;
pub mod timeline;
pub mod transcript;
pub mod verdict;
pub mod wav;
