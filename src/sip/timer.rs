//! The timers of the protocol in one table, and the alarms that transactions and legs set.
//!
//! Enters: the time. Leaves: which timer ran out. Source: RFC 3261 §17 and Table 4, RFC 6026 §8.

use std::time::{Duration, Instant};

/// Lengths from which all timers follow. `Default` is what RFC 3261 recommends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimerSettings {
    /// Estimate of the round trip, first retransmission (T1, 500 ms).
    pub t1: Duration,
    /// Longest interval between retransmissions (T2, 4 s).
    pub t2: Duration,
    /// How long a message stays in the network (T4, 5 s).
    pub t4: Duration,
    /// After a 100 Trying this long without anything more the attempt is given up (64 T1).
    pub trying_silence: Duration,
}

impl Default for TimerSettings {
    fn default() -> Self {
        Self {
            t1: Duration::from_millis(500),
            t2: Duration::from_secs(4),
            t4: Duration::from_secs(5),
            trying_silence: Duration::from_secs(32),
        }
    }
}

/// A timer by its name in RFC 3261 Table 4, or one of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Timer {
    /// INVITE request retransmission.
    A,
    /// INVITE transaction time-out.
    B,
    /// Wait for retransmissions of a refusal.
    D,
    /// Non-INVITE request retransmission.
    E,
    /// Non-INVITE transaction time-out.
    F,
    /// Retransmission of our refusal of an INVITE.
    G,
    /// Wait for the ACK of our refusal.
    H,
    /// Wait for retransmissions of that ACK.
    I,
    /// Wait for retransmissions of a non-INVITE request.
    J,
    /// Wait for retransmissions of a response.
    K,
    /// Wait for retransmissions of an accepted INVITE (RFC 6026).
    L,
    /// Wait for retransmissions of a 2xx (RFC 6026).
    M,
    /// Our 2xx is sent again until its ACK comes (RFC 3261 §13.3.1.4).
    AnswerAgain,
    /// Our 2xx was never acknowledged.
    AckWait,
    /// The scenario's limit of ringing; its length comes with the call.
    RingLimit,
    /// 100 Trying and then nothing.
    TryingSilence,
    /// No final response after CANCEL (RFC 3261 §9.1).
    CancelWait,
}

impl Timer {
    /// The first length of the timer over UDP. [`Timer::RingLimit`] has none of its own.
    pub(crate) fn length(self, settings: &TimerSettings) -> Duration {
        match self {
            Self::A | Self::E | Self::G | Self::AnswerAgain => settings.t1,
            Self::B
            | Self::D
            | Self::F
            | Self::H
            | Self::J
            | Self::L
            | Self::M
            | Self::AckWait
            | Self::CancelWait => settings.t1 * 64,
            Self::I | Self::K => settings.t4,
            Self::TryingSilence => settings.trying_silence,
            Self::RingLimit => Duration::MAX,
        }
    }

    /// How long until the next retransmission after one that took `last`. Only Timer A has no ceiling.
    pub(crate) fn next(self, last: Duration, settings: &TimerSettings) -> Duration {
        let doubled = last.saturating_mul(2);
        if self == Self::A { doubled } else { doubled.min(settings.t2) }
    }
}

/// Alarms that are set; at most one of each timer.
#[derive(Debug, Clone, Default)]
pub(crate) struct Alarms(Vec<(Timer, Instant)>);

impl Alarms {
    /// Sets a timer to its own length from `now`.
    pub(crate) fn start(&mut self, timer: Timer, now: Instant, settings: &TimerSettings) {
        self.set(timer, now, timer.length(settings));
    }

    /// Sets a timer to ring `after` from `now`; a span beyond the clock's range leaves it unset.
    pub(crate) fn set(&mut self, timer: Timer, now: Instant, after: Duration) {
        self.clear(timer);
        if let Some(at) = now.checked_add(after) {
            self.0.push((timer, at));
        }
    }

    /// Whether a timer is set.
    pub(crate) fn is_set(&self, timer: Timer) -> bool {
        self.0.iter().any(|(t, _)| *t == timer)
    }

    /// Takes a timer back.
    pub(crate) fn clear(&mut self, timer: Timer) {
        self.0.retain(|(t, _)| *t != timer);
    }

    /// Takes all timers back.
    pub(crate) fn clear_all(&mut self) {
        self.0.clear();
    }

    /// When the next one rings.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.0.iter().map(|(_, at)| *at).min()
    }

    /// Takes the earliest timer that has run out at `now`.
    pub(crate) fn take_due(&mut self, now: Instant) -> Option<Timer> {
        let due = self.0.iter().enumerate().filter(|(_, (_, at))| *at <= now);
        let (place, _) = due.min_by_key(|(_, (_, at))| *at)?;
        Some(self.0.swap_remove(place).0)
    }
}
