-- Version 4: where sleeping devices are woken. A device has one token to a slot: a provider, and
-- with APNs a kind. `state` is what the provider needs, as JSON.
CREATE TABLE push_token (
    app    TEXT NOT NULL,
    user   TEXT NOT NULL,
    device TEXT NOT NULL,
    slot   TEXT NOT NULL,
    state  TEXT NOT NULL,
    PRIMARY KEY (app, user, device, slot)
) WITHOUT ROWID;
