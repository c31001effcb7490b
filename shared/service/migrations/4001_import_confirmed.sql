-- The newest row of the core system that said nothing else than what stands. Such a row records no event, and yet an older one
-- must not overwrite what it confirmed (EN-16). Ids and instants only, nothing personal.
CREATE TABLE service.import_confirmed (
    entity_id uuid PRIMARY KEY,
    as_of     timestamptz NOT NULL
);
