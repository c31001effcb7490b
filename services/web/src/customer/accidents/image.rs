//! `/accidents/{a}/images/{i}`: a picture in large, with the one before and the one after.

use askama::Template;
use axum::response::Html;

use super::accident::seen;
use super::shown::Picture;
use crate::customer::guard::Customer;
use crate::customer::place::{self, Id};
use crate::page::{Page, Place, render};
use crate::problem::Problem;
use crate::texts::Texts;

#[derive(Template)]
#[template(path = "accidents/image.html")]
struct ImagePage {
    page: Page,
    t: Texts,
    accident: String,
    picture: Picture,
    large: String,
    before: String,
    after: String,
}

pub(super) async fn page(
    mut customer: Customer,
    place::Place((id, image)): place::Place<(Id, Id)>,
) -> Result<Html<String>, Problem> {
    let t = customer.texts();
    let (accident, mut pictures, _) = seen(&customer, id).await?;
    let image = image.to_string();
    let index = pictures.iter().position(|picture| picture.id == image);
    let index = index.ok_or(Problem::NotFound)?;
    let href = |index: Option<usize>| {
        index
            .and_then(|index| pictures.get(index))
            .map_or_else(String::new, |picture| picture.href.clone())
    };
    let (before, after) = (href(index.checked_sub(1)), href(Some(index + 1)));
    let picture = pictures.swap_remove(index);
    let page = customer
        .page(Place::Accidents, t.image_title(picture.number))
        .await?;
    render(&ImagePage {
        page,
        t,
        accident: accident.href,
        large: if picture.src.is_empty() {
            String::new()
        } else {
            format!("/img/{id}/{image}/large")
        },
        picture,
        before,
        after,
    })
}
