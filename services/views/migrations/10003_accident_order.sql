-- Pages of accidents are read in order from an index, in either direction, instead of sorting all accidents for each: the keys
-- are the columns of the queries' ORDER BY, the claim number byte by byte wherever the database was made.
DROP INDEX view.accident_by_time;
CREATE INDEX accident_by_time ON view.accident (occurred_at, accident_id);
DROP INDEX view.accident_by_claim;
CREATE INDEX accident_by_claim ON view.accident (claim_number COLLATE "C", accident_id);
DROP INDEX view.accident_by_adjuster;
CREATE INDEX accident_by_adjuster ON view.accident (adjuster_id, occurred_at, accident_id);
