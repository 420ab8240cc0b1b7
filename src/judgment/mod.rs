//! Judgment: facts of a call in, one judgment for each of the 16 CTQ items out.
