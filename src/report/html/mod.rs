//! The report as one self-contained HTML page: no request leaves it, it prints on A4 and follows light and dark.
//!
//! Enters: a [`crate::report::model::CampaignReport`]. Leaves: a page with a section per center, a picture of every
//! call's time line, its verdicts with their reasons, and the seconds of audio that they rest on.

mod call;
mod page;
mod picture;
mod scale;
mod style;

pub use page::html;
