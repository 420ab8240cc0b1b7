//! The `callprobe` program.

fn main() {}
