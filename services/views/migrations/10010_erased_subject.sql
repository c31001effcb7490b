-- Whose rows are kept out of the views for good (OP-4), whatever is told of them later or read again in a rebuild. No view:
-- ids alone, kept when views are rebuilt.
CREATE SCHEMA erasure;

CREATE TABLE erasure.subject (
    subject_id uuid PRIMARY KEY,
    erased_at  timestamptz NOT NULL
);
