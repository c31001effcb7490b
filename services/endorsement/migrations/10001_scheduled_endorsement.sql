-- Accepted requests whose instant is ahead. Derived from the service's own events and rebuilt from them; a row goes
-- when the request is in effect or over. Ids only, nothing personal.
CREATE SCHEMA IF NOT EXISTS endorsement;

CREATE TABLE endorsement.scheduled (
    endorsement_id uuid PRIMARY KEY,
    contract_id uuid NOT NULL,
    -- The event of the submission, which the recording of its taking effect follows from.
    submitted_event_id uuid NOT NULL,
    correlation_id uuid NOT NULL,
    traceparent text,
    due_at timestamptz NOT NULL
);

CREATE INDEX scheduled_due_at ON endorsement.scheduled (due_at, endorsement_id);
