-- Operational rows: no history, they expire by themselves or are derived from events. No personal value: caller numbers
-- are keyed hashes under the service's pepper (pseudonymous); lines are the insurer's own.
CREATE SCHEMA phone_verification;

-- The line a challenge has taken, until its time is over. A row that was matched or superseded stays until then with
-- open = false, so that a redial is recognised. What the challenge is told of the last call stands beside it (PV-9).
CREATE TABLE phone_verification.line_taken (
    challenge_id uuid PRIMARY KEY,
    account_id uuid NOT NULL,
    line text NOT NULL,
    opened_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    open boolean NOT NULL DEFAULT true,
    guidance text,
    guidance_at timestamptz
);
CREATE INDEX line_taken_line ON phone_verification.line_taken (line);
CREATE INDEX line_taken_account ON phone_verification.line_taken (account_id);
CREATE INDEX line_taken_expires ON phone_verification.line_taken (expires_at);

-- The caller numbers a challenge expects on its line. The key is PV-8: a number and a line name one challenge.
CREATE TABLE phone_verification.expected_number (
    line text NOT NULL,
    number_hash bytea NOT NULL,
    challenge_id uuid NOT NULL REFERENCES phone_verification.line_taken ON DELETE CASCADE,
    subject_id uuid NOT NULL,
    PRIMARY KEY (line, number_hash)
);
CREATE INDEX expected_number_number ON phone_verification.expected_number (number_hash);
CREATE INDEX expected_number_challenge ON phone_verification.expected_number (challenge_id);

-- What each login has opened, for as long as its token lives (PV-9). The newest login of an account is known by when it ends.
CREATE TABLE phone_verification.login_opening (
    login_id uuid PRIMARY KEY,
    account_id uuid NOT NULL,
    login_expires_at timestamptz NOT NULL,
    openings integer NOT NULL,
    last_at timestamptz NOT NULL
);
CREATE INDEX login_opening_account ON phone_verification.login_opening (account_id, login_expires_at);
CREATE INDEX login_opening_expires ON phone_verification.login_opening (login_expires_at);

-- Deadlines of open challenges, derived from their events.
CREATE TABLE phone_verification.challenge_expiry (
    challenge_id uuid PRIMARY KEY,
    opened_event_id uuid NOT NULL,
    due_at timestamptz NOT NULL
);
CREATE INDEX challenge_expiry_due ON phone_verification.challenge_expiry (due_at);

-- Who was last heard to be a contract's policyholder, so that a former one's numbers can be withdrawn (PV-7).
CREATE TABLE phone_verification.policyholder (
    contract_id uuid PRIMARY KEY,
    subject_id uuid NOT NULL
);
