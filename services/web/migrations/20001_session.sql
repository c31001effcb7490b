-- Web's own: who is logged in. No history, nothing that another service reads; a lost table costs everybody a login.
-- What a row holds is sealed under a key derived from the browser's cookie, of which the row has the SHA-256 alone: neither
-- a dump of this table nor the key of the settings opens it.

CREATE SCHEMA web;

CREATE TABLE web.session (
    session_id bytea PRIMARY KEY,
    created_at timestamptz NOT NULL,
    used_at timestamptz NOT NULL,
    sealed bytea NOT NULL
);
CREATE INDEX session_by_age ON web.session (created_at);
