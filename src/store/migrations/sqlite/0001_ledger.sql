-- The ledger, the records and everything derived from them. Times are RFC 3339 in UTC; `due_us` is microseconds since
-- 1970 so that it sorts. JSON columns hold the vocabulary types; their version stands beside them.
PRAGMA application_id = 1129337426; -- "CPRR"
PRAGMA user_version = 1;

CREATE TABLE campaign (
    id      TEXT PRIMARY KEY,
    spec    TEXT NOT NULL,
    seed    INTEGER NOT NULL,
    created TEXT NOT NULL
) STRICT;

CREATE TABLE center (
    campaign TEXT NOT NULL REFERENCES campaign (id),
    id       TEXT NOT NULL,
    position INTEGER NOT NULL,
    center   TEXT NOT NULL,
    PRIMARY KEY (campaign, id)
) STRICT;

CREATE TABLE unit (
    id       TEXT PRIMARY KEY,
    campaign TEXT NOT NULL,
    center   TEXT NOT NULL,
    due_us   INTEGER NOT NULL,
    replaces TEXT UNIQUE REFERENCES unit (id),
    state    TEXT NOT NULL DEFAULT 'planned' CHECK (state IN ('planned', 'running', 'done', 'replaced')),
    note     TEXT,
    plan     TEXT NOT NULL,
    FOREIGN KEY (campaign, center) REFERENCES center (campaign, id)
) STRICT;
CREATE INDEX unit_by_due ON unit (campaign, state, due_us);

CREATE TABLE attempt (
    unit        TEXT NOT NULL REFERENCES unit (id),
    number      INTEGER NOT NULL CHECK (number >= 1),
    call        TEXT NOT NULL UNIQUE,
    sip_call_id TEXT NOT NULL UNIQUE,
    state       TEXT NOT NULL DEFAULT 'dialling' CHECK (state IN ('dialling', 'ended', 'aborted')),
    opened      TEXT NOT NULL,
    trunk       TEXT NOT NULL,
    dialled     TEXT NOT NULL,
    domain      TEXT NOT NULL,
    provenance  TEXT NOT NULL,
    from_tag    TEXT,
    branch      TEXT,
    dialog      TEXT,
    PRIMARY KEY (unit, number)
) STRICT;
-- Two INVITEs of one unit never run at once, whoever asks.
CREATE UNIQUE INDEX one_running_attempt ON attempt (unit) WHERE state = 'dialling';

CREATE TABLE record (
    call     TEXT PRIMARY KEY REFERENCES attempt (call),
    version  INTEGER NOT NULL,
    record   TEXT NOT NULL,
    pcm_hash TEXT,
    wav      TEXT,
    sidecar  TEXT,
    stored   TEXT NOT NULL
) STRICT;
CREATE TRIGGER record_is_never_edited BEFORE UPDATE ON record
BEGIN SELECT RAISE(ABORT, 'records are append-only'); END;
CREATE TRIGGER record_is_never_deleted BEFORE DELETE ON record
BEGIN SELECT RAISE(ABORT, 'records are append-only'); END;
-- An attempt that has ended stays as it ended, and no attempt is ever forgotten.
CREATE TRIGGER ended_attempt_is_never_edited BEFORE UPDATE ON attempt WHEN OLD.state <> 'dialling'
BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
CREATE TRIGGER attempt_is_never_deleted BEFORE DELETE ON attempt
BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;

-- Derived from the records: may be made again at any time, keyed by what made it.
CREATE TABLE fingerprints (
    call     TEXT NOT NULL REFERENCES attempt (call),
    producer TEXT NOT NULL,
    prints   BLOB NOT NULL,
    PRIMARY KEY (call, producer)
) STRICT;

CREATE TABLE hearing (
    call     TEXT NOT NULL REFERENCES attempt (call),
    producer TEXT NOT NULL,
    made     INTEGER NOT NULL,
    hearing  TEXT NOT NULL,
    PRIMARY KEY (call, producer)
) STRICT;

CREATE TABLE transcript (
    call       TEXT NOT NULL REFERENCES attempt (call),
    model      TEXT NOT NULL,
    made       INTEGER NOT NULL,
    transcript TEXT NOT NULL,
    PRIMARY KEY (call, model)
) STRICT;

CREATE TABLE prompt (
    center TEXT NOT NULL,
    prompt INTEGER NOT NULL,
    record TEXT NOT NULL,
    PRIMARY KEY (center, prompt)
) STRICT;

-- A judging run: the judgments of its units replace those of earlier runs, which stay for comparison.
CREATE TABLE judging (
    id       INTEGER PRIMARY KEY AUTOINCREMENT,
    campaign TEXT NOT NULL REFERENCES campaign (id),
    producer TEXT NOT NULL,
    begun    TEXT NOT NULL
) STRICT;

CREATE TABLE facts (
    unit    TEXT NOT NULL REFERENCES unit (id),
    judging INTEGER NOT NULL REFERENCES judging (id),
    facts   TEXT NOT NULL,
    PRIMARY KEY (unit, judging)
) STRICT;

-- `judging` is null for a person's judgment: it belongs to no run and survives all of them.
CREATE TABLE judgment (
    id       INTEGER PRIMARY KEY AUTOINCREMENT,
    unit     TEXT NOT NULL REFERENCES unit (id),
    item     TEXT NOT NULL,
    judging  INTEGER REFERENCES judging (id),
    judgment TEXT NOT NULL,
    onset_us INTEGER,
    made     TEXT NOT NULL,
    UNIQUE (unit, item, judging)
) STRICT;
CREATE INDEX judgment_by_unit ON judgment (unit, judging);
CREATE TRIGGER judgment_is_never_edited BEFORE UPDATE ON judgment
BEGIN SELECT RAISE(ABORT, 'judgments are append-only'); END;
CREATE TRIGGER judgment_is_never_deleted BEFORE DELETE ON judgment
BEGIN SELECT RAISE(ABORT, 'judgments are append-only'); END;
