//! The 16 CTQ items, a file and a page each: facts and the limits of the sheet in, a finding out.

mod a1_line_connected;
mod a2_attempts;
mod a3_wait;
mod b1_greeting;
mod b2_greeting_tone;
mod c1_tone;
mod c2_speaking_rate;
mod c3_confidence;
mod c4_interrupting;
mod c5_empathy;
mod c6_guidance;
mod d1_understanding;
mod d2_explanation;
mod d3_one_stop;
mod e1_further_help;
mod e2_closing;
mod monitor;
mod names;
mod registry;

pub(super) use registry::{doc, find};
