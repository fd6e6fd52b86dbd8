-- Version 1. Times are Unix milliseconds, calls the 16 bytes of their id, bodies JSON.

-- One row per append: `body` is the array of entries, `at` the time of the last of them.
-- `ended`: the call is over after these.
CREATE TABLE log (
    call      BLOB    NOT NULL,
    first_seq INTEGER NOT NULL,
    app       TEXT    NOT NULL,
    at        INTEGER NOT NULL,
    ended     INTEGER NOT NULL,
    body      TEXT    NOT NULL
);
CREATE UNIQUE INDEX log_call ON log (call, first_seq);
CREATE INDEX log_ended ON log (at) WHERE ended = 1;

-- Calls that are not over: what a restart brings back without reading the history.
CREATE TABLE live (
    call BLOB NOT NULL PRIMARY KEY
) WITHOUT ROWID;

CREATE TABLE session (
    id       TEXT    NOT NULL PRIMARY KEY,
    app      TEXT    NOT NULL,
    user     TEXT    NOT NULL,
    device   TEXT    NOT NULL,
    name     TEXT,
    platform TEXT,
    at       INTEGER NOT NULL
) WITHOUT ROWID;

-- Bodies are appended; only the small index is written here and there, at half the cost of
-- bodies in the order of sessions.
CREATE TABLE answer (
    session TEXT    NOT NULL,
    request INTEGER NOT NULL,
    body    TEXT    NOT NULL
);
CREATE UNIQUE INDEX answer_request ON answer (session, request);

CREATE TABLE user (
    app  TEXT    NOT NULL,
    user TEXT    NOT NULL,
    uid  INTEGER NOT NULL,
    name TEXT,
    at   INTEGER NOT NULL,
    PRIMARY KEY (app, user)
) WITHOUT ROWID;

-- `users` is the array of the users with a leg, so that a sweep finds them.
CREATE TABLE record (
    app        TEXT    NOT NULL,
    serial     INTEGER NOT NULL,
    call       BLOB    NOT NULL,
    created_at INTEGER NOT NULL,
    ended_at   INTEGER NOT NULL,
    reason     TEXT    NOT NULL,
    users      TEXT    NOT NULL,
    body       TEXT    NOT NULL
);
CREATE UNIQUE INDEX record_serial ON record (app, serial);
CREATE INDEX record_ended ON record (ended_at);

CREATE TABLE leg (
    app     TEXT    NOT NULL,
    user    TEXT    NOT NULL,
    serial  INTEGER NOT NULL,
    outcome TEXT    NOT NULL,
    missed  INTEGER NOT NULL,
    PRIMARY KEY (app, user, serial)
) WITHOUT ROWID;
CREATE INDEX leg_missed ON leg (app, user, serial) WHERE missed = 1;

-- The highest serial given, which outlives the records.
CREATE TABLE serial (
    app  TEXT    NOT NULL PRIMARY KEY,
    last INTEGER NOT NULL
) WITHOUT ROWID;
