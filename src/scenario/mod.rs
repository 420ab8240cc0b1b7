//! Scenarios: what the caller does, as a file with steps, and the navigator that walks them.
