-- The event store (docs/adr/0001, Format). The order of events is (epoch, xid, position); an event may be read in that
-- order once no transaction that could still commit before it is left.

CREATE SCHEMA store;

-- Which run of transaction ids this is. A dump restored into another instance, or a promoted standby, restarts or repeats
-- them; the epoch then rises, so that what follows sorts after everything that was.
CREATE TABLE store.epoch (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    epoch bigint NOT NULL,
    system_identifier bigint NOT NULL,
    timeline text NOT NULL
);

INSERT INTO store.epoch (epoch, system_identifier, timeline)
SELECT 1, system_identifier, substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8) FROM pg_control_system();

-- One row per stream: what an append locks and compares.
CREATE TABLE store.stream_head (
    stream text PRIMARY KEY,
    revision bigint NOT NULL
) WITH (fillfactor = 80);

CREATE SEQUENCE store.event_position;

CREATE TABLE store.event (
    epoch bigint NOT NULL,
    xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
    position bigint NOT NULL DEFAULT nextval('store.event_position'),
    stream text NOT NULL,
    revision bigint NOT NULL CHECK (revision >= 0),
    event_id uuid NOT NULL,
    request_key uuid NOT NULL,
    request_index integer NOT NULL,
    type text NOT NULL,
    data json NOT NULL,
    metadata json NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT event_order PRIMARY KEY (epoch, xid, position),
    CONSTRAINT event_revision UNIQUE (stream, revision),
    CONSTRAINT event_request UNIQUE (stream, request_key, request_index),
    CONSTRAINT event_identity UNIQUE (event_id)
);

ALTER SEQUENCE store.event_position OWNED BY store.event.position;

-- Advisory locks are per database, so one constant serves every service.
CREATE FUNCTION store.epoch_lock() RETURNS bigint LANGUAGE sql IMMUTABLE AS 'SELECT 7881706582437062656';

-- Called on every new connection, before anything is appended on it. Refuses an empty epoch table: a restore that has
-- not finished.
CREATE FUNCTION store.enter_instance() RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    here_system bigint;
    here_timeline text := substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8);
    known store.epoch%ROWTYPE;
BEGIN
    SELECT c.system_identifier INTO STRICT here_system FROM pg_control_system() c;
    SELECT * INTO STRICT known FROM store.epoch;
    IF known.system_identifier = here_system AND known.timeline = here_timeline THEN
        RETURN known.epoch;
    END IF;
    -- Appends hold this lock shared: none that still carries the old epoch can commit after the new one is there.
    PERFORM pg_advisory_xact_lock(store.epoch_lock());
    SELECT * INTO STRICT known FROM store.epoch;
    IF known.system_identifier = here_system AND known.timeline = here_timeline THEN
        RETURN known.epoch;
    END IF;
    UPDATE store.epoch e SET epoch = e.epoch + 1, system_identifier = here_system, timeline = here_timeline;
    RETURN known.epoch + 1;
END
$$;

-- Appends many items, each all or nothing, each answered for itself: 'appended', 'conflict' or 'duplicate'. An item
-- names a stream and the revision its caller has read last (-1: none); events name their item by its place in `streams`.
--
-- The expected revision must have been read from committed events before this transaction began: then its transaction id
-- is higher than that of the events it follows, and the order of the stream is the order of the store.
CREATE FUNCTION store.append(
    streams text[], expected bigint[],
    items integer[], ids uuid[], request_keys uuid[], request_indexes integer[],
    types text[], datas text[], metadatas text[]
) RETURNS TABLE (
    item integer, outcome text, revision bigint, epoch bigint, xid xid8, positions bigint[], recorded_at timestamptz
) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    head record;
    current_epoch bigint;
BEGIN
    PERFORM pg_advisory_xact_lock_shared(store.epoch_lock());
    SELECT e.epoch INTO STRICT current_epoch FROM store.epoch e;

    -- Always in the same order, so that two calls over the same streams cannot wait for each other.
    FOR head IN
        SELECT i.stream, bool_or(i.expected = -1) AS may_be_new
        FROM unnest(streams, expected) AS i (stream, expected) GROUP BY i.stream ORDER BY i.stream
    LOOP
        IF head.may_be_new THEN
            INSERT INTO store.stream_head (stream, revision) VALUES (head.stream, -1) ON CONFLICT DO NOTHING;
        END IF;
        PERFORM FROM store.stream_head h WHERE h.stream = head.stream FOR UPDATE;
    END LOOP;

    FOR place IN 1 .. cardinality(streams) LOOP
        item := place;
        outcome := 'appended'; epoch := current_epoch; xid := NULL; positions := NULL; recorded_at := clock_timestamp();
        SELECT h.revision INTO revision FROM store.stream_head h WHERE h.stream = streams[place];
        revision := coalesce(revision, -1);

        IF EXISTS (
            SELECT FROM store.event e
            WHERE e.stream = streams[place] AND e.request_key IN (
                SELECT n.request_key FROM unnest(items, request_keys) AS n (item, request_key) WHERE n.item = append.item
            )
        ) THEN
            outcome := 'duplicate';
        ELSIF revision <> expected[item] THEN
            outcome := 'conflict';
        ELSE
            xid := pg_current_xact_id();
            WITH given AS (
                SELECT n.*, row_number() OVER (ORDER BY n.number) AS step
                FROM unnest(items, ids, request_keys, request_indexes, types, datas, metadatas) WITH ORDINALITY
                    AS n (item, event_id, request_key, request_index, type, data, metadata, number)
                WHERE n.item = append.item ORDER BY n.number
            ), placed AS (
                SELECT nextval('store.event_position') AS position, g.* FROM given g
            ), inserted AS (
                INSERT INTO store.event (epoch, xid, position, stream, revision, event_id, request_key, request_index,
                    type, data, metadata, recorded_at)
                SELECT append.epoch, append.xid, p.position, streams[place], append.revision + p.step, p.event_id,
                    p.request_key, p.request_index, p.type, p.data::json, p.metadata::json, append.recorded_at
                FROM placed p
                RETURNING position
            )
            SELECT array_agg(i.position ORDER BY i.position) INTO STRICT positions FROM inserted i;
            IF positions IS NULL THEN
                RAISE EXCEPTION 'an append without events to %', streams[place];
            END IF;
            revision := revision + cardinality(positions);
            UPDATE store.stream_head h SET revision = append.revision WHERE h.stream = streams[place];
        END IF;
        RETURN NEXT;
    END LOOP;
END
$$;
