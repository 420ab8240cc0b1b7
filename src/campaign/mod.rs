//! Campaigns: what is called when, under which guard, and the runner.
