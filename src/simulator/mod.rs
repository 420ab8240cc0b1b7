//! Simulated call centers: the target of the demo and of the tests.
