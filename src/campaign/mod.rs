//! Campaigns: what is called when, under which guard, and the runner.
//!
//! Enters: a specification and a seed, later the endings of attempts. Leaves: a plan (pure, repeatable), the decision
//! whether a number may be dialled and whether a unit is dialled again (pure), and, from [`executor`], the calls
//! themselves, placed through a [`Caller`] with the store's ticket for each.

pub mod calendar;
pub mod dispatcher;
pub mod executor;
pub mod guard;
pub mod pacing;
pub mod plan;
pub mod retry;
pub mod run;
pub mod spec;

pub use calendar::{Calendar, CalendarQuarter};
pub use executor::{CallProgress, CallResult, Caller, DialogEnder, Executor, ExecutorError};
pub use guard::{Guard, GuardSettings, Refusal};
pub use plan::{Moved, ProbePlan, plan};
pub use run::{EndFailure, ExecutorSettings, RunEnd, RunReport, WhatToRun};
pub use spec::{CampaignSpec, Profile, SpecError};
