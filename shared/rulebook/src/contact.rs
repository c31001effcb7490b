//! A contact route as an answer names it (OP-2): whom to call, and whether they answer now or when next.

use crate::opening_hours::{ContactRoute, ContactTopic};
use crate::rules::Rulebook;
use kernel::clock::{Timestamp, jst};

/// A route as it stands at an instant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contact {
    /// The route of the rulebook.
    pub route: ContactRoute,
    /// When someone answers next; absent while open, or where no opening is known.
    pub opens_at: Option<Timestamp>,
    /// Whether someone answers.
    pub open_now: bool,
}

impl Contact {
    /// The route of a topic at an instant.
    pub fn at(rulebook: &Rulebook, topic: ContactTopic, now: Timestamp) -> Self {
        let route = rulebook.contact(topic).clone();
        let open_now = route.open_at(now);
        let opens_at = if open_now { None } else { route.next_opening(now) };
        Self {
            route,
            opens_at,
            open_now,
        }
    }

    /// What a refusal says of the route, for programs and for its texts in both languages.
    pub fn facts(&self) -> Vec<(&'static str, String)> {
        let (opening_ja, opening_en) = self.opening();
        let mut facts = vec![
            ("contact_topic", self.route.topic.as_str().to_owned()),
            ("contact_name_ja", self.route.name_ja.clone()),
            ("contact_name_en", self.route.name_en.clone()),
            ("contact_number", self.route.number.display()),
            ("contact_free", self.route.free.to_string()),
            ("contact_hours_ja", self.route.hours_ja()),
            ("contact_hours_en", self.route.hours_en()),
            ("contact_open_now", self.open_now.to_string()),
            ("contact_opening_ja", opening_ja),
            ("contact_opening_en", opening_en),
        ];
        facts.extend(self.opens_at.map(|at| ("contact_opens_at", at.to_string())));
        facts
    }

    fn opening(&self) -> (String, String) {
        match self.opens_at {
            _ if self.open_now => ("ただいま受付中です".to_owned(), "it is open now".to_owned()),
            None => ("ただいま受付時間外です".to_owned(), "it is closed now".to_owned()),
            Some(at) => {
                let at = jst(at);
                let (ja, en) = (
                    at.strftime("%Y年%-m月%-d日 %-H:%M"),
                    at.strftime("%Y-%m-%d %H:%M"),
                );
                (
                    format!("次の受付開始は{ja}です"),
                    format!("it opens next at {en} (Japan time)"),
                )
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    fn fact(at: &str, key: &str) -> Option<String> {
        let contact = Contact::at(
            &Rulebook::default_rulebook(),
            ContactTopic::Registration,
            at.parse().unwrap(),
        );
        contact
            .facts()
            .into_iter()
            .find(|(name, _)| *name == key)
            .map(|(_, value)| value)
    }

    #[test]
    fn op_2_a_route_says_whether_it_is_open_and_when_next() {
        // Monday 16 November 2026, 12:00 JST, then 17:00 sharp.
        assert_eq!(fact("2026-11-16T03:00:00Z", "contact_open_now").unwrap(), "true");
        assert_eq!(fact("2026-11-16T03:00:00Z", "contact_opens_at"), None);
        assert_eq!(fact("2026-11-16T08:00:00Z", "contact_open_now").unwrap(), "false");
        assert_eq!(
            fact("2026-11-16T08:00:00Z", "contact_opens_at").unwrap(),
            "2026-11-17T00:00:00Z"
        );
        let text = fact("2026-11-16T08:00:00Z", "contact_opening_ja").unwrap();
        assert_eq!(text, "次の受付開始は2026年11月17日 9:00です");
    }
}
