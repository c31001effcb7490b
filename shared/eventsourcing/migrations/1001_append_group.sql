-- Group commit (docs/adr/0012): appends that arrive together share one transaction. It does in a few statements over all
-- items what store.append did item by item; that one stays for processes of the release before.

-- An item is one append, all or nothing, to the stream at place `heads` of `streams`, which are distinct and in byte order;
-- `beginnings` is the revision that a new stream would have after the first item that expects none (null: no such item).
-- `sizes` counts an item's events; these name their item by its place, in ascending order, and carry the revision that
-- they get if the item is appended. No item is without events.
--
-- Answers each item: 0 appended, `revisions` says where its stream stands then; 1 conflict, `revisions` says where it
-- stands (-1: there is none); 2 the request has written to that stream before; 3 another transaction has the stream, or
-- there is none: ask again with `wait`. `positions` are those of all events appended, in their order.
--
-- The expected revision must have been read from committed events before this transaction began, or be that of an
-- earlier item of the same call: then the order of the stream is the order of the store (docs/adr/0001).
CREATE FUNCTION store.append_group(
    wait boolean,
    streams text[], beginnings bigint[],
    heads integer[], expected bigint[], sizes integer[],
    items integer[], event_streams text[], event_revisions bigint[], ids uuid[], request_keys uuid[],
    request_indexes integer[], types text[], datas text[], metadatas text[],
    OUT epoch bigint, OUT xid xid8, OUT recorded_at timestamptz,
    OUT outcomes integer[], OUT revisions bigint[], OUT positions bigint[]
) LANGUAGE plpgsql
-- A plan made while the tables were small must still be right when they hold millions of rows: always by index.
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off
AS $$
#variable_conflict use_variable
DECLARE
    nothing text;
    fresh text[];
    next_fresh integer := 1;
    found_at integer[];
    found bigint[];
    stood bigint[] := array_fill(NULL::bigint, ARRAY[cardinality(streams)]);
    stands bigint[];
    head bigint;
    conflicts integer[];
    again integer;
BEGIN
    -- An assignment, not a PERFORM: it needs no plan. The epoch is read by a later statement, as it must be.
    nothing := pg_advisory_xact_lock_shared(store.epoch_lock());
    SELECT e.epoch INTO STRICT epoch FROM store.epoch e;

    -- New streams get their head as if their first item were all. Both here and below streams are taken in byte order, so
    -- that two groups cannot wait for each other.
    IF -1 = ANY (expected) THEN
        WITH inserted AS (
            INSERT INTO store.stream_head AS h (stream, revision)
            SELECT n.stream, n.beginning FROM unnest(streams, beginnings) AS n (stream, beginning)
            WHERE n.beginning IS NOT NULL
            ON CONFLICT DO NOTHING RETURNING h.stream
        )
        SELECT array_agg(i.stream) INTO fresh FROM inserted i;
    END IF;
    -- A head that another transaction holds must not hold up the others of this group.
    IF fresh IS NULL OR cardinality(fresh) < cardinality(streams) THEN
        IF wait THEN
            SELECT array_agg(l.place), array_agg(l.revision) INTO found_at, found FROM (
                SELECT n.place, h.revision FROM unnest(streams) WITH ORDINALITY AS n (stream, place)
                JOIN store.stream_head h ON h.stream = n.stream ORDER BY n.place FOR UPDATE OF h
            ) l;
        ELSE
            SELECT array_agg(l.place), array_agg(l.revision) INTO found_at, found FROM (
                SELECT n.place, h.revision FROM unnest(streams) WITH ORDINALITY AS n (stream, place)
                JOIN store.stream_head h ON h.stream = n.stream ORDER BY n.place FOR UPDATE OF h SKIP LOCKED
            ) l;
        END IF;
        FOR k IN 1 .. coalesce(cardinality(found_at), 0) LOOP
            stood[found_at[k]] := found[k];
        END LOOP;
    END IF;
    stands := stood;
    IF fresh IS NOT NULL THEN
        FOR place IN 1 .. cardinality(streams) LOOP
            IF streams[place] = fresh[next_fresh] THEN
                stood[place] := beginnings[place];
                stands[place] := -1;
                next_fresh := next_fresh + 1;
            END IF;
        END LOOP;
    END IF;

    -- One item after the other, so that a second one on a stream is judged after the first.
    outcomes := array_fill(0, ARRAY[cardinality(heads)]);
    revisions := expected;
    FOR item IN 1 .. cardinality(heads) LOOP
        head := stands[heads[item]];
        IF head IS NULL AND NOT wait THEN
            outcomes[item] := 3;
        ELSIF head = expected[item] THEN
            head := head + sizes[item];
            stands[heads[item]] := head;
            revisions[item] := head;
        ELSE
            outcomes[item] := 1;
            revisions[item] := coalesce(head, -1);
            conflicts := conflicts || item;
        END IF;
    END LOOP;

    recorded_at := clock_timestamp();
    IF 0 = ANY (outcomes) THEN
        xid := pg_current_xact_id();
        WITH inserted AS (
            INSERT INTO store.event AS e (epoch, xid, position, stream, revision, event_id, request_key, request_index,
                type, data, metadata, recorded_at)
            SELECT epoch, xid, nextval('store.event_position'), n.stream, n.revision, n.event_id, n.request_key,
                n.request_index, n.type, n.data::json, n.metadata::json, recorded_at
            FROM unnest(items, event_streams, event_revisions, ids, request_keys, request_indexes, types, datas, metadatas)
                AS n (item, stream, revision, event_id, request_key, request_index, type, data, metadata)
            WHERE outcomes[n.item] = 0
            RETURNING e.position
        )
        SELECT array_agg(i.position ORDER BY i.position) INTO STRICT positions FROM inserted i;
        IF stands <> stood THEN
            UPDATE store.stream_head h SET revision = n.revision
            FROM unnest(streams, stands, stood) AS n (stream, revision, stood)
            WHERE h.stream = n.stream AND n.revision <> n.stood;
        END IF;
    END IF;

    -- Only of those in conflict: where the revision is the expected one, the unique key has the last word.
    IF conflicts IS NOT NULL THEN
        FOR again IN
            SELECT DISTINCT n.item FROM unnest(items, event_streams, request_keys) AS n (item, stream, request_key)
            JOIN store.event e ON e.stream = n.stream AND e.request_key = n.request_key
            WHERE n.item = ANY (conflicts)
        LOOP
            outcomes[again] := 2;
        END LOOP;
    END IF;
END
$$;
