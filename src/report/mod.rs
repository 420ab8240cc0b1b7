//! Reports: terminal and self-contained HTML.
