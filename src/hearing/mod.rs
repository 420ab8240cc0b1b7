//! Hearing: what is on the line, and when a person begins to speak.
