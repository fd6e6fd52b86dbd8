-- Version 2. Each group commit is one row here, and is folded into the tables a moment later:
-- what is here is not in the tables, or only in parts. `body` is in the form of `batch.rs`.
CREATE TABLE batch (
    id   INTEGER NOT NULL PRIMARY KEY,
    body BLOB    NOT NULL
);
