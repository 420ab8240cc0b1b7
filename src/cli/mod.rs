//! The command line: wires the rooms together.
