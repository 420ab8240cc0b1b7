//! Whose packets are heard: the address of the SDP first, one move if that stays silent.
//!
//! Enters: source addresses of datagrams. Leaves: whether they are heard, and where we send.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// How long the known source must be silent before another may take its place: a dozen packets.
pub(crate) const SILENT: Duration = Duration::from_millis(250);

/// What a source address says about its datagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    /// From the far end.
    Known,
    /// From the far end at a new address; from now on it is the known one.
    Moved,
    /// From a stranger.
    Foreign,
}

/// The address we hear and send to (symmetric RTP, RFC 4961).
#[derive(Debug, Clone)]
pub(crate) struct Source {
    /// As the SDP says.
    named: SocketAddr,
    known: SocketAddr,
    heard: Instant,
    moved: bool,
}

impl Source {
    /// Begins with the address of the SDP.
    pub(crate) fn new(named: SocketAddr, now: Instant) -> Self {
        Self { named, known: named, heard: now, moved: false }
    }

    /// Where we send; `None` while the far end asked for nothing (RFC 3264 §8.4: address 0.0.0.0).
    pub(crate) fn target(&self) -> Option<SocketAddr> {
        (!self.known.ip().is_unspecified() && self.known.port() != 0).then_some(self.known)
    }

    /// Takes the address of a later SDP; the same one again changes nothing, even after a move.
    pub(crate) fn rename(&mut self, named: SocketAddr, now: Instant) {
        if named != self.named {
            *self = Self::new(named, now);
        }
    }

    /// Whether a report came from the host that we hear.
    pub(crate) fn is_host(&self, from: SocketAddr) -> bool {
        from.ip() == self.known.ip()
    }

    /// Judges a datagram that is RTP.
    pub(crate) fn handle(&mut self, from: SocketAddr, at: Instant) -> Origin {
        if from == self.known {
            self.heard = at;
            return Origin::Known;
        }
        if self.moved || at.saturating_duration_since(self.heard) < SILENT {
            return Origin::Foreign;
        }
        *self = Self { named: self.named, known: from, heard: at, moved: true };
        Origin::Moved
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(last: u8) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, last], 4_000))
    }

    #[test]
    fn a_source_may_move_once_after_250_ms_of_silence() {
        let t0 = crate::clock::now();
        let mut source = Source::new(address(1), t0);
        assert_eq!(source.handle(address(1), t0), Origin::Known);
        let just_before = t0 + SILENT.mul_f64(0.999);
        assert_eq!(source.handle(address(2), just_before), Origin::Foreign);
        assert_eq!(source.handle(address(2), t0 + SILENT), Origin::Moved);
        assert_eq!(source.target(), Some(address(2)));
        assert_eq!(source.handle(address(2), t0 + SILENT), Origin::Known);
        assert_eq!(source.handle(address(3), t0 + SILENT * 9), Origin::Foreign);
        assert_eq!(source.handle(address(1), t0 + SILENT * 9), Origin::Foreign);
    }

    #[test]
    fn the_same_sdp_again_keeps_a_moved_source_and_another_one_replaces_it() {
        let t0 = crate::clock::now();
        let mut source = Source::new(address(1), t0);
        assert_eq!(source.handle(address(2), t0 + SILENT), Origin::Moved);
        source.rename(address(1), t0 + SILENT);
        assert_eq!(source.target(), Some(address(2)));
        source.rename(address(3), t0 + SILENT);
        assert_eq!(source.target(), Some(address(3)));
        assert!(source.is_host(SocketAddr::from(([127, 0, 0, 3], 9))));
    }

    #[test]
    fn to_the_address_0_nothing_is_sent() {
        let source = Source::new(SocketAddr::from(([0, 0, 0, 0], 4_000)), crate::clock::now());
        assert_eq!(source.target(), None);
    }
}
