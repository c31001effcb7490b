//! `/requests`: change requests, newest first.

use askama::Template;
use axum::extract::Query;
use axum::response::Html;
use contracts::views::v1::RequestSummary;
use serde::Deserialize;

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
    title: String,
    state: String,
    detail: String,
}

#[derive(Template)]
#[template(path = "requests/list.html")]
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
    let shown = Lists::of(&customer).requests(&asked.page).await?;
    let page = customer.page(Place::Requests, t.requests_title()).await?;
    render(&ListPage {
        page,
        t,
        rows: shown
            .answer
            .requests
            .iter()
            .map(|request| row(t, request))
            .collect(),
        next: shown.answer.next_page_token,
        behind: shown.behind,
    })
}

fn row(t: Texts, request: &RequestSummary) -> Row {
    // "insured.phones": whose it is matters little in a list.
    let fields = request
        .fields
        .iter()
        .map(|field| field.rsplit('.').next().unwrap_or_default());
    let mut fields: Vec<String> = fields.map(|field| t.code("field", field)).collect();
    fields.dedup();
    Row {
        href: format!("/requests/{}/{}", request.contract_id, request.endorsement_id),
        title: fields.join(t.list_separator().as_str()),
        state: t.value("endorsement-state", request.state().as_str_name()),
        detail: t
            .request_detail()
            .effective(t.date_of(&request.effective_date))
            .receipt(&request.receipt_number)
            .submitted(t.time(request.submitted_at_us)),
    }
}
