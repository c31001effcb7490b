-- One key per person or company, wrapped by the master key. The row of a destroyed key stays as a tombstone and keeps
-- its place in the unique index: no new key can ever be made for an erased subject, also not by a writer racing with
-- the erasure.
CREATE SCHEMA IF NOT EXISTS keyring;

CREATE TABLE keyring.subject_key (
    key_id        uuid        PRIMARY KEY,
    subject_id    uuid        NOT NULL UNIQUE,
    master_key_id text        NOT NULL,
    nonce         bytea       NOT NULL,
    wrapped       bytea       NOT NULL,
    created_at    timestamptz NOT NULL DEFAULT now(),
    destroyed_at  timestamptz,
    CONSTRAINT either_wrapped_or_destroyed CHECK (
        (destroyed_at IS NULL AND octet_length(nonce) = 24 AND octet_length(wrapped) = 48)
        OR (destroyed_at IS NOT NULL AND octet_length(nonce) = 0 AND octet_length(wrapped) = 0)
    )
);
