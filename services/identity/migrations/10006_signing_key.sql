-- The keys that tokens and erasure certificates are signed with (docs/adr/0035). All instances agree on them by these rows;
-- whoever changes one holds the lock of `signing_keys.rs`.
CREATE TABLE identity.signing_key (
    -- RFC 7638 thumbprint of the public key.
    key_id         text        PRIMARY KEY,
    purpose        text        NOT NULL CHECK (purpose IN ('TOKENS', 'CERTIFICATES')),
    public_key     bytea       NOT NULL CHECK (octet_length(public_key) = 32),
    -- Sealed under a key derived of the service's pepper; none once the key signs no more.
    sealed_private bytea,
    announced_at   timestamptz NOT NULL,
    active_at      timestamptz NOT NULL,
    retiring_at    timestamptz,
    removed_at     timestamptz,
    -- The operator's request that made it or brought it forward.
    request_id     uuid,
    CHECK (active_at >= announced_at AND removed_at >= retiring_at)
);
-- One key of a purpose has no successor.
CREATE UNIQUE INDEX signing_key_last ON identity.signing_key (purpose) WHERE retiring_at IS NULL;
