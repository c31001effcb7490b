-- Contracts on which a change of ours may differ from the core system. Derived from the service's own events and rebuilt from
-- them; ids only, nothing personal.
CREATE TABLE endorsement.differing (
    contract_id uuid PRIMARY KEY
);
