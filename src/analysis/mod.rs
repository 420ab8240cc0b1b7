//! Analysis: recordings worked up into hearing, transcript, facts and judgments.
