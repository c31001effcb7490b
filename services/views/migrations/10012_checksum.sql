-- Both checksums of a row from its columns as they are, in one pass: making text of every row took longer than building indexes.
CREATE OR REPLACE FUNCTION rebuild.checksum(generation text, of_table text, OUT row_count bigint, OUT checksum text)
    LANGUAGE plpgsql STABLE AS $$
BEGIN
    EXECUTE format(
        'SELECT count(*), coalesce(sum(hash_record_extended(r, 0)), 0) || ''.'' || coalesce(sum(hash_record_extended(r, 1)), 0)
           FROM %I.%I r', generation, of_table)
       INTO row_count, checksum;
END $$;
