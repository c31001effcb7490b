-- The public keys of what this service's relay signed and may still be on the bus. The private halves live in the processes
-- alone: each relay makes its own when it begins, and a new one now and then.
CREATE TABLE messaging.signing_key (
    service      text        NOT NULL,
    key_id       uuid        PRIMARY KEY,
    public_key   bytea       NOT NULL CHECK (octet_length(public_key) = 32),
    -- A key's life (docs/adr/0035), by this server's clock. It signs as soon as it is announced: see there why.
    announced_at timestamptz NOT NULL DEFAULT now(),
    active_at    timestamptz NOT NULL DEFAULT now(),
    -- From then on nothing more is signed with it.
    retiring_at  timestamptz,
    -- From then on all it signed has aged out of the stream; never, where the stream keeps messages for ever.
    removed_at   timestamptz,
    CHECK (active_at >= announced_at AND removed_at >= retiring_at)
);
CREATE INDEX signing_key_service ON messaging.signing_key (service, announced_at);

-- Messages and heartbeats on the bus that their source did not sign: nothing of them was applied. Holds nothing of their content.
CREATE TABLE messaging.rejected (
    rejected_id     bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    consumer        text        NOT NULL,
    source          text        NOT NULL,
    -- None of a heartbeat, which is in no stream.
    stream_sequence bigint,
    subject         text        NOT NULL,
    reason          text        NOT NULL CHECK (reason IN ('UNSIGNED', 'MALFORMED', 'ALTERED')),
    rejected_at     timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE UNIQUE INDEX rejected_once ON messaging.rejected (consumer, source, stream_sequence, subject, reason);
CREATE INDEX rejected_at ON messaging.rejected (rejected_at);
