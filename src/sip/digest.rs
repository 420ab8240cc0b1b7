//! Digest authentication of our requests: MD5, SHA-256, SHA-512-256 and their session variants.
//!
//! Enters: the challenges of a 401 or 407 and our credentials. Leaves: `Authorization` header values.
//! Challenges are kept per realm, so that a proxy's and a far end's are both answered in one call.
//! Source: RFC 7616 §3.4, RFC 8760 §2, RFC 3261 §22.

use super::address::split_outside;
use super::message::Message;
use md5::{Digest as _, Md5};
use sha2::{Sha256, Sha512_256};
use std::fmt;
use std::fmt::Write as _;

/// A password. `Debug` prints `***`.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(String);

impl Password {
    /// Wraps a password.
    pub fn new(password: impl Into<String>) -> Self {
        Self(password.into())
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// What we answer a challenge with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The realm they are for; `None` answers any.
    pub realm: Option<String>,
    /// The user name.
    pub user: String,
    /// The password.
    pub password: Password,
}

/// How often one realm may ask again because its nonce grew old.
const MOST_STALE: u32 = 3;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Hash {
    Md5,
    Sha256,
    Sha512t256,
}

/// Whether the hash of A1 covers the nonces too (`-sess`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Session {
    Plain,
    Bound,
}

/// Which of the two pairs of headers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    User,
    Proxy,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Challenge {
    place: Place,
    realm: String,
    nonce: String,
    opaque: Option<String>,
    /// The algorithm as the challenger wrote it, to be echoed; `None` if it named none.
    algorithm: Option<String>,
    hash: Hash,
    session: Session,
    qop_auth: bool,
    stale: bool,
}

impl Challenge {
    /// Reads one `Digest` challenge; `None` for other schemes, unknown algorithms, and a qop we cannot do.
    fn read(place: Place, value: &str) -> Option<Self> {
        let (scheme, rest) = value.trim().split_once([' ', '\t'])?;
        if !scheme.eq_ignore_ascii_case("Digest") {
            return None;
        }
        let fields: Vec<(String, String)> = split_outside(rest, ',')
            .into_iter()
            .filter_map(|field| field.split_once('='))
            .map(|(name, value)| (name.trim().to_ascii_lowercase(), unquote(value.trim())))
            .collect();
        let get = |name: &str| fields.iter().find(|(n, _)| n == name).map(|(_, v)| v.clone());
        let algorithm = get("algorithm");
        let named = algorithm.as_deref().unwrap_or("MD5").to_ascii_uppercase();
        let (base, session) = match named.strip_suffix("-SESS") {
            Some(base) => (base, Session::Bound),
            None => (named.as_str(), Session::Plain),
        };
        let hash = match base {
            "MD5" => Hash::Md5,
            "SHA-256" | "SHA256" => Hash::Sha256,
            "SHA-512-256" => Hash::Sha512t256,
            _ => return None,
        };
        let qop = get("qop");
        let can_auth = |q: &String| q.split(',').any(|o| o.trim().eq_ignore_ascii_case("auth"));
        let qop_auth = qop.as_ref().is_some_and(can_auth);
        if qop.as_ref().is_some_and(|q| !q.trim().is_empty()) && !qop_auth {
            return None;
        }
        let stale = get("stale").is_some_and(|s| s.eq_ignore_ascii_case("true"));
        let (realm, nonce) = (get("realm")?, get("nonce")?);
        let opaque = get("opaque");
        Some(Self { place, realm, nonce, opaque, algorithm, hash, session, qop_auth, stale })
    }
}

/// Takes the quotes off; a backslash hides the next character (RFC 3261 §25.1).
fn unquote(value: &str) -> String {
    let Some(inner) = value.strip_prefix('"') else { return value.to_owned() };
    let inner = inner.strip_suffix('"').unwrap_or(inner);
    let (mut text, mut escaped) = (String::new(), false);
    for c in inner.chars() {
        if c == '\\' && !escaped {
            escaped = true;
        } else {
            text.push(c);
            escaped = false;
        }
    }
    text
}

fn quote(value: &str) -> String {
    let value: String = value.chars().filter(|c| !c.is_control()).collect();
    format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\""))
}

#[derive(Debug, Clone)]
struct Answered {
    challenge: Challenge,
    credentials: Credentials,
    /// Requests made with this nonce so far.
    count: u32,
    stale_seen: u32,
    asked: Asked,
}

/// Whether the realm has challenged the request that is being made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asked {
    NotYet,
    Already,
}

/// The challenges that one call has met, and what answers them.
#[derive(Debug, Clone, Default)]
pub(crate) struct AuthBook {
    answered: Vec<Answered>,
}

