-- A contract without end has none.
ALTER TABLE view.contract ALTER COLUMN period_end DROP NOT NULL;
