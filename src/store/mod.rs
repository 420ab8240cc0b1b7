//! The store: ledger, records, judgments and audio; append-only.
