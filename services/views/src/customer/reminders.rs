//! What the customer should do next: contracts without a number that can be used for login (PV-2, PV-15), pictures
//! registered and not sent (CI-12).

use contracts::views::v1::{ListRemindersRequest, ListRemindersResponse, Reminder, ReminderReason};
use decider::{Problem, ProblemKind};
use service::{Scope, refuse};
use sqlx::Row;
use tonic::{Request, Response, Status};
use uuid::Uuid;

use super::{Api, fields, owner, subjects};
use crate::read::{count, cut, optional_instant};

/// Reason and what it is about, which together name a reminder.
type Position = (String, Uuid);

pub(super) async fn list(
    api: &Api,
    request: Request<ListRemindersRequest>,
) -> Result<Response<ListRemindersResponse>, Status> {
    let subjects = subjects(&request);
    let asked = request.into_inner();
    let page = api
        .context
        .page::<Position>(
            &["ListReminders", &owner(&subjects)],
            asked.page_size,
            &asked.page_token,
        )
        .map_err(refuse)?;
    api.sources.wait_for(&asked.consistency_tokens).await?;
    // A customer has a handful of contracts and accidents, so all reminders are found and then paged.
    let mut found = without_phone(api, &subjects).await.map_err(refuse)?;
    found.extend(unsent(api, &subjects).await.map_err(refuse)?);
    found.sort_by(|(one, _), (other, _)| one.cmp(other));
    found.retain(|(position, _)| page.after.as_ref().is_none_or(|after| position > after));
    let (found, next_page_token) = cut(&page, found, |(position, _)| position.clone());
    Ok(Response::new(ListRemindersResponse {
        reminders: found.into_iter().map(|(_, reminder)| reminder).collect(),
        next_page_token,
        freshness: Some(api.sources.freshness().await?),
    }))
}

async fn without_phone(api: &Api, subjects: &[Uuid]) -> Result<Vec<(Position, Reminder)>, sqlx::Error> {
    let rows = sqlx::query(
        "SELECT c.contract_id, c.policy_number, c.period_end, c.policyholder_subject, p.dated AS phones FROM view.contract c
           LEFT JOIN view.party_field p
             ON p.contract_id = c.contract_id AND p.subject_id = c.policyholder_subject AND p.kind = 'PHONES'
          WHERE c.policyholder_subject = ANY ($1) AND c.kind <> ALL ($2) AND c.policyholder_kind = ANY ($3)",
    )
    .bind(subjects)
    .bind(api.refused_kinds())
    .bind(api.policyholder_kinds())
    .fetch_all(&api.context.pool)
    .await?;
    let now = api.context.clock.now();
    let rulebook = &api.context.rulebook;
    let mut found = Vec::new();
    for row in &rows {
        let until = rulebook
            .contract
            .numbers_count_until(optional_instant(row, "period_end")?);
        let over = until.is_some_and(|until| until <= now);
        if !over && !fields::numbers(row)?.any_usable(rulebook, now) {
            let policy_number: String = row.try_get("policy_number")?;
            let told = Problem::new(ProblemKind::FailedPrecondition, "NO_USABLE_PHONE")
                .with("policy_number", policy_number);
            found.push(reminder(
                ReminderReason::NoUsablePhone,
                &told,
                row.try_get("contract_id")?,
            ));
        }
    }
    Ok(found)
}

async fn unsent(api: &Api, subjects: &[Uuid]) -> Result<Vec<(Position, Reminder)>, sqlx::Error> {
    let rows = sqlx::query(
        "SELECT a.accident_id, a.claim_number, count(*) AS unsent FROM view.accident a
           JOIN view.image i ON i.accident_id = a.accident_id AND i.state = 'RECEIVED'
          WHERE a.subject_id = ANY ($1) GROUP BY a.accident_id, a.claim_number",
    )
    .bind(subjects)
    .fetch_all(&api.context.pool)
    .await?;
    let mut found = Vec::new();
    for row in &rows {
        let claim_number: String = row.try_get("claim_number")?;
        let told = Problem::new(ProblemKind::FailedPrecondition, "UNSENT_IMAGES")
            .with("claim_number", claim_number)
            .with("count", count(row, "unsent")?.to_string());
        found.push(reminder(
            ReminderReason::UnsentImages,
            &told,
            row.try_get("accident_id")?,
        ));
    }
    Ok(found)
}

fn reminder(why: ReminderReason, told: &Problem, about: Uuid) -> (Position, Reminder) {
    let reminder = Reminder {
        reason: why.into(),
        message: Scope::current().text(told),
        about_id: about.to_string(),
    };
    ((told.reason.to_owned(), about), reminder)
}
