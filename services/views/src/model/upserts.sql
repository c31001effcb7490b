INSERT INTO accident AS old (accident_id, version, claim_number, contract_id, policy_number, subject_id, occurred_at, place, kind, adjuster_id, office, state)
SELECT n.accident_id, n.version, n.claim_number, n.contract_id, n.policy_number, n.subject_id, n.occurred_at, n.place, n.kind, n.adjuster_id, n.office, n.state
  FROM unnest($1::uuid[], $2::bigint[], $3::text[], $4::uuid[], $5::text[], $6::uuid[], $7::timestamptz[], $8::text[], $9::text[], $10::text[], $11::text[], $12::text[])
    AS n (accident_id, version, claim_number, contract_id, policy_number, subject_id, occurred_at, place, kind, adjuster_id, office, state)
ON CONFLICT (accident_id) DO UPDATE SET version = excluded.version, claim_number = excluded.claim_number, contract_id = excluded.contract_id, policy_number = excluded.policy_number, subject_id = excluded.subject_id, occurred_at = excluded.occurred_at, place = excluded.place, kind = excluded.kind, adjuster_id = excluded.adjuster_id, office = excluded.office, state = excluded.state
 WHERE old.version < excluded.version;

INSERT INTO account AS old (account_id, version, subjects)
SELECT n.account_id, n.version, n.subjects::uuid[]
  FROM unnest($1::uuid[], $2::bigint[], $3::text[])
    AS n (account_id, version, subjects)
ON CONFLICT (account_id) DO UPDATE SET version = excluded.version, subjects = excluded.subjects
 WHERE old.version < excluded.version;

INSERT INTO contract AS old (contract_id, version, policy_number, branch_number, product, kind, period_start, period_end, policyholder_subject, policyholder_kind, policyholder_name, insured_subject, insured_name, object_address, offline_reason, imported_endorsement_date)
SELECT n.contract_id, n.version, n.policy_number, n.branch_number, n.product, n.kind, n.period_start, n.period_end, n.policyholder_subject, n.policyholder_kind, n.policyholder_name, n.insured_subject, n.insured_name, n.object_address, n.offline_reason, n.imported_endorsement_date
  FROM unnest($1::uuid[], $2::bigint[], $3::text[], $4::text[], $5::text[], $6::text[], $7::timestamptz[], $8::timestamptz[], $9::uuid[], $10::text[], $11::text[], $12::uuid[], $13::text[], $14::text[], $15::text[], $16::text[])
    AS n (contract_id, version, policy_number, branch_number, product, kind, period_start, period_end, policyholder_subject, policyholder_kind, policyholder_name, insured_subject, insured_name, object_address, offline_reason, imported_endorsement_date)
ON CONFLICT (contract_id) DO UPDATE SET version = excluded.version, policy_number = excluded.policy_number, branch_number = excluded.branch_number, product = excluded.product, kind = excluded.kind, period_start = excluded.period_start, period_end = excluded.period_end, policyholder_subject = excluded.policyholder_subject, policyholder_kind = excluded.policyholder_kind, policyholder_name = excluded.policyholder_name, insured_subject = excluded.insured_subject, insured_name = excluded.insured_name, object_address = excluded.object_address, offline_reason = excluded.offline_reason, imported_endorsement_date = excluded.imported_endorsement_date
 WHERE old.version < excluded.version;

INSERT INTO contract_endorsement_date AS old (contract_id, version, last_endorsement_date)
SELECT n.contract_id, n.version, n.last_endorsement_date
  FROM unnest($1::uuid[], $2::bigint[], $3::text[])
    AS n (contract_id, version, last_endorsement_date)
ON CONFLICT (contract_id) DO UPDATE SET version = excluded.version, last_endorsement_date = excluded.last_endorsement_date
 WHERE old.version < excluded.version;

INSERT INTO image AS old (image_id, version, category, state, refusal_reason, accident_id, subject_id, file_name, content_type, size_bytes, sha256, width, height, derivatives, hints, capture, duplicate_of, received_at)
SELECT n.image_id, n.version, n.category, n.state, n.refusal_reason, n.accident_id, n.subject_id, n.file_name, n.content_type, n.size_bytes, n.sha256, n.width, n.height, n.derivatives::text[], n.hints::text[], n.capture, n.duplicate_of, n.received_at
  FROM unnest($1::uuid[], $2::bigint[], $3::text[], $4::text[], $5::text[], $6::uuid[], $7::uuid[], $8::text[], $9::text[], $10::bigint[], $11::text[], $12::integer[], $13::integer[], $14::text[], $15::text[], $16::jsonb[], $17::text[], $18::timestamptz[])
    AS n (image_id, version, category, state, refusal_reason, accident_id, subject_id, file_name, content_type, size_bytes, sha256, width, height, derivatives, hints, capture, duplicate_of, received_at)
ON CONFLICT (image_id) DO UPDATE SET version = excluded.version, category = excluded.category, state = excluded.state, refusal_reason = excluded.refusal_reason
 WHERE old.version < excluded.version;

INSERT INTO party_field AS old (contract_id, subject_id, kind, version, policyholder, dated)
SELECT n.contract_id, n.subject_id, n.kind, n.version, n.policyholder, n.dated
  FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::bigint[], $5::boolean[], $6::jsonb[])
    AS n (contract_id, subject_id, kind, version, policyholder, dated)
ON CONFLICT (contract_id, subject_id, kind) DO UPDATE SET version = excluded.version, policyholder = excluded.policyholder, dated = excluded.dated
 WHERE old.version < excluded.version;

INSERT INTO request AS old (endorsement_id, version, policyholder_subject, state, effective_date, fields, contract_id, receipt_number, submitted_at)
SELECT n.endorsement_id, n.version, n.policyholder_subject, n.state, n.effective_date, n.fields::text[], n.contract_id, n.receipt_number, n.submitted_at
  FROM unnest($1::uuid[], $2::bigint[], $3::uuid[], $4::text[], $5::text[], $6::text[], $7::uuid[], $8::text[], $9::timestamptz[])
    AS n (endorsement_id, version, policyholder_subject, state, effective_date, fields, contract_id, receipt_number, submitted_at)
ON CONFLICT (endorsement_id) DO UPDATE SET version = excluded.version, policyholder_subject = excluded.policyholder_subject, state = excluded.state, effective_date = excluded.effective_date, fields = excluded.fields
 WHERE old.version < excluded.version;

INSERT INTO submission AS old (submission_id, version, accident_id, subject_id, image_count, note, sent_at)
SELECT n.submission_id, n.version, n.accident_id, n.subject_id, n.image_count, n.note, n.sent_at
  FROM unnest($1::uuid[], $2::bigint[], $3::uuid[], $4::uuid[], $5::integer[], $6::text[], $7::timestamptz[])
    AS n (submission_id, version, accident_id, subject_id, image_count, note, sent_at)
ON CONFLICT (submission_id) DO NOTHING;

INSERT INTO timeline AS old (event_id, account_id, occurred_at, kind, detail)
SELECT n.event_id, n.account_id, n.occurred_at, n.kind, n.detail
  FROM unnest($1::uuid[], $2::uuid[], $3::timestamptz[], $4::text[], $5::text[])
    AS n (event_id, account_id, occurred_at, kind, detail)
ON CONFLICT (event_id) DO NOTHING;
