-- How far each reaction to the service's own events has come: a cursor with the id of the event it stands on.
CREATE SCHEMA service;

CREATE TABLE service.reaction_checkpoint (
    reaction   text PRIMARY KEY,
    cursor     bytea NOT NULL CHECK (length(cursor) = 25),
    event_id   uuid NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT now()
);