impl AuthBook {
    /// Takes in the challenges of a 401 or 407. `true` if a new request with [`Self::headers`] is worth sending:
    /// there is a challenge we hold credentials for and have not failed already.
    pub(crate) fn learn(&mut self, response: &Message, credentials: &[Credentials]) -> bool {
        let user = response.values("WWW-Authenticate").map(|v| (Place::User, v));
        let proxy = response.values("Proxy-Authenticate").map(|v| (Place::Proxy, v));
        let mut read: Vec<Challenge> = user
            .chain(proxy)
            .flat_map(|(place, line)| split_challenges(line).into_iter().map(move |v| (place, v)))
            .filter_map(|(place, value)| Challenge::read(place, &value))
            .collect();
        // The strongest algorithm of a realm is answered, one challenge per realm (RFC 8760 §2.4).
        read.sort_by_key(|c| c.hash != Hash::Sha512t256 && c.hash != Hash::Sha256);
        let mut seen: Vec<(Place, String)> = Vec::new();
        let mut worth = false;
        for challenge in read {
            let key = (challenge.place, challenge.realm.clone());
            if seen.contains(&key) {
                continue;
            }
            seen.push(key);
            worth |= self.take(challenge, credentials);
        }
        worth
    }

    fn take(&mut self, challenge: Challenge, credentials: &[Credentials]) -> bool {
        let same = |a: &&mut Answered| {
            a.challenge.place == challenge.place && a.challenge.realm == challenge.realm
        };
        if let Some(before) = self.answered.iter_mut().find(same) {
            // The same realm asks again for the same request: only an old nonce is worth another try.
            if before.asked == Asked::Already {
                if !challenge.stale || before.stale_seen >= MOST_STALE {
                    return false;
                }
                before.stale_seen += 1;
            }
            before.asked = Asked::Already;
            before.count = 0;
            before.challenge = challenge;
            return true;
        }
        let exact = credentials.iter().find(|c| c.realm.as_ref() == Some(&challenge.realm));
        let any = || credentials.iter().find(|c| c.realm.is_none());
        let Some(credentials) = exact.or_else(any).cloned() else { return false };
        let asked = Asked::Already;
        self.answered.push(Answered { challenge, credentials, count: 0, stale_seen: 0, asked });
        true
    }

    /// Another request begins: every realm may challenge it once, even with a nonce that is not marked stale.
    pub(crate) fn next_request(&mut self) {
        for answered in &mut self.answered {
            answered.asked = Asked::NotYet;
            answered.stale_seen = 0;
        }
    }

    /// Header names and values for the next request. `chance` gives the client nonce.
    pub(crate) fn headers(
        &mut self,
        method: &str,
        uri: &str,
        chance: &mut dyn FnMut() -> u64,
    ) -> Vec<(&'static str, String)> {
        self.answered
            .iter_mut()
            .map(|answered| {
                answered.count += 1;
                let cnonce = format!("{:016x}", chance());
                let name = match answered.challenge.place {
                    Place::User => "Authorization",
                    Place::Proxy => "Proxy-Authorization",
                };
                (name, authorization(answered, method, uri, &cnonce))
            })
            .collect()
    }
}

/// Splits a line that carries several challenges: a new one begins at an element with a scheme before its name.
fn split_challenges(line: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for field in split_outside(line, ',') {
        let name = field.split('=').next().unwrap_or("").trim();
        match found.last_mut() {
            Some(last) if !name.contains([' ', '\t']) => {
                last.push(',');
                last.push_str(field);
            }
            _ => found.push(field.trim().to_owned()),
        }
    }
    found
}

fn authorization(answered: &Answered, method: &str, uri: &str, cnonce: &str) -> String {
    let (challenge, who) = (&answered.challenge, &answered.credentials);
    let h = |text: String| hex(challenge.hash, text.as_bytes());
    let mut ha1 = h(format!("{}:{}:{}", who.user, challenge.realm, who.password.0));
    if challenge.session == Session::Bound {
        ha1 = h(format!("{ha1}:{}:{cnonce}", challenge.nonce));
    }
    let ha2 = h(format!("{method}:{uri}"));
    let nc = format!("{:08x}", answered.count);
    let response = if challenge.qop_auth {
        h(format!("{ha1}:{}:{nc}:{cnonce}:auth:{ha2}", challenge.nonce))
    } else {
        h(format!("{ha1}:{}:{ha2}", challenge.nonce))
    };
    let mut text = format!(
        "Digest username={}, realm={}, nonce={}, uri=\"{uri}\", response=\"{response}\"",
        quote(&who.user),
        quote(&challenge.realm),
        quote(&challenge.nonce)
    );
    if let Some(algorithm) = &challenge.algorithm {
        text.push_str(", algorithm=");
        text.push_str(algorithm);
    }
    if challenge.qop_auth {
        let _ = write!(text, ", cnonce=\"{cnonce}\", qop=auth, nc={nc}");
    } else if challenge.session == Session::Bound {
        let _ = write!(text, ", cnonce=\"{cnonce}\"");
    }
    if let Some(opaque) = &challenge.opaque {
        text.push_str(", opaque=");
        text.push_str(&quote(opaque));
    }
    text
}

