//! The SIP user agent (RFC 3261): wire normaliser, transactions, dialogs, digest, SDP.
