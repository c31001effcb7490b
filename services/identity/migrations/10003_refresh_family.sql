-- Which refresh tokens of a session are good (ID-16, docs/adr/0024): keyed hashes, as many as may be good at once. A row is
-- there from the session's first event to its end.
CREATE TABLE identity.refresh_family (
    session_id  uuid PRIMARY KEY,
    account_id  uuid NOT NULL,
    generation  bigint NOT NULL,
    predecessor bytea,
    successors  bytea[] NOT NULL,
    expires_at  timestamptz NOT NULL,
    ending      text
);
CREATE INDEX refresh_family_due ON identity.refresh_family (expires_at);
