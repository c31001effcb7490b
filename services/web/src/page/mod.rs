//! What every page has: its words, title, place in the navigation, what was wrong with the form, what is said once.

pub(crate) mod contact;
pub(crate) mod problem;

use askama::Template;
use axum::response::Html;

use crate::assets;
use crate::http::visitor::Visitor;
use crate::problem::Problem;
use crate::texts::Texts;

/// Something wrong with a field, said on top and at the field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FieldError {
    /// The `id` of the input; empty where it is about the whole form.
    pub(crate) field: String,
    pub(crate) message: String,
}

/// Where a page stands in the navigation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// Before the login: no navigation.
    Outside,
    Home,
    Contracts,
    Accidents,
    Requests,
    Help,
}

/// What every page has.
pub(crate) struct Page {
    pub(crate) t: Texts,
    pub(crate) title: String,
    pub(crate) place: Place,
    pub(crate) logged_in: bool,
    /// Of this page, to come back to when the language is changed.
    pub(crate) here: String,
    pub(crate) errors: Vec<FieldError>,
    /// Said once, above everything else.
    pub(crate) notices: Vec<String>,
}

impl Page {
    pub(crate) fn new(visitor: &Visitor, title: String) -> Self {
        Self {
            t: visitor.texts,
            title,
            place: Place::Outside,
            logged_in: false,
            here: visitor.place.clone(),
            errors: Vec::new(),
            notices: Vec::new(),
        }
    }

    /// A page of somebody who is logged in.
    #[must_use]
    pub(crate) fn inside(mut self, place: Place) -> Self {
        self.place = place;
        self.logged_in = true;
        self
    }

    #[must_use]
    pub(crate) fn with_errors(mut self, errors: Vec<FieldError>) -> Self {
        self.errors = errors;
        self
    }

    #[must_use]
    pub(crate) fn with_notices(mut self, notices: Vec<String>) -> Self {
        self.notices = notices;
        self
    }

    /// What is wrong with a field.
    pub(crate) fn error(&self, field: &str) -> Option<&str> {
        self.errors
            .iter()
            .find(|error| error.field == field)
            .map(|error| error.message.as_str())
    }

    /// What assistive technology reads with an input: its support text and its error.
    pub(crate) fn described_by(&self, field: &str, support: bool) -> String {
        let mut ids = Vec::new();
        if support {
            ids.push(format!("{field}-support"));
        }
        if self.error(field).is_some() {
            ids.push(format!("{field}-error"));
        }
        ids.join(" ")
    }

    #[allow(clippy::unused_self, reason = "templates reach it by the page")]
    pub(crate) fn asset(&self, name: &str) -> String {
        assets::url(name)
    }

    pub(crate) fn is(&self, place: &str) -> bool {
        matches!(
            (self.place, place),
            (Place::Home, "home")
                | (Place::Contracts, "contracts")
                | (Place::Accidents, "accidents")
                | (Place::Requests, "requests")
                | (Place::Help, "help")
        )
    }
}

/// A page as it is sent.
pub(crate) fn render(page: &impl Template) -> Result<Html<String>, Problem> {
    page.render().map(Html).map_err(Problem::internal)
}
