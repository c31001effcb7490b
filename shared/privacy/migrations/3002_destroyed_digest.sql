-- What an erasure certificate says of the key that was destroyed (docs/adr/0015): a digest of the key itself, taken before
-- its bytes went. Absent where no key had been made, and for keys destroyed before this column.
ALTER TABLE keyring.subject_key
    ADD COLUMN digest bytea,
    ADD CONSTRAINT digest_of_a_destroyed_key CHECK (
        digest IS NULL OR (destroyed_at IS NOT NULL AND octet_length(digest) = 32)
    );

-- Finding what is left under another master key while keys are wrapped anew.
CREATE INDEX subject_key_by_master_key ON keyring.subject_key (master_key_id, key_id) WHERE destroyed_at IS NULL;
