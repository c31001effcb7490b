//! `/contracts/{c}`: parties, what can be changed where (EN-3), insurers, agency, whom to call.

use askama::Template;
use axum::response::Html;

use super::asked::contract;
use super::shown::{self, Insurer, Section, Whose};
use crate::customer::guard::Customer;
use crate::customer::place;
use crate::page::contact::Route;
use crate::page::{Page, Place, render};
use crate::problem::Problem;
use crate::texts::Texts;

#[derive(Template)]
#[template(path = "contracts/contract.html")]
struct ContractPage {
    page: Page,
    t: Texts,
    href: String,
    product: String,
    policy: String,
    period: String,
    changed: String,
    object: String,
    /// The policyholder's, or of both where they are the same.
    policyholder: Option<Section>,
    insured: Option<Section>,
    same: bool,
    online: bool,
    offline_reason: String,
    insurers: Vec<Insurer>,
    agency: String,
    routes: Vec<Route>,
}

pub(super) async fn page(
    mut customer: Customer,
    place::Place(id): place::Place<place::Id>,
) -> Result<Html<String>, Problem> {
    let t = customer.texts();
    let contract = contract(&customer, id).await?;
    let now_us = customer.app.now().as_microsecond();
    let section = |whose: Whose| whose.of(&contract).map(|party| shown::section(t, party, now_us));
    let product = shown::product(&customer.app, t, &contract.product);
    let page = customer.page(Place::Contracts, product.clone()).await?;
    render(&ContractPage {
        page,
        t,
        href: format!("/contracts/{id}"),
        product,
        policy: shown::policy(&contract.policy_number, &contract.branch_number),
        period: shown::period(t, contract.period_start_us, contract.period_end_us),
        changed: t.date_of(&contract.last_endorsement_date),
        object: contract.object_address.clone(),
        policyholder: section(Whose::Policyholder),
        insured: section(Whose::Insured),
        same: contract.policyholder_is_insured,
        online: contract.online,
        offline_reason: t.code("offline", &contract.offline_reason),
        insurers: shown::insurers(t, &contract.insurers),
        agency: contract.agency_name.clone(),
        routes: contract.contact.iter().map(|route| Route::of(route, t)).collect(),
    })
}
