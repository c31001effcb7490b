//! `/contracts/{c}/{section}/phones`: up to three numbers and the day from which they count. What was typed is kept in the
//! session, never in an address; a review shows it.

use askama::Template;
use axum::response::{Html, IntoResponse as _, Redirect, Response};
use client::{Refusal, answered};
use contracts::endorsement::v1::Contract;
use kernel::clock::jst_date;

use super::asked::{self, DATE_FIELD, PHONE_FIELDS};
use super::shown::{self, Whose};
use crate::customer::guard::Customer;
use crate::customer::place::{self, Id};
use crate::customer::refused::{Refused, at_form};
use crate::http::form::Form;
use crate::page::contact::Route;
use crate::page::{FieldError, Page, Place, render};
use crate::problem::Problem;
use crate::texts::Texts;

struct Input {
    name: &'static str,
    value: String,
    first: bool,
}

#[derive(Template)]
#[template(path = "contracts/phones.html")]
struct PhonesPage {
    page: Page,
    t: Texts,
    contract: String,
    back: String,
    whose: String,
    inputs: Vec<Input>,
    today: String,
    date: String,
    same: bool,
}

#[derive(Template)]
#[template(path = "contracts/offline.html")]
struct OfflinePage {
    page: Page,
    t: Texts,
    back: String,
    reason: String,
    routes: Vec<Route>,
}

pub(super) async fn form(
    customer: Customer,
    place::Place((id, whose)): place::Place<(Id, Whose)>,
) -> Result<Response, Problem> {
    let contract = asked::contract(&customer, id).await?;
    if !contract.online {
        return offline(customer, id, &contract).await;
    }
    // EN-3: the insured's numbers are the policyholder's.
    if contract.policyholder_is_insured && whose == Whose::Policyholder {
        return Ok(Redirect::to(&asked::form_path(id, Whose::Insured)).into_response());
    }
    let typed = customer
        .session
        .content
        .draft(&asked::form_path(id, whose))
        .cloned();
    let form = match typed {
        Some(form) => form,
        None => standing(&customer, whose, &contract),
    };
    Ok(page(customer, id, whose, &contract, &form, Vec::new())
        .await?
        .into_response())
}

pub(super) async fn submit(
    mut customer: Customer,
    place::Place((id, whose)): place::Place<(Id, Whose)>,
    form: Form,
) -> Result<Response, Problem> {
    let change = asked::change(id, whose, &form);
    let prepared = change
        .prepare(customer.app.backend.client(), &customer.bearer)
        .await;
    if let Err(refusal) = answered(prepared) {
        return again(customer, id, whose, &form, refusal).await;
    }
    let kept = PHONE_FIELDS.into_iter().chain([DATE_FIELD]);
    let kept = kept.map(|field| (field.to_owned(), form.get(field).to_owned()));
    let path = asked::form_path(id, whose);
    let sessions = customer.app.sessions.clone();
    sessions
        .change(&mut customer.session, |content| {
            content.keep(&path, Form::of(kept));
        })
        .await?;
    Ok(Redirect::to(&format!("/contracts/{id}/{}/review", whose.path())).into_response())
}

/// What the form begins with: the numbers that stand, from today on.
fn standing(customer: &Customer, whose: Whose, contract: &Contract) -> Form {
    let now = customer.app.now();
    let numbers = whose
        .of(contract)
        .map_or_else(Vec::new, |party| shown::standing(party, now.as_microsecond()));
    let numbers = PHONE_FIELDS.into_iter().map(str::to_owned).zip(numbers);
    let date = (DATE_FIELD.to_owned(), jst_date(now).to_string());
    Form::of(numbers.chain([date]))
}

async fn again(
    customer: Customer,
    id: Id,
    whose: Whose,
    form: &Form,
    refusal: Refusal,
) -> Result<Response, Problem> {
    let refused = at_form(refusal, customer.texts(), |field| asked::input_of(form, field))?;
    let contract = asked::contract(&customer, id).await?;
    let retry = refused.retry_after_s();
    let page = page(customer, id, whose, &contract, form, refused.errors).await?;
    Ok(Refused::answer(refused.status, retry, page))
}

async fn page(
    mut customer: Customer,
    id: Id,
    whose: Whose,
    contract: &Contract,
    form: &Form,
    errors: Vec<FieldError>,
) -> Result<Html<String>, Problem> {
    let t = customer.texts();
    let product = shown::product(&customer.app, t, &contract.product);
    let policy = shown::policy(&contract.policy_number, &contract.branch_number);
    let today = jst_date(customer.app.now()).to_string();
    let page = customer.page(Place::Contracts, t.phones_title()).await?;
    render(&PhonesPage {
        page: page.with_errors(errors),
        t,
        contract: t.contract_named().policy(&policy).product(&product),
        back: format!("/contracts/{id}"),
        whose: whose.words(t, contract),
        inputs: PHONE_FIELDS
            .into_iter()
            .map(|name| Input {
                name,
                value: form.get(name).to_owned(),
                first: name == PHONE_FIELDS[0],
            })
            .collect(),
        today,
        date: form.get(DATE_FIELD).to_owned(),
        same: contract.policyholder_is_insured,
    })
}

/// EN-5: the reason and whom to call, at the first click.
async fn offline(mut customer: Customer, id: Id, contract: &Contract) -> Result<Response, Problem> {
    let t = customer.texts();
    let page = customer.page(Place::Contracts, t.offline_title()).await?;
    Ok(render(&OfflinePage {
        page,
        t,
        back: format!("/contracts/{id}"),
        reason: t.code("offline", &contract.offline_reason),
        routes: contract.contact.iter().map(|route| Route::of(route, t)).collect(),
    })?
    .into_response())
}
