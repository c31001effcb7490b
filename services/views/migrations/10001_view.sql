-- The read models. Derived from events alone: emptied and refilled at will (RebuildViews). Rows hold personal data in
-- clear, because staff search them and customers read them; nothing else does.
--
-- A section of a row is written where its version (the revision of its owner's stream) is newer. Rows of different
-- owners may arrive in any order, so nothing refers to another table by a constraint.

CREATE SCHEMA view;

CREATE TABLE view.contract (
    contract_id uuid PRIMARY KEY,
    version bigint NOT NULL,
    policy_number text NOT NULL,
    branch_number text NOT NULL,
    product text NOT NULL,
    kind text NOT NULL,
    period_start timestamptz NOT NULL,
    period_end timestamptz NOT NULL,
    policyholder_subject uuid NOT NULL,
    policyholder_kind text NOT NULL,
    policyholder_name text,
    insured_subject uuid NOT NULL,
    insured_name text,
    object_address text,
    offline_reason text NOT NULL,
    imported_endorsement_date text NOT NULL
);
CREATE INDEX contract_by_policyholder ON view.contract (policyholder_subject, policy_number, contract_id);

-- What endorsements taking effect add to a contract; a table of its own because it comes in events of its own.
CREATE TABLE view.contract_endorsement_date (
    contract_id uuid PRIMARY KEY,
    version bigint NOT NULL,
    last_endorsement_date text NOT NULL
);

-- What customers can change of one party of a contract, by kind: all values in force or scheduled,
-- [{value, counts_from_us, counts_until_us}].
CREATE TABLE view.party_field (
    contract_id uuid NOT NULL,
    subject_id uuid NOT NULL,
    kind text NOT NULL,
    version bigint NOT NULL,
    policyholder boolean NOT NULL,
    dated jsonb NOT NULL,
    PRIMARY KEY (contract_id, subject_id, kind)
);

CREATE TABLE view.request (
    endorsement_id uuid PRIMARY KEY,
    version bigint NOT NULL,
    contract_id uuid NOT NULL,
    policyholder_subject uuid NOT NULL,
    receipt_number text NOT NULL,
    state text NOT NULL,
    effective_date text NOT NULL,
    fields text[] NOT NULL,
    submitted_at timestamptz NOT NULL
);
CREATE INDEX request_by_policyholder ON view.request (policyholder_subject, submitted_at DESC, endorsement_id);

CREATE TABLE view.accident (
    accident_id uuid PRIMARY KEY,
    version bigint NOT NULL,
    claim_number text NOT NULL,
    contract_id uuid NOT NULL,
    policy_number text NOT NULL,
    subject_id uuid NOT NULL,
    occurred_at timestamptz NOT NULL,
    place text,
    kind text NOT NULL,
    adjuster_id text NOT NULL,
    office text NOT NULL,
    state text NOT NULL
);
CREATE INDEX accident_by_subject ON view.accident (subject_id, occurred_at DESC, accident_id);
CREATE INDEX accident_by_time ON view.accident (occurred_at DESC, accident_id);
CREATE INDEX accident_by_claim ON view.accident (claim_number);
CREATE INDEX accident_by_policy ON view.accident (policy_number);
CREATE INDEX accident_by_adjuster ON view.accident (adjuster_id, occurred_at DESC);

CREATE TABLE view.image (
    image_id uuid PRIMARY KEY,
    version bigint NOT NULL,
    accident_id uuid NOT NULL,
    subject_id uuid NOT NULL,
    category text NOT NULL,
    state text NOT NULL,
    refusal_reason text NOT NULL,
    file_name text,
    content_type text NOT NULL,
    size_bytes bigint NOT NULL,
    sha256 text NOT NULL,
    width integer NOT NULL,
    height integer NOT NULL,
    derivatives text[] NOT NULL,
    hints text[] NOT NULL,
    -- What the camera says: personal, as the event had it sealed. For claims staff.
    capture jsonb,
    duplicate_of text NOT NULL,
    received_at timestamptz NOT NULL,
    submission_id uuid
);
CREATE INDEX image_by_accident ON view.image (accident_id, received_at, image_id);

CREATE TABLE view.submission (
    submission_id uuid PRIMARY KEY,
    version bigint NOT NULL,
    accident_id uuid NOT NULL,
    subject_id uuid NOT NULL,
    image_count integer NOT NULL,
    note text,
    sent_at timestamptz NOT NULL,
    seen_at timestamptz,
    seen_by text
);
CREATE INDEX submission_waiting ON view.submission (sent_at, submission_id) WHERE seen_at IS NULL;
CREATE INDEX submission_by_accident ON view.submission (accident_id);

CREATE TABLE view.account (
    account_id uuid PRIMARY KEY,
    version bigint NOT NULL,
    subjects uuid[] NOT NULL
);
CREATE INDEX account_by_subject ON view.account USING gin (subjects);

-- What happened to accounts and logins (OP-5).
CREATE TABLE view.timeline (
    event_id uuid PRIMARY KEY,
    account_id uuid NOT NULL,
    occurred_at timestamptz NOT NULL,
    kind text NOT NULL,
    detail text NOT NULL
);
CREATE INDEX timeline_by_account ON view.timeline (account_id, occurred_at DESC, event_id);

-- Rebuilds asked for, so that asking again under the same id begins no second one. Not a view: kept when views are emptied.
CREATE SCHEMA rebuild;
CREATE TABLE rebuild.asked (
    request_key uuid PRIMARY KEY,
    asked_by text NOT NULL,
    asked_at timestamptz NOT NULL
);