fn hex(hash: Hash, bytes: &[u8]) -> String {
    let digest = match hash {
        Hash::Md5 => Md5::digest(bytes).to_vec(),
        Hash::Sha256 => Sha256::digest(bytes).to_vec(),
        Hash::Sha512t256 => Sha512_256::digest(bytes).to_vec(),
    };
    digest.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(challenge: &str, user: &str, password: &str) -> Answered {
        Answered {
            challenge: Challenge::read(Place::User, challenge).unwrap(),
            credentials: Credentials {
                realm: None,
                user: user.into(),
                password: Password::new(password),
            },
            count: 1,
            stale_seen: 0,
            asked: Asked::Already,
        }
    }

    #[test]
    fn the_example_of_rfc_2617_gives_6629fae4() {
        let challenge = "Digest realm=\"testrealm@host.com\", qop=\"auth,auth-int\", \
            nonce=\"dcd98b7102dd2f0e8b11d0f600bfb0c093\", opaque=\"5ccc069c403ebaf9f0171e9517f40e41\"";
        let text = authorization(
            &answered(challenge, "Mufasa", "Circle Of Life"),
            "GET",
            "/dir/index.html",
            "0a4f113b",
        );
        assert!(text.contains("response=\"6629fae49393a05397450978507c4ef1\""), "{text}");
        assert!(text.contains("qop=auth, nc=00000001"), "{text}");
        assert!(text.contains("opaque=\"5ccc069c403ebaf9f0171e9517f40e41\""), "{text}");
    }

    #[test]
    fn the_examples_of_rfc_7616_come_out_for_md5_and_sha_256() {
        for (algorithm, response) in [
            ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
            ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
        ] {
            let challenge = format!(
                "Digest realm=\"http-auth@example.org\", qop=\"auth, auth-int\", \
                 algorithm={algorithm}, nonce=\"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v\""
            );
            let text = authorization(
                &answered(&challenge, "Mufasa", "Circle of Life"),
                "GET",
                "/dir/index.html",
                "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
            );
            assert!(text.contains(&format!("response=\"{response}\"")), "{text}");
        }
    }

    #[test]
    fn sha_512_256_of_abc_is_the_value_of_fips_180_4() {
        let value = hex(Hash::Sha512t256, b"abc");
        assert_eq!(value, "53048e2681941ef99b2e29b76b4c7dabe4c2d0c634fc6d46e0e2f13107e7af23");
    }

    #[test]
    fn a_session_algorithm_binds_both_nonces_and_without_qop_nc_is_left_out() {
        let text = authorization(
            &answered("Digest realm=\"r\", nonce=\"n\", algorithm=MD5-sess", "u", "p"),
            "INVITE",
            "sip:1@h",
            "c",
        );
        let inner = hex(Hash::Md5, b"u:r:p");
        let ha1 = hex(Hash::Md5, format!("{inner}:n:c").as_bytes());
        let ha2 = hex(Hash::Md5, b"INVITE:sip:1@h");
        let response = hex(Hash::Md5, format!("{ha1}:n:{ha2}").as_bytes());
        assert!(text.contains(&format!("response=\"{response}\"")), "{text}");
        assert!(text.contains("cnonce=\"c\"") && !text.contains("nc="), "{text}");
    }

    #[test]
    fn the_tenth_request_counts_0000000a() {
        let mut tenth = answered("Digest realm=\"r\", nonce=\"n\", qop=\"auth\"", "u", "p");
        tenth.count = 10;
        assert!(authorization(&tenth, "BYE", "sip:1@h", "c").contains("nc=0000000a"));
    }

    #[test]
    fn what_we_cannot_compute_is_not_answered() {
        for challenge in [
            "Basic realm=\"r\"",
            "Digest realm=\"r\", nonce=\"n\", algorithm=AKAv1-MD5",
            "Digest realm=\"r\", nonce=\"n\", qop=\"auth-int\"",
            "Digest realm=\"r\"",
        ] {
            assert_eq!(Challenge::read(Place::User, challenge), None, "{challenge}");
        }
    }

    #[test]
    fn two_challenges_on_one_line_are_two() {
        let line = "Digest realm=\"a, b\", nonce=\"1\", Digest realm=\"c\", nonce=\"2\"";
        let found = split_challenges(line);
        assert_eq!(found.len(), 2, "{found:?}");
        assert_eq!(Challenge::read(Place::User, &found[0]).unwrap().realm, "a, b");
    }

    #[test]
    fn a_password_is_never_printed() {
        let credentials =
            Credentials { realm: None, user: "u".into(), password: Password::new("hunter2") };
        assert!(!format!("{credentials:?}").contains("hunter2"));
    }
}
