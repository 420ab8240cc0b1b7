//! The sockets themselves, by `nix`: `recvmsg` with `SO_TIMESTAMPNS` and `SO_RXQ_OVFL` (socket(7)).
//!
//! Enters: an address and a range of ports. Leaves: a bound pair, datagrams with arrival and drop count. Options that
//! the host refuses (a larger queue, the DSCP mark) are done without.

use crate::clock;
use crate::media::error::MediaError;
use crate::media::rtp::MAX_DATAGRAM;
use nix::cmsg_space;
use nix::errno::Errno;
use nix::sys::socket::{
    ControlMessageOwned, MsgFlags, SockaddrStorage, recvmsg, setsockopt, sockopt,
};
use nix::sys::time::TimeSpec;
use std::io::{self, IoSliceMut};
use std::net::{IpAddr, SocketAddr, SocketAddrV4, SocketAddrV6, UdpSocket};
use std::ops::RangeInclusive;
use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// Queue of a socket: some seconds of one stream.
const RECEIVE_BUFFER: usize = 256 * 1024;
/// DSCP expedited forwarding (RFC 3246) in the upper six bits of the octet.
const EXPEDITED: i32 = 0xB8;
/// An arrival further back than this is a step of the wall clock, not a wait in the queue.
const OLDEST: Duration = Duration::from_secs(5);
/// Pairings are tried a few times; the tightest stands.
const TRIES: usize = 3;

/// Gives out even ports in turn, so that one just freed rests before it is taken again.
#[derive(Debug)]
pub(crate) struct Ports {
    bind: IpAddr,
    range: RangeInclusive<u16>,
    turn: AtomicU32,
}

impl Ports {
    pub(crate) fn new(
        bind: IpAddr,
        range: RangeInclusive<u16>,
        turn: u32,
    ) -> Result<Self, MediaError> {
        let ports = Self { bind, range, turn: AtomicU32::new(turn) };
        if ports.pairs() == 0 {
            let (first, last) = (*ports.range.start(), *ports.range.end());
            return Err(MediaError::EmptyRange { first, last });
        }
        Ok(ports)
    }

    fn first_even(&self) -> u32 {
        u32::from(*self.range.start()).next_multiple_of(2).max(2)
    }

    fn pairs(&self) -> u32 {
        (u32::from(*self.range.end()) + 1).saturating_sub(self.first_even()) / 2
    }

    /// Binds the next free pair: RTP on the even port, RTCP on the one after it (RFC 3550 §11).
    pub(crate) fn bind(&self) -> Result<(MediaSocket, UdpSocket), MediaError> {
        let pairs = self.pairs();
        for _ in 0..pairs {
            let turn = self.turn.fetch_add(1, Ordering::Relaxed) % pairs;
            let port = (self.first_even() + 2 * turn) as u16;
            let pair =
                bound(self.bind, port).and_then(|rtp| Ok((rtp, bound(self.bind, port + 1)?)));
            match pair {
                Ok((media, reports)) => return Ok((MediaSocket::new(media), reports)),
                Err(error) if error.kind() == io::ErrorKind::AddrInUse => {}
                Err(source) => return Err(MediaError::Bind { bind: self.bind, source }),
            }
        }
        let (first, last) = (*self.range.start(), *self.range.end());
        Err(MediaError::PortsExhausted { bind: self.bind, first, last })
    }
}

fn bound(bind: IpAddr, port: u16) -> io::Result<UdpSocket> {
    let socket = UdpSocket::bind((bind, port))?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

/// A datagram as the kernel handed it over.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Received {
    pub(crate) length: usize,
    pub(crate) from: SocketAddr,
    pub(crate) at: Instant,
    /// Datagrams dropped on this socket so far, if the kernel says so.
    pub(crate) dropped: Option<u32>,
}

/// An RTP socket.
#[derive(Debug)]
pub(crate) struct MediaSocket {
    socket: UdpSocket,
    control: Vec<u8>,
}

impl MediaSocket {
    fn new(socket: UdpSocket) -> Self {
        let wanted = [
            ("receive times", setsockopt(&socket, sockopt::ReceiveTimestampns, &true)),
            ("drop counts", setsockopt(&socket, sockopt::RxqOvfl, &1)),
            ("a larger queue", setsockopt(&socket, sockopt::RcvBuf, &RECEIVE_BUFFER)),
            ("expedited forwarding", mark(&socket)),
        ];
        for (what, outcome) in wanted {
            if let Err(error) = outcome {
                tracing::debug!(%error, "the host refuses {what} on a media socket");
            }
        }
        Self { socket, control: cmsg_space!(TimeSpec, u32) }
    }

    /// The bound port.
    pub(crate) fn port(&self) -> io::Result<u16> {
        Ok(self.socket.local_addr()?.port())
    }

    /// Sends without waiting.
    pub(crate) fn send(&self, datagram: &[u8], to: SocketAddr) -> io::Result<()> {
        self.socket.send_to(datagram, to).map(drop)
    }

