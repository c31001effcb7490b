-- Operational state of the relay and the subscriptions of one service: who is active, and how far it came.
CREATE SCHEMA IF NOT EXISTS messaging;

-- One row per thing that may run once at a time. The fence grows with every hand-over.
CREATE TABLE messaging.lease (
    name       text        PRIMARY KEY,
    holder     uuid        NOT NULL,
    fence      bigint      NOT NULL,
    expires_at timestamptz NOT NULL
);

-- How far the relay followed the store, and the last event it sent. Written after JetStream's acknowledgement.
CREATE TABLE messaging.relay_checkpoint (
    service            text        PRIMARY KEY,
    fence              bigint      NOT NULL,
    scanned_cursor     bytea       NOT NULL,
    scanned_event_id   uuid        NOT NULL,
    published_cursor   bytea,
    published_event_id uuid,
    updated_at         timestamptz NOT NULL DEFAULT clock_timestamp(),
    CHECK ((published_cursor IS NULL) = (published_event_id IS NULL))
);

-- How far a consumer applied a source; changed only in the transaction that applied it.
-- stream_sequence is a hint where to start reading JetStream; stopped says why an operator is needed.
CREATE TABLE messaging.subscription (
    consumer        text        NOT NULL,
    source          text        NOT NULL,
    cursor          bytea,
    event_id        uuid,
    stream_sequence bigint,
    stopped         text,
    updated_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (consumer, source),
    CHECK ((cursor IS NULL) = (event_id IS NULL))
);
