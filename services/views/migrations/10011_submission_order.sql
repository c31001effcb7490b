-- The submissions of an accident are read in order from an index, as its pictures are.
DROP INDEX view.submission_by_accident;
CREATE INDEX submission_by_accident ON view.submission (accident_id, sent_at, submission_id);
