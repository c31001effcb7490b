//! What a visitor is told before typing (ID-2, ID-7, OP-2): routes, general conditions, who helps.

use contracts::identity::v1::DescribeRegistrationResponse;
use decider::{Problem, ProblemKind};
use kernel::Timestamp;
use kernel::clock::Clock as _;
use rulebook::ContactTopic;
use rulebook::Rulebook;
use service::{Context, Scope, shown_route};

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
        contact: Some(shown_route(rules.contact(ContactTopic::Registration), now)),
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
