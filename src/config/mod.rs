//! Configuration: trunks, guard, store, recording basis.
