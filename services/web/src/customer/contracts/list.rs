//! `/contracts`: the columns of EN-1 and the numbers that can be used for login.

use askama::Template;
use axum::extract::Query;
use axum::response::Html;
use contracts::views::v1::ContractSummary;
use serde::Deserialize;

use super::shown;
use crate::customer::guard::Customer;
use crate::customer::lists::Lists;
use crate::page::{Page, Place, render};
use crate::problem::Problem;
use crate::texts::Texts;

#[derive(Deserialize)]
pub(super) struct Asked {
    #[serde(default)]
    page: String,
}

struct Row {
    href: String,
    product: String,
    policy: String,
    period: String,
    changed: String,
    insured: String,
    object: String,
    /// Numbers that can be used for login now.
    usable: Vec<String>,
    online: bool,
}

#[derive(Template)]
#[template(path = "contracts/list.html")]
struct ListPage {
    page: Page,
    t: Texts,
    rows: Vec<Row>,
    next: String,
    behind: bool,
}

pub(super) async fn page(
    mut customer: Customer,
    Query(asked): Query<Asked>,
) -> Result<Html<String>, Problem> {
    let t = customer.texts();
    let shown = Lists::of(&customer).contracts(&asked.page).await?;
    let rows = shown
        .answer
        .contracts
        .iter()
        .map(|contract| row(&customer, contract))
        .collect();
    let page = customer.page(Place::Contracts, t.contracts_title()).await?;
    render(&ListPage {
        page,
        t,
        rows,
        next: shown.answer.next_page_token,
        behind: shown.behind,
    })
}

fn row(customer: &Customer, contract: &ContractSummary) -> Row {
    let t = customer.texts();
    Row {
        href: format!("/contracts/{}", contract.contract_id),
        product: shown::product(&customer.app, t, &contract.product),
        policy: shown::policy(&contract.policy_number, &contract.branch_number),
        period: shown::period(t, contract.period_start_us, contract.period_end_us),
        changed: t.date_of(&contract.last_endorsement_date),
        insured: contract.insured_name.clone(),
        object: contract.object_address.clone(),
        usable: contract
            .phones
            .iter()
            .filter(|phone| phone.usable_for_login)
            .map(|phone| phone.number.clone())
            .collect(),
        online: contract.online,
    }
}
