-- Attempts on one credential (ID-10, docs/adr/0034): what was guessed, what is being checked, who waits. `mark` changes with
-- each write: two replicas do not overwrite each other. Unlogged, as the counters were: losing it in a crash of the server
-- costs a few guesses, writing it durably would cost every login a disk flush.
DROP TABLE identity.attempt;
CREATE UNLOGGED TABLE identity.credential_attempts (
    credential uuid PRIMARY KEY,
    mark       uuid NOT NULL,
    attempts   jsonb NOT NULL,
    forget_at  timestamptz NOT NULL
);
CREATE INDEX credential_attempts_to_forget ON identity.credential_attempts (forget_at);

-- On how many names a source has failed within a day.
CREATE UNLOGGED TABLE identity.source_failures (
    source    uuid PRIMARY KEY,
    names     integer NOT NULL,
    since     timestamptz NOT NULL
);
CREATE INDEX source_failures_to_forget ON identity.source_failures (since);

-- Addresses that logins of an account were completed from: a keyed hash of both, a few of each account.
CREATE TABLE identity.known_address (
    account_id uuid NOT NULL,
    address    uuid NOT NULL,
    seen_at    timestamptz NOT NULL,
    PRIMARY KEY (account_id, address)
);
CREATE INDEX known_address_to_forget ON identity.known_address (seen_at);
