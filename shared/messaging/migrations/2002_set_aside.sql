-- Events of this service's own store that one of its followers could not carry: the relay could not publish it, or a reaction
-- could not handle it. Written before the follower's checkpoint passes the event, so that none is passed over unnoted.
CREATE TABLE messaging.set_aside (
    -- 'relay', or 'reaction:<name>'.
    follower       text        NOT NULL,
    event_id       uuid        NOT NULL,
    cursor         bytea       NOT NULL,
    -- As stored; an unreadable one may be no name of ours.
    stream         text        NOT NULL,
    revision       bigint      NOT NULL,
    entity_id      uuid,
    event_type     text        NOT NULL,
    reason         text        NOT NULL CHECK (reason IN ('UNREADABLE', 'UNPUBLISHABLE', 'TOO_LARGE', 'UNHANDLED')),
    -- Holds no value of the event.
    error          text        NOT NULL,
    -- The last event of the stream that a reaction has passed since; it waits to be handled. Of the relay, the event's own.
    waits_to       bigint      NOT NULL,
    attempts       integer     NOT NULL DEFAULT 1,
    first_at       timestamptz NOT NULL DEFAULT clock_timestamp(),
    last_at        timestamptz NOT NULL DEFAULT clock_timestamp(),
    -- Carried after all, or given up; kept with who decided, and why.
    settled_at     timestamptz,
    settled_by     text,
    settled_reason text,
    PRIMARY KEY (follower, event_id)
);
CREATE INDEX set_aside_open ON messaging.set_aside (cursor, follower) WHERE settled_at IS NULL;

-- What a source put in the place of an event that it cannot publish: there is no payload, the feed is asked for it again.
ALTER TABLE messaging.parked ADD COLUMN withheld boolean NOT NULL DEFAULT false;