    /// The next datagram; `None` if there is none.
    pub(crate) fn receive(
        &mut self,
        pairing: &ClockPairing,
        buffer: &mut [u8; MAX_DATAGRAM],
    ) -> io::Result<Option<Received>> {
        loop {
            let mut parts = [IoSliceMut::new(&mut buffer[..])];
            let control = Some(&mut self.control[..]);
            let flags = MsgFlags::MSG_DONTWAIT;
            let fd = self.socket.as_raw_fd();
            let message = match recvmsg::<SockaddrStorage>(fd, &mut parts, control, flags) {
                Ok(message) => message,
                Err(Errno::EAGAIN) => return Ok(None),
                // An ICMP refusal of something sent earlier is no datagram and no end.
                Err(Errno::EINTR | Errno::ECONNREFUSED) => continue,
                Err(error) => return Err(error.into()),
            };
            let Some(from) = message.address.as_ref().and_then(address) else { continue };
            let (mut at, mut dropped) = (None, None);
            for control in message.cmsgs().into_iter().flatten() {
                match control {
                    ControlMessageOwned::ScmTimestampns(wall) => at = Some(pairing.instant(wall)),
                    ControlMessageOwned::RxqOvfl(count) => dropped = Some(count),
                    _ => {}
                }
            }
            let at = at.unwrap_or_else(clock::now);
            return Ok(Some(Received { length: message.bytes, from, at, dropped }));
        }
    }
}

impl AsFd for MediaSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

fn mark(socket: &UdpSocket) -> nix::Result<()> {
    match socket.local_addr() {
        Ok(SocketAddr::V4(_)) => setsockopt(socket, sockopt::Ipv4Tos, &EXPEDITED),
        _ => setsockopt(socket, sockopt::Ipv6TClass, &EXPEDITED),
    }
}

fn address(storage: &SockaddrStorage) -> Option<SocketAddr> {
    let v4 = storage.as_sockaddr_in().map(|a| SocketAddr::V4(SocketAddrV4::from(*a)));
    v4.or_else(|| storage.as_sockaddr_in6().map(|a| SocketAddr::V6(SocketAddrV6::from(*a))))
}

/// The wall clock and the monotonic clock, read together: kernel receive times are wall time.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ClockPairing {
    monotonic: Instant,
    /// Nanoseconds since 1970 at `monotonic`.
    wall: i128,
}

impl ClockPairing {
    /// Reads both clocks as close together as can be.
    pub(crate) fn now() -> Self {
        let mut best: Option<(Duration, Self)> = None;
        for _ in 0..TRIES {
            let before = clock::now();
            let wall = clock::wall().0.as_nanosecond();
            let spread = clock::now().saturating_duration_since(before);
            let pairing = Self { monotonic: before + spread / 2, wall };
            if best.is_none_or(|(least, _)| spread < least) {
                best = Some((spread, pairing));
            }
        }
        best.map_or_else(|| Self { monotonic: clock::now(), wall: 0 }, |(_, pairing)| pairing)
    }

    /// When the clocks were read.
    pub(crate) fn read_at(&self) -> Instant {
        self.monotonic
    }

    /// Nanoseconds since 1970 at an instant.
    pub(crate) fn wall(&self, at: Instant) -> i128 {
        let nanos = |span: Duration| span.as_nanos() as i128;
        match at.checked_duration_since(self.monotonic) {
            Some(after) => self.wall + nanos(after),
            None => self.wall - nanos(self.monotonic.saturating_duration_since(at)),
        }
    }

    /// The instant of a kernel time: never in the future, and now if the wall clock was set.
    fn instant(&self, wall: TimeSpec) -> Instant {
        let nanos = i128::from(wall.tv_sec()) * 1_000_000_000 + i128::from(wall.tv_nsec());
        let now = clock::now();
        let span = |n: i128| Duration::from_nanos(u64::try_from(n).unwrap_or(u64::MAX));
        let after = nanos - self.wall;
        let at = if after >= 0 {
            self.monotonic.checked_add(span(after))
        } else {
            self.monotonic.checked_sub(span(-after))
        };
        at.filter(|at| *at <= now && now.saturating_duration_since(*at) <= OLDEST).unwrap_or(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

    #[test]
    fn a_range_counts_its_even_ports_with_an_odd_one_after() {
        let pairs = |first, last| Ports::new(LOOPBACK, first..=last, 0).map(|p| p.pairs()).ok();
        assert_eq!(pairs(40_000, 40_001), Some(1));
        assert_eq!(pairs(40_001, 40_004), Some(1));
        assert_eq!(pairs(40_001, 40_002), None);
        assert_eq!(pairs(40_001, 40_000), None);
        assert_eq!(pairs(0, 3), Some(1));
        assert_eq!(pairs(65_534, u16::MAX), Some(1));
    }

    #[test]
    fn a_kernel_time_of_now_is_an_instant_of_now_and_one_of_next_year_too() {
        let pairing = ClockPairing::now();
        let spec = |nanos: i128| {
            TimeSpec::new((nanos / 1_000_000_000) as i64, (nanos % 1_000_000_000) as i64)
        };
        assert_eq!(pairing.instant(spec(pairing.wall)), pairing.monotonic);
        let next_year = spec(pairing.wall + 31_536_000 * 1_000_000_000);
        assert!(pairing.instant(next_year) >= pairing.monotonic);
        assert!(pairing.instant(next_year) <= clock::now());
    }
}
