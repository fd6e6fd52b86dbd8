-- Version 3. The feed of an app: what was appended to its calls, in order. `position` counts the
-- entries of all its logs, from 1; a row stands for those from there on. `body` says where each of
-- them is, in the form of `feed.rs`; `at` is the time of the last.
CREATE TABLE feed (
    app      TEXT    NOT NULL,
    position INTEGER NOT NULL,
    at       INTEGER NOT NULL,
    body     BLOB    NOT NULL,
    PRIMARY KEY (app, position)
) WITHOUT ROWID;
CREATE INDEX feed_at ON feed (at);

-- How far the deliveries to each webhook of an app have come, as JSON.
CREATE TABLE webhook (
    app   TEXT NOT NULL,
    name  TEXT NOT NULL,
    state TEXT NOT NULL,
    PRIMARY KEY (app, name)
) WITHOUT ROWID;
