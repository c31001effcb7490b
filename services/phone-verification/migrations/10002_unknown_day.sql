-- The days, in Japan, for whose unknown persons something was sealed: derived from events of calls, gone once the day's key
-- is destroyed (OP-4).
CREATE TABLE phone_verification.unknown_day (
    jst_date date PRIMARY KEY
);
