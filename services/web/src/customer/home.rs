//! `/home`: what to do next, and the beginnings of the three lists.

use askama::Template;
use axum::response::Html;
use contracts::views::v1::{AccidentSummary, ContractSummary, Reminder, ReminderReason, RequestSummary};

use super::guard::Customer;
use super::lists::Lists;
use crate::page::{Page, Place, render};
use crate::problem::Problem;
use crate::texts::Texts;

/// Rows of each list.
const ROWS: usize = 3;

/// Something to do, with where it is done.
struct ToDo {
    message: String,
    href: String,
    act: String,
}

struct Row {
    href: String,
    title: String,
    detail: String,
    /// Drawn to attention; empty if nothing is.
    alert: String,
}

#[derive(Template)]
#[template(path = "home.html")]
struct HomePage {
    page: Page,
    t: Texts,
    to_do: Vec<ToDo>,
    accidents: Vec<Row>,
    contracts: Vec<Row>,
    requests: Vec<Row>,
    behind: bool,
}

pub(crate) async fn page(mut customer: Customer) -> Result<Html<String>, Problem> {
    let t = customer.texts();
    let lists = Lists::of(&customer);
    let (reminders, accidents, contracts, requests) = futures::try_join!(
        lists.reminders(),
        lists.accidents(""),
        lists.contracts(""),
        lists.requests("")
    )?;
    let behind = reminders.behind || accidents.behind || contracts.behind || requests.behind;
    let rows = (
        rows(&accidents.answer.accidents, |row| accident(t, row)),
        rows(&contracts.answer.contracts, |row| contract(&customer, row)),
        rows(&requests.answer.requests, |row| request(t, row)),
    );
    let page = customer.page(Place::Home, t.home_title()).await?;
    render(&HomePage {
        page,
        t,
        to_do: reminders
            .answer
            .reminders
            .iter()
            .map(|reminder| to_do(t, reminder))
            .collect(),
        accidents: rows.0,
        contracts: rows.1,
        requests: rows.2,
        behind,
    })
}

fn rows<T>(of: &[T], row: impl Fn(&T) -> Row) -> Vec<Row> {
    of.iter().take(ROWS).map(row).collect()
}

fn to_do(t: Texts, reminder: &Reminder) -> ToDo {
    let (href, act) = match reminder.reason() {
        ReminderReason::NoUsablePhone => (
            format!("/contracts/{}", reminder.about_id),
            t.home_register_phone(),
        ),
        ReminderReason::UnsentImages => (
            format!("/accidents/{}", reminder.about_id),
            t.home_look_and_send(),
        ),
        ReminderReason::Unspecified => ("/help".to_owned(), t.nav_help()),
    };
    ToDo {
        message: reminder.message.clone(),
        href,
        act,
    }
}

fn accident(t: Texts, accident: &AccidentSummary) -> Row {
    Row {
        href: format!("/accidents/{}", accident.accident_id),
        title: accident.kind_name.clone(),
        detail: t
            .home_accident()
            .date(t.day(accident.occurred_at_us))
            .number(&accident.claim_number),
        alert: match accident.unsent_images {
            0 => String::new(),
            unsent => t.unsent_count(unsent),
        },
    }
}

fn contract(customer: &Customer, contract: &ContractSummary) -> Row {
    let t = customer.texts();
    let until = contract
        .period_end_us
        .map_or_else(|| t.open_end(), |end| t.day(end));
    Row {
        href: format!("/contracts/{}", contract.contract_id),
        title: super::contracts::product(&customer.app, t, &contract.product),
        detail: t.home_contract().policy(&contract.policy_number).until(until),
        alert: String::new(),
    }
}

fn request(t: Texts, request: &RequestSummary) -> Row {
    Row {
        href: format!("/requests/{}/{}", request.contract_id, request.endorsement_id),
        title: t.value("endorsement-state", request.state().as_str_name()),
        detail: t
            .home_request()
            .date(t.date_of(&request.effective_date))
            .receipt(&request.receipt_number),
        alert: String::new(),
    }
}
