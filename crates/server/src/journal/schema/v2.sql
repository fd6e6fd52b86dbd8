-- Version 2. Each group commit is one row here, and is folded into the tables a moment later:
-- what is here is not in the tables, or only in parts. `body` is in the form of `batch.rs`; an
-- empty one stands after rows that are folded together. Once they are folded, a zero byte stands
-- there until all of them are deleted.
CREATE TABLE batch (
    id   INTEGER NOT NULL PRIMARY KEY,
    body BLOB    NOT NULL
);

-- Answers of a session that were folded together are one row. `request` is the highest of them,
-- `answers` how many they are; `body` has a line for each: the request, a tab, the answer.
CREATE TABLE answers (
    session TEXT    NOT NULL,
    request INTEGER NOT NULL,
    answers INTEGER NOT NULL,
    body    TEXT    NOT NULL
);
INSERT INTO answers SELECT session, request, 1, request || char(9) || body FROM answer;
DROP TABLE answer;
ALTER TABLE answers RENAME TO answer;
CREATE UNIQUE INDEX answer_request ON answer (session, request);
