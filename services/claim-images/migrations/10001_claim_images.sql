-- Uploads on their way, and who refers to a stored original. Operational: ids, hashes and sealed names, nothing personal
-- in plaintext. What has become of a picture is in the events.
CREATE SCHEMA IF NOT EXISTS claim_images;

CREATE TABLE claim_images.upload (
    upload_id uuid PRIMARY KEY,
    -- The picture it becomes; known from the start, so that finishing twice records it once.
    image_id uuid NOT NULL,
    accident_id uuid NOT NULL,
    account_id uuid NOT NULL,
    subject_id uuid NOT NULL,
    category text NOT NULL,
    size_bytes bigint NOT NULL,
    -- A sealed field (docs/adr/0004), with the upload's id for an event id.
    file_name jsonb NOT NULL,
    -- Keyed hash of the request that started it: the same request id with other content is refused.
    payload_hash text NOT NULL,
    state text NOT NULL CHECK (state IN ('RECEIVING', 'FINISHED', 'ABORTED')),
    -- Of the whole, once an original may have been stored for it.
    sha256 bytea,
    expires_at timestamptz NOT NULL
);

CREATE INDEX upload_expires_at ON claim_images.upload (expires_at);
-- What is under way is counted from this alone.
CREATE INDEX upload_under_way ON claim_images.upload (account_id, expires_at) INCLUDE (size_bytes) WHERE state = 'RECEIVING';

-- Written before the original is stored, kept as long as a picture refers to it: originals are shared by content within
-- a subject, so one may only be dropped with the last that refers to it.
CREATE TABLE claim_images.original_use (
    subject_id uuid NOT NULL,
    sha256 bytea NOT NULL,
    image_id uuid NOT NULL,
    PRIMARY KEY (subject_id, sha256, image_id)
);
