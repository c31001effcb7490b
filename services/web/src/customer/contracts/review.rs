//! `/contracts/{c}/{section}/review`: before and after, verdicts, insurers, a tick for each warning; what is submitted is exactly
//! what was shown (EN-8), or it is shown again with what differs.

use askama::Template;
use axum::response::{Html, IntoResponse as _, Redirect, Response};
use client::{Refusal, answered, request_id};
use contracts::endorsement::v1::field_change::After;
use contracts::endorsement::v1::{FieldChange, PrepareEndorsementResponse};
use contracts::names::ENDORSEMENT;
use http::StatusCode;

use super::asked;
use super::shown::{self, Insurer, Number, Whose};
use crate::customer::guard::Customer;
use crate::customer::place::{self, Id};
use crate::customer::refused::{Refused, at_form};
use crate::http::form::Form;
use crate::page::{FieldError, Page, Place, render};
use crate::problem::Problem;
use crate::texts::Texts;

/// What was shown last, kept to mark what differs.
const SHOWN: &str = "shown";

struct Row {
    whose: String,
    before: Vec<String>,
    numbers: Vec<Number>,
    lines: Vec<String>,
    /// Not what was shown before.
    differs: bool,
}

struct Warning {
    reason: String,
    message: String,
    ticked: bool,
    needs_tick: bool,
}

#[derive(Template)]
#[template(path = "contracts/review.html")]
struct ReviewPage {
    page: Page,
    t: Texts,
    back: String,
    rows: Vec<Row>,
    date: String,
    date_differs: bool,
    insurers: Vec<Insurer>,
    insurers_differ: bool,
    warnings: Vec<Warning>,
    confirm_token: String,
    request_id: String,
}

pub(super) async fn page(
    customer: Customer,
    place::Place((id, whose)): place::Place<(Id, Whose)>,
) -> Result<Response, Problem> {
    let path = asked::form_path(id, whose);
    let Some(typed) = customer.session.content.draft(&path).cloned() else {
        return Ok(Redirect::to(&path).into_response());
    };
    let Some(prepared) = prepared(&customer, id, whose, &typed).await? else {
        return Ok(Redirect::to(&path).into_response());
    };
    let page = shown_page(
        customer,
        id,
        whose,
        &typed,
        prepared,
        &Form::default(),
        Vec::new(),
        false,
    )
    .await?;
    Ok(page.into_response())
}

pub(super) async fn submit(
    mut customer: Customer,
    place::Place((id, whose)): place::Place<(Id, Whose)>,
    form: Form,
) -> Result<Response, Problem> {
    let path = asked::form_path(id, whose);
    let Some(typed) = customer.session.content.draft(&path).cloned() else {
        return Ok(Redirect::to(&path).into_response());
    };
    let mut change = asked::change(id, whose, &typed);
    change.acknowledged_warnings = form.all("acknowledged").map(str::to_owned).collect();
    let (client, request_id) = (customer.app.backend.client(), form.get("request_id"));
    let submitted = change
        .submit(client, &customer.bearer, form.get("confirm_token"), request_id)
        .await;
    let submitted = match answered(submitted) {
        Ok(submitted) => submitted,
        Err(refusal) => return again(customer, id, whose, &typed, &form, refusal).await,
    };
    customer
        .changed(ENDORSEMENT, &submitted.consistency_token)
        .await?;
    let sessions = customer.app.sessions.clone();
    sessions
        .change(&mut customer.session, |content| {
            content.drop_draft(&path);
        })
        .await?;
    let endorsement_id = submitted.endorsement.unwrap_or_default().endorsement_id;
    let done = format!("/contracts/{id}/{}/done/{endorsement_id}", whose.path());
    Ok(Redirect::to(&done).into_response())
}

/// `None` where the form has to be looked at again.
async fn prepared(
    customer: &Customer,
    id: Id,
    whose: Whose,
    typed: &Form,
) -> Result<Option<PrepareEndorsementResponse>, Problem> {
    let change = asked::change(id, whose, typed);
    let prepared = change
        .prepare(customer.app.backend.client(), &customer.bearer)
        .await;
    match answered(prepared) {
        Ok(prepared) => Ok(Some(prepared)),
        Err(refusal) => {
            at_form(refusal, customer.texts(), |_| None)?;
            Ok(None)
        }
    }
}

async fn again(
    customer: Customer,
    id: Id,
    whose: Whose,
    typed: &Form,
    form: &Form,
    refusal: Refusal,
) -> Result<Response, Problem> {
    let t = customer.texts();
    let changed = refusal.reason == "CONTENT_CHANGED";
    let unticked = refusal.reason == "WARNING_NOT_ACKNOWLEDGED";
    let warning = refusal.metadata.get("warning").cloned().unwrap_or_default();
    let mut refused = at_form(refusal, t, |_| None)?;
    if unticked {
        // The service's words name the warning by its code.
        refused.errors = vec![FieldError {
            field: format!("tick-{warning}"),
            message: t.review_tick_needed(),
        }];
    }
    let Some(prepared) = prepared(&customer, id, whose, typed).await? else {
        return Ok(Redirect::to(&asked::form_path(id, whose)).into_response());
    };
    let retry = refused.retry_after_s();
    let status = if changed {
        StatusCode::CONFLICT
    } else {
        refused.status
    };
    let same_request = if refused.transient {
        form.clone()
    } else {
        ticked_alone(form)
    };
    let page = shown_page(
        customer,
        id,
        whose,
        typed,
        prepared,
        &same_request,
        refused.errors,
        changed,
    )
    .await?;
    Ok(Refused::answer(status, retry, page))
}

