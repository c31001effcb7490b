-- Messages that could not be applied for their content, and those of the same entity that wait behind them. Rows come in
-- the transaction that moves the consumer's cursor past them and go in the one that applies them or records why not.
-- Whoever touches them holds the subscription's row first, whose count tells a batch that there is nothing to ask.
ALTER TABLE messaging.subscription ADD COLUMN parked bigint NOT NULL DEFAULT 0 CHECK (parked >= 0);

CREATE TABLE messaging.parked (
    consumer        text        NOT NULL,
    source          text        NOT NULL,
    cursor          bytea       NOT NULL,
    event_id        uuid        NOT NULL,
    previous_cursor bytea,
    -- NULL where the payload does not say what it is about: nothing waits behind it.
    entity_id       uuid,
    subject         text        NOT NULL,
    -- The integration event as it came; its personal fields are sealed.
    payload         bytea       NOT NULL,
    traceparent     text,
    -- NULL while it only waits for an earlier message of its entity.
    error           text,
    attempts        integer     NOT NULL,
    first_at        timestamptz NOT NULL DEFAULT clock_timestamp(),
    last_at         timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (consumer, source, cursor),
    UNIQUE (consumer, source, event_id),
    FOREIGN KEY (consumer, source) REFERENCES messaging.subscription ON DELETE CASCADE,
    CHECK ((error IS NULL) = (attempts = 0))
);
CREATE INDEX parked_by_entity ON messaging.parked (consumer, source, entity_id, cursor);

-- Who decided what about parked messages, and why; kept when the messages are gone.
CREATE TABLE messaging.parking_decision (
    request_key  uuid        PRIMARY KEY,
    payload_hash text        NOT NULL,
    consumer     text        NOT NULL,
    source       text        NOT NULL,
    action       text        NOT NULL CHECK (action IN ('REPLAY', 'DISCARD')),
    -- NULL: everything that was parked there.
    event_id     uuid,
    cursor       bytea,
    entity_id    uuid,
    -- Of the message, when it was decided about.
    error        text,
    reason       text        NOT NULL,
    decided_by   text        NOT NULL,
    decided_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    applied      bigint      NOT NULL DEFAULT 0,
    failed       bigint      NOT NULL DEFAULT 0,
    finished_at  timestamptz
);
CREATE INDEX parking_decision_by_place ON messaging.parking_decision (consumer, source, decided_at);
