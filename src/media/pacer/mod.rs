//! The media thread: a 1 ms wheel of 20 slots that sends, and edge-triggered sockets that are drained.
//!
//! Enters: commands of streams. Leaves: datagrams, events, batches for the recorder.

pub(crate) mod driver;
mod wheel;