/// A refusal had no effect, so what is asked for next is another request.
fn ticked_alone(form: &Form) -> Form {
    Form::of(
        form.all("acknowledged")
            .map(|reason| ("acknowledged".to_owned(), reason.to_owned())),
    )
}

#[allow(clippy::too_many_arguments, reason = "one page, from four sources")]
async fn shown_page(
    mut customer: Customer,
    id: Id,
    whose: Whose,
    typed: &Form,
    prepared: PrepareEndorsementResponse,
    form: &Form,
    errors: Vec<FieldError>,
    compare: bool,
) -> Result<Html<String>, Problem> {
    let t = customer.texts();
    let now_us = customer.app.now().as_microsecond();
    let contract = asked::contract(&customer, id).await?;
    let facts = facts(&prepared);
    let before: Vec<&str> = typed.all(SHOWN).collect();
    let differs = |fact: &String| compare && !before.contains(&fact.as_str());
    let rows = prepared
        .changes
        .iter()
        .zip(&facts)
        .map(|(change, fact)| row(t, whose.words(t, &contract), change, now_us, differs(fact)))
        .collect();
    let warnings = prepared.warnings.iter().map(|warning| Warning {
        ticked: form.all("acknowledged").any(|reason| reason == warning.reason),
        reason: warning.reason.clone(),
        message: warning.message.clone(),
        needs_tick: warning.needs_acknowledgement,
    });
    let given = form.get("request_id").to_owned();
    let shown = ReviewPage {
        page: customer
            .page(Place::Contracts, t.review_title())
            .await?
            .with_errors(errors),
        t,
        back: asked::form_path(id, whose),
        rows,
        date: t.date_of(&prepared.effective_date),
        date_differs: differs(&date_fact(&prepared)),
        insurers: shown::insurers(t, &prepared.insurers),
        insurers_differ: differs(&insurers_fact(&prepared)),
        warnings: warnings.collect(),
        confirm_token: prepared.confirm_token.clone(),
        request_id: if given.is_empty() { request_id() } else { given },
    };
    remember(&mut customer, id, whose, typed, facts).await?;
    render(&shown)
}

/// Keeps what is shown now beside what was typed.
async fn remember(
    customer: &mut Customer,
    id: Id,
    whose: Whose,
    typed: &Form,
    facts: Vec<String>,
) -> Result<(), Problem> {
    let kept = typed.without(SHOWN).with(SHOWN, facts);
    if kept == *typed {
        return Ok(());
    }
    let sessions = customer.app.sessions.clone();
    let path = asked::form_path(id, whose);
    sessions
        .change(&mut customer.session, |content| {
            content.keep(&path, kept);
        })
        .await?;
    Ok(())
}

/// What is shown, a line each: the changes in order, then the date, then the insurers.
fn facts(prepared: &PrepareEndorsementResponse) -> Vec<String> {
    let changes = prepared.changes.iter().map(|change| {
        let after = match &change.after {
            Some(After::Phones(list)) => list
                .phones
                .iter()
                .map(|phone| format!("{} {}", phone.number, phone.reason))
                .collect(),
            Some(After::Address(address)) => vec![address.as_entered.clone()],
            None => Vec::new(),
        };
        format!(
            "{} {} {:?} {after:?}",
            change.section, change.field, change.before
        )
    });
    changes
        .chain([date_fact(prepared), insurers_fact(prepared)])
        .collect()
}

fn date_fact(prepared: &PrepareEndorsementResponse) -> String {
    format!("date {}", prepared.effective_date)
}

fn insurers_fact(prepared: &PrepareEndorsementResponse) -> String {
    let shares = prepared.insurers.iter();
    let shares: Vec<_> = shares
        .map(|share| (&share.name, &share.role, share.share_basis_points))
        .collect();
    format!("insurers {shares:?}")
}

fn row(t: Texts, whose: String, change: &FieldChange, now_us: i64, differs: bool) -> Row {
    let (numbers, lines) = match &change.after {
        Some(After::Phones(list)) => (
            list.phones
                .iter()
                .map(|phone| shown::number(t, phone, now_us))
                .collect(),
            Vec::new(),
        ),
        Some(After::Address(address)) => (Vec::new(), shown::lines(t, address)),
        None => (Vec::new(), Vec::new()),
    };
    Row {
        whose: t
            .review_field()
            .field(t.code("field", &change.field))
            .whose(whose),
        before: change.before.clone(),
        numbers,
        lines,
        differs,
    }
}
