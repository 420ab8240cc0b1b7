//! UDP sockets for media: port pairs, kernel receive times, counts of what the kernel dropped.
//!
//! Enters: an address and a range of ports, datagrams. Leaves: sockets, datagrams with the instants of their arrival.

pub(crate) mod driver;
