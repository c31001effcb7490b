//! `/register`: what does your paper show? Each answer leads to its own page.

use askama::Template;
use axum::extract::State;
use axum::response::{Html, IntoResponse as _, Redirect, Response};
use client::answered;
use contracts::identity::v1::DescribeRegistrationRequest;
use http::StatusCode;

use crate::app::App;
use crate::customer::refused::Refused;
use crate::http::form::Form;
use crate::http::visitor::Visitor;
use crate::page::contact::Route;
use crate::page::{FieldError, Page, render};
use crate::problem::Problem;
use crate::texts::Texts;

#[derive(Template)]
#[template(path = "register/fork.html")]
struct ForkPage {
    page: Page,
    t: Texts,
    conditions: Vec<String>,
    routes: Vec<Route>,
    by_code: bool,
    none: bool,
}

pub(super) async fn page(State(app): State<App>, visitor: Visitor) -> Result<Html<String>, Problem> {
    shown(&app, &visitor, Vec::new(), false).await
}

pub(super) async fn choose(
    State(app): State<App>,
    visitor: Visitor,
    form: Form,
) -> Result<Response, Problem> {
    match form.get("paper") {
        "code" => Ok(Redirect::to("/register/code").into_response()),
        "masked" => Ok(Redirect::to("/register/masked").into_response()),
        "none" => Ok(shown(&app, &visitor, Vec::new(), true).await?.into_response()),
        _ => {
            let error = FieldError {
                field: "paper-code".to_owned(),
                message: visitor.texts.register_choose(),
            };
            let page = shown(&app, &visitor, vec![error], false).await?;
            Ok(Refused::answer(StatusCode::UNPROCESSABLE_ENTITY, None, page))
        }
    }
}

async fn shown(
    app: &App,
    visitor: &Visitor,
    errors: Vec<FieldError>,
    none: bool,
) -> Result<Html<String>, Problem> {
    let t = visitor.texts;
    let bearer = app.backend.visitor(visitor.behalf());
    let request = DescribeRegistrationRequest {};
    let mut identity = app.backend.client().identity(&bearer);
    let told = answered(identity.describe_registration(request).await)?;
    render(&ForkPage {
        page: Page::new(visitor, t.register_title()).with_errors(errors),
        t,
        conditions: told.conditions,
        routes: told.contact.iter().map(|route| Route::of(route, t)).collect(),
        by_code: told.routes.iter().any(|route| route == "A"),
        none,
    })
}
