//! Whom to call, as a page shows it: open now, or when next (OP-2).

use contracts::common::v1::ContactRoute;
use kernel::clock::Timestamp;
use rulebook::{Contact, ContactTopic, Rulebook};

use crate::texts::{Texts, dialled};

/// Whom to call.
#[derive(Clone, Debug)]
pub(crate) struct Route {
    pub(crate) topic: String,
    pub(crate) name: String,
    pub(crate) number: String,
    pub(crate) dial: String,
    pub(crate) free: bool,
    pub(crate) hours: String,
    pub(crate) open: bool,
    /// When it opens next; empty while it is open.
    pub(crate) opens: String,
}

impl Route {
    /// As the rulebook has it at this instant.
    pub(crate) fn at(rulebook: &Rulebook, topic: ContactTopic, now: Timestamp, t: Texts) -> Self {
        let contact = Contact::at(rulebook, topic, now);
        let route = contact.route;
        let (name, hours) = if t.is_japanese() {
            (route.name_ja.clone(), route.hours_ja())
        } else {
            (route.name_en.clone(), route.hours_en())
        };
        Self {
            topic: t.code("topic", topic.as_str()),
            name,
            number: route.number.display(),
            dial: route.number.national(),
            free: route.free,
            hours,
            open: contact.open_now,
            opens: contact
                .opens_at
                .map_or_else(String::new, |at| t.time(at.as_microsecond())),
        }
    }

    /// As a service answered it.
    pub(crate) fn of(route: &ContactRoute, t: Texts) -> Self {
        Self {
            topic: t.code("topic", &route.topic),
            name: route.name.clone(),
            number: route.number.clone(),
            dial: dialled(&route.number),
            free: route.free_of_charge,
            hours: route.hours.clone(),
            open: route.open_now,
            opens: route.opens_at_us.map_or_else(String::new, |at| t.time(at)),
        }
    }
}
