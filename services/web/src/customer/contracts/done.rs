//! `/contracts/{c}/{section}/done/{e}`: the receipt, to be printed, and the next act.

use askama::Template;
use axum::response::Html;
use client::answered;
use contracts::endorsement::v1::{EndorsementState, GetEndorsementRequest};

use super::shown::Whose;
use crate::customer::guard::Customer;
use crate::customer::place::{self, Id};
use crate::page::{Page, Place, render};
use crate::problem::Problem;
use crate::texts::Texts;

#[derive(Template)]
#[template(path = "contracts/done.html")]
struct DonePage {
    page: Page,
    t: Texts,
    receipt: String,
    submitted: String,
    effective: String,
    scheduled: bool,
    request: String,
}

pub(super) async fn page(
    mut customer: Customer,
    place::Place((id, _, request_id)): place::Place<(Id, Whose, Id)>,
) -> Result<Html<String>, Problem> {
    let t = customer.texts();
    let request = GetEndorsementRequest {
        contract_id: id.to_string(),
        endorsement_id: request_id.to_string(),
    };
    let mut service = customer.app.backend.client().endorsement(&customer.bearer);
    let endorsement = answered(service.get_endorsement(request).await)?
        .endorsement
        .unwrap_or_default();
    let scheduled = endorsement.state() == EndorsementState::Scheduled;
    let page = customer.page(Place::Requests, t.done_title()).await?;
    render(&DonePage {
        page,
        t,
        receipt: endorsement.receipt_number,
        submitted: t.time(endorsement.submitted_at_us),
        effective: t.time(endorsement.effective_at_us),
        scheduled,
        request: format!("/requests/{id}/{request_id}"),
    })
}
