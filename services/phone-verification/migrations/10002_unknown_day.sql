-- The days, in Japan, for whose unknown persons something was sealed: derived from events of calls, gone once the day's key
-- is destroyed (OP-4).
CREATE TABLE phone_verification.unknown_day (
    jst_date date PRIMARY KEY
);

-- Calls from before this table; a day too many does no harm. A store elsewhere (KurrentDB) is not seen here.
DO $$
BEGIN
    IF to_regclass('store.event') IS NOT NULL THEN
        INSERT INTO phone_verification.unknown_day
        SELECT DISTINCT ((data::jsonb ->> 'called_at')::timestamptz AT TIME ZONE 'Asia/Tokyo')::date
        FROM store.event WHERE type = 'call.reported.v1';
    END IF;
END $$;
