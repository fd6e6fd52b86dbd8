-- Version 4. What an app or one of its users has set, or how far something of theirs has come: the
-- last value under each key. What the buckets hold is said in `row.rs`.
CREATE TABLE key_value (
    app    TEXT NOT NULL,
    bucket TEXT NOT NULL,
    key    TEXT NOT NULL,
    value  TEXT NOT NULL,
    PRIMARY KEY (app, bucket, key)
) WITHOUT ROWID;
INSERT INTO key_value (app, bucket, key, value) SELECT app, 'webhook', name, state FROM webhook;
DROP TABLE webhook;
