//! A contact route as an answer names it (OP-2): whom to call, and whether they answer now or when next.

use eventsourcing::Problem;
use kernel::clock::jst;
use kernel::{ContactRoute, ContactTopic, Rulebook, Timestamp};

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

    /// Adds the route to a refusal, for programs and for its texts in both languages.
    pub(super) fn tell(&self, problem: Problem) -> Problem {
        let (opening_ja, opening_en) = self.opening();
        let problem = problem
            .with("contact_topic", self.route.topic.as_str())
            .with("contact_name_ja", &self.route.name_ja)
            .with("contact_name_en", &self.route.name_en)
            .with("contact_number", self.route.number.display())
            .with("contact_free", self.route.free.to_string())
            .with("contact_hours_ja", self.route.hours_ja())
            .with("contact_hours_en", self.route.hours_en())
            .with("contact_open_now", self.open_now.to_string())
            .with("contact_opening_ja", opening_ja)
            .with("contact_opening_en", opening_en);
        match self.opens_at {
            Some(at) => problem.with("contact_opens_at", at.to_string()),
            None => problem,
        }
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
