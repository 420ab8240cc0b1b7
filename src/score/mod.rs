//! Scoring: judgments in, KSQI with its coverage and bounds out, in exact integers.
