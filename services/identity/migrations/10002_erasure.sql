-- Which accounts see a subject, to find those that an erasure concerns (OP-4). Derived from registrations, refused ones
-- too: their e-mail address goes with the subject as well.
CREATE TABLE identity.account_subject (
    account_id uuid NOT NULL,
    subject_id uuid NOT NULL,
    PRIMARY KEY (subject_id, account_id)
);

-- Erasures that wait for a second person. A row stays when its request is decided, without an instant, so that a writer
-- who is late does not bring it back.
CREATE TABLE identity.pending_erasure (
    subject_id   uuid PRIMARY KEY,
    requested_at timestamptz,
    revision     bigint NOT NULL
);
CREATE INDEX pending_erasure_by_time ON identity.pending_erasure (requested_at, subject_id)
    WHERE requested_at IS NOT NULL;
