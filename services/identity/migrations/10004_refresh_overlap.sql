-- What each good token was issued for and when, and until when it is good beside another one that was used (ID-16,
-- docs/adr/0030). `successors` still names those that are good: the former release reads and writes it alone.
ALTER TABLE identity.refresh_family ADD COLUMN tokens jsonb;
