//! Sequence numbers without wrap (RFC 3550 A.1), and the bookkeeping of what was expected (A.3).
//!
//! Enters: 16-bit sequence numbers of one source. Leaves: 64-bit ones, and whether each is next, old, twice or a
//! restart.

/// A jump ahead of this many or more is a restart of the source (RFC 3550 A.1, `MAX_DROPOUT`).
const MAX_DROPOUT: u16 = 3_000;
/// A step back of more than this is a restart (RFC 3550 A.1, `MAX_MISORDER`).
const MAX_MISORDER: u16 = 100;

/// What a sequence number says about its packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Turn {
    /// Ahead of all before; so many were skipped.
    Next {
        /// Packets between the last one and this.
        skipped: u16,
    },
    /// Behind the newest, first time seen.
    Old,
    /// Seen before.
    Twice,
    /// The source counts from elsewhere now.
    Restart,
}

/// The sequence numbers of one source.
#[derive(Debug, Clone)]
pub(crate) struct Sequence {
    first: i64,
    newest: i64,
    /// Bit n: the packet n before the newest was seen.
    seen: u128,
    /// Expected before the last restart.
    settled: u64,
}

impl Sequence {
    /// Begins with the first packet of a source.
    pub(crate) fn new(first: u16) -> Self {
        let first = i64::from(first);
        Self { first, newest: first, seen: 1, settled: 0 }
    }

    /// Counts a packet after the first.
    pub(crate) fn handle(&mut self, sequence: u16) -> Turn {
        let ahead = sequence.wrapping_sub(self.newest as u16);
        match ahead {
            0 => Turn::Twice,
            1..MAX_DROPOUT => {
                self.newest += i64::from(ahead);
                self.seen = self.seen.checked_shl(u32::from(ahead)).unwrap_or(0) | 1;
                Turn::Next { skipped: ahead - 1 }
            }
            _ if ahead.wrapping_neg() <= MAX_MISORDER => {
                let behind = ahead.wrapping_neg();
                let bit = 1u128 << behind;
                if self.seen & bit != 0 {
                    return Turn::Twice;
                }
                self.seen |= bit;
                self.first = self.first.min(self.newest - i64::from(behind));
                Turn::Old
            }
            _ => {
                let settled = self.expected();
                *self = Self { settled, ..Self::new(sequence) };
                Turn::Restart
            }
        }
    }

    /// Packets that the numbers so far say were sent.
    pub(crate) fn expected(&self) -> u64 {
        self.settled + (self.newest - self.first + 1) as u64
    }

    /// The newest number as RTCP reports it: wraps in the upper half, number in the lower (RFC 3550 §6.4.1).
    pub(crate) fn extended(&self) -> u32 {
        self.newest as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_wrap_is_no_restart() {
        let mut sequence = Sequence::new(65_534);
        assert_eq!(sequence.handle(65_535), Turn::Next { skipped: 0 });
        assert_eq!(sequence.handle(1), Turn::Next { skipped: 1 });
        assert_eq!(sequence.handle(0), Turn::Old);
        assert_eq!(sequence.handle(0), Turn::Twice);
        assert_eq!(sequence.expected(), 4);
        assert_eq!(sequence.extended(), 65_537);
    }

    #[test]
    fn a_step_back_of_100_is_old_and_of_101_a_restart() {
        let mut sequence = Sequence::new(1_000);
        assert_eq!(sequence.handle(900), Turn::Old);
        assert_eq!(sequence.handle(899), Turn::Restart);
        assert_eq!(sequence.expected(), 102);
    }

    #[test]
    fn a_jump_of_2999_is_loss_and_of_3000_a_restart() {
        let mut sequence = Sequence::new(0);
        assert_eq!(sequence.handle(2_999), Turn::Next { skipped: 2_998 });
        assert_eq!(sequence.expected(), 3_000);
        assert_eq!(sequence.handle(5_999), Turn::Restart);
        assert_eq!(sequence.expected(), 3_001);
    }

    proptest! {
        #[test]
        fn what_is_expected_does_not_depend_on_the_order(
            start in any::<u16>(), order in Just((1u16..60).collect::<Vec<_>>()).prop_shuffle(),
        ) {
            let mut sequence = Sequence::new(start);
            for step in order {
                let turn = sequence.handle(start.wrapping_add(step));
                let counted = matches!(turn, Turn::Next { .. } | Turn::Old);
                prop_assert!(counted, "{:?}", turn);
            }
            prop_assert_eq!(sequence.expected(), 60);
        }
    }
}
