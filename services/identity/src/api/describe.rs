//! What a visitor is told before typing (ID-2, ID-7, OP-2): routes, general conditions, who helps.

use contracts::common::v1::ContactRoute;
use contracts::identity::v1::DescribeRegistrationResponse;
use decider::{Problem, ProblemKind};
use kernel::Timestamp;
use kernel::clock::Clock as _;
use rulebook::Rulebook;
use rulebook::{ContactRoute as Route, ContactTopic};
use service::{Context, Scope};

pub(super) fn describe(context: &Context) -> DescribeRegistrationResponse {
    let (rules, now) = (&context.rulebook, context.clock.now());
    let text = |reason| Scope::current().text(&Problem::new(ProblemKind::InvalidArgument, reason));
    DescribeRegistrationResponse {
        routes: rules
            .registration
            .routes
            .iter()
            .map(|route| format!("{route:?}"))
            .collect(),
        conditions: conditions(rules, now).into_iter().map(text).collect(),
        contact: Some(contact(rules.contact(ContactTopic::Registration), now)),
    }
}

fn conditions(rules: &Rulebook, now: Timestamp) -> Vec<&'static str> {
    let registration = &rules.registration;
    let mut conditions = vec![if registration.corporate_allowed {
        "CONDITION_ANY_POLICYHOLDER"
    } else {
        "CONDITION_INDIVIDUALS_ONLY"
    }];
    if registration.refuses_kind("group") {
        conditions.push("CONDITION_NO_GROUP_CONTRACTS");
    }
    conditions.extend(["CONDITION_CODE_AT_HAND", "CONDITION_ONE_ACCOUNT"]);
    if rules.login.phone_required(now) {
        conditions.push("CONDITION_PHONE_CALL");
    }
    conditions
}

fn contact(route: &Route, now: Timestamp) -> ContactRoute {
    let english = Scope::current().english();
    let open_now = route.open_at(now);
    ContactRoute {
        topic: route.topic.as_str().to_owned(),
        name: if english { &route.name_en } else { &route.name_ja }.clone(),
        number: route.number.display(),
        free_of_charge: route.free,
        hours: if english {
            route.hours_en()
        } else {
            route.hours_ja()
        },
        open_now,
        opens_at_us: if open_now {
            None
        } else {
            route.next_opening(now).map(Timestamp::as_microsecond)
        },
    }
}
