-- Generations of the read models (docs/adr/0014). Schema `view` is what queries read; a run (a rebuild or an audit) fills a
-- second generation, schema `view_next`, with the same tables. Switching gives the schemas each other's names. Tables that a
-- later migration adds to `view` belong to the next generation too: it is made after what `view` has.

-- Beside what was asked (10001), what became of it. At most one runs; rows of those that ended are kept.
CREATE TABLE rebuild.run (
    request_key uuid PRIMARY KEY REFERENCES rebuild.asked,
    number bigint GENERATED ALWAYS AS IDENTITY,
    kind text NOT NULL CHECK (kind IN ('REBUILD', 'AUDIT')),
    state text NOT NULL CHECK (state IN ('FILLING', 'COMPARING', 'SWITCHING', 'DONE', 'CANCELLED', 'FAILED')),
    failure text,
    started_at timestamptz NOT NULL,
    ended_at timestamptz
);
CREATE UNIQUE INDEX one_run_at_a_time ON rebuild.run ((true)) WHERE ended_at IS NULL;

-- What a run found, table by table, at one set of cursors.
CREATE TABLE rebuild.compared (
    request_key uuid NOT NULL REFERENCES rebuild.run,
    table_name text NOT NULL,
    serving_rows bigint NOT NULL,
    rebuilt_rows bigint NOT NULL,
    serving_checksum text NOT NULL,
    rebuilt_checksum text NOT NULL,
    differing_rows bigint NOT NULL,
    PRIMARY KEY (request_key, table_name)
);

-- Which rows, by primary key, the first few of each table. Keys and names of columns only: never a value.
CREATE TABLE rebuild.differing_row (
    request_key uuid NOT NULL REFERENCES rebuild.run,
    table_name text NOT NULL,
    row_key text NOT NULL,
    difference text NOT NULL CHECK (difference IN ('MISSING', 'UNEXPECTED', 'CHANGED')),
    columns text[] NOT NULL,
    PRIMARY KEY (request_key, table_name, row_key)
);

-- The canonical dump of a generation: every row of every table as text, in an order of its own. Values are opened, and no
-- column says when something arrived here, so two generations that applied the same events dump the same.
CREATE FUNCTION rebuild.dump(generation text) RETURNS TABLE (table_name text, content text)
    LANGUAGE plpgsql STABLE SET timezone TO 'UTC' AS $$
BEGIN
    FOR table_name IN SELECT tablename FROM pg_tables WHERE schemaname = generation ORDER BY tablename COLLATE "C" LOOP
        RETURN QUERY EXECUTE format(
            'SELECT %L::text, r.content FROM (SELECT row_to_json(t)::text AS content FROM %I.%I t) r
              ORDER BY r.content COLLATE "C"',
            table_name, generation, table_name);
    END LOOP;
END $$;

-- Rows of a table and a checksum that does not depend on their order.
CREATE FUNCTION rebuild.checksum(generation text, of_table text, OUT row_count bigint, OUT checksum text)
    LANGUAGE plpgsql STABLE SET timezone TO 'UTC' AS $$
BEGIN
    EXECUTE format(
        'SELECT count(*), coalesce(sum(hashtextextended(r::text, 0)), 0) || ''.'' || coalesce(sum(hashtextextended(r::text, 1)), 0)
           FROM %I.%I r', generation, of_table)
       INTO row_count, checksum;
END $$;
