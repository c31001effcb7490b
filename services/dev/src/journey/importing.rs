//! Step 1: every good row arrives, every bad row is reported, importing again changes nothing (EN-16).

use std::collections::BTreeSet;

use client::import::{FileSummary, Plan, as_of_now, import};
use client::request_id;
use contracts::endorsement::v1::ImportContractsRequest;

use super::Setting;
use super::checks::{Checks, Halt};
use crate::output::ImportLines;
use crate::sample::SampleFile;

pub(super) async fn import_book(
    setting: &Setting<'_>,
    erased: &[String],
    checks: &mut Checks,
) -> Result<(), Halt> {
    let administrator = setting.staff("M001", &["administrator"], checks)?;
    let plan = Plan::of_folder(&setting.folder.file("sample"), &setting.folder.file("import"));

    let adjuster = setting.staff("A001", &["adjuster"], checks)?;
    let call = setting
        .client
        .endorsement(&adjuster)
        .import_contracts(ImportContractsRequest {
            request_id: request_id(),
            rows: Vec::new(),
            as_of_us: as_of_now(),
            dry_run: false,
        })
        .await;
    checks.refused(
        "nobody but an administrator may import",
        call,
        "CALLER_NOT_ALLOWED",
    );

    let outcome = import(setting.client, &administrator, &plan, &ImportLines::default()).await;
    let mut first = checks.done("the three files are imported", outcome)?;
    for (file, summary) in setting.files.iter().zip(&mut first) {
        let arrived = summary.recorded + summary.unchanged + erased_rows(file, erased, summary, checks);
        checks.equal(
            &format!("{}: every good row arrives", file.name),
            &arrived,
            &file.good_rows(),
        );
        bad_rows(file, summary, checks);
    }

    let outcome = import(setting.client, &administrator, &plan, &ImportLines::default()).await;
    let mut second = checks.done("the three files are imported again", outcome)?;
    for (file, summary) in setting.files.iter().zip(&mut second) {
        let gone = erased_rows(file, erased, summary, checks);
        // What an earlier journey changed online differs for good, since no core system hears of it.
        let unchanged = summary.unchanged + summary.kept_ahead + gone;
        let seen = (summary.recorded - summary.kept_ahead, unchanged, summary.refused);
        let expected = (0, file.good_rows(), file.refusals.len());
        checks.equal(
            &format!("{}: importing again changes nothing", file.name),
            &seen,
            &expected,
        );
    }
    Ok(())
}

/// Takes the rows of people whom an earlier journey had erased out of what is wrong with the file (OP-4): as many as it has.
fn erased_rows(
    file: &SampleFile,
    erased: &[String],
    summary: &mut FileSummary,
    checks: &mut Checks,
) -> usize {
    let refused: BTreeSet<_> = summary
        .problems
        .iter()
        .filter(|problem| problem.reason == "SUBJECT_ERASED")
        .map(|problem| problem.line)
        .collect();
    let bad: BTreeSet<_> = file.refusals.iter().map(|refusal| refusal.line).collect();
    let theirs = file
        .lines
        .iter()
        .zip(1..)
        .skip(1)
        .filter(|(cells, line)| !bad.contains(line) && cells.iter().any(|cell| erased.contains(cell)));
    checks.equal(
        &format!("OP-4: {}: rows of erased people are bad rows", file.name),
        &refused.len(),
        &theirs.count(),
    );
    summary
        .problems
        .retain(|problem| !refused.contains(&problem.line));
    summary.refused -= refused.len();
    refused.len()
}

/// Exactly the bad lines are refused, each with the spoilt column, a reason and a text.
fn bad_rows(file: &SampleFile, summary: &FileSummary, checks: &mut Checks) {
    let expected: BTreeSet<_> = file.refusals.iter().map(|refusal| refusal.line).collect();
    let reported: BTreeSet<_> = summary.problems.iter().map(|problem| problem.line).collect();
    let wrong: Vec<_> = expected.symmetric_difference(&reported).collect();
    checks.check(
        &format!(
            "{}: exactly the {} bad rows are refused",
            file.name,
            expected.len()
        ),
        wrong.is_empty() && summary.refused == expected.len(),
        format_args!("{} refused; lines in doubt: {wrong:?}", summary.refused),
    );
    let unnamed: Vec<_> = file
        .refusals
        .iter()
        .filter(|refusal| {
            !summary.problems.iter().any(|problem| {
                problem.line == refusal.line
                    && problem.column == refusal.column
                    && !problem.reason.is_empty()
                    && !problem.message.is_empty()
            })
        })
        .map(|refusal| {
            let seen: Vec<_> = summary
                .problems
                .iter()
                .filter(|problem| problem.line == refusal.line)
                .collect();
            format!("line {} ({}): {seen:?}", refusal.line, refusal.column)
        })
        .collect();
    checks.check(
        &format!("{}: each is reported with line, field and reason", file.name),
        unnamed.is_empty(),
        unnamed.join("; "),
    );
}
