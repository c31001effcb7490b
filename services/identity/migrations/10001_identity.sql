-- Operational state of identity: indexes that are rebuilt from events, and counters that lapse. No history, and no
-- personal value: user IDs stand as keyed hashes.
CREATE SCHEMA IF NOT EXISTS identity;

-- Which contracts an initial user ID may stand for (usually one; branches of one policy may share it).
CREATE TABLE identity.initial_credential (
    contract_id uuid PRIMARY KEY,
    user_key    uuid NOT NULL,
    verifier    jsonb NOT NULL,
    revision    bigint NOT NULL
);
CREATE INDEX initial_credential_by_user ON identity.initial_credential (user_key, contract_id);

-- Which account a user ID logs in to, with the hash to check before its stream is looked at.
CREATE TABLE identity.login_credential (
    account_id uuid PRIMARY KEY,
    user_key   uuid NOT NULL,
    password   jsonb NOT NULL,
    revision   bigint NOT NULL
);
CREATE INDEX login_credential_by_user ON identity.login_credential (user_key);

-- Failed attempts (ID-10). Unlogged: losing the counters in a crash of the server costs a few guesses, writing them
-- durably would cost every login a disk flush.
CREATE UNLOGGED TABLE identity.attempt (
    key           uuid PRIMARY KEY,
    failures      integer NOT NULL,
    blocked_until timestamptz NOT NULL,
    forget_at     timestamptz NOT NULL
);
CREATE INDEX attempt_to_forget ON identity.attempt (forget_at);
