//! From messages to values, once, with everything that is wrong in one answer.

use contracts::identity::v1::{InitialCredential, LoginRequest, RegisterWithInitialCredentialsRequest};
use decider::{Problem, ProblemKind, Violations};
use kernel::Timestamp;
use kernel::email::EmailError;
use kernel::initial_code::InitialCodeError;
use kernel::{ContractId, EmailAddress, InitialCode, PolicyNumber, SubjectId};
use rulebook::RegistrationRoute;
use rulebook::Rulebook;
use service::import::columns;

use crate::domain::password::{Password, WeakPassword};

/// A password that is too weak, with what its text is rendered with.
fn weak_password(violations: &mut Violations, weak: WeakPassword) {
    match weak {
        WeakPassword::TooShort { min } => violations.fact("min", min.to_string()),
        WeakPassword::TooLong { max } => violations.fact("max", max.to_string()),
        WeakPassword::Common | WeakPassword::Personal => {}
    }
    violations.add("password", weak.reason());
}

/// A registration as typed.
pub(super) struct Registration {
    pub(super) code: InitialCode,
    pub(super) email: EmailAddress,
    pub(super) password: Password,
}

/// Reads route A. The request id is read elsewhere; `request_id` is what was wrong with it.
pub(super) fn registration(
    message: &RegisterWithInitialCredentialsRequest,
    rules: &Rulebook,
    now: Timestamp,
    request_id: Option<Problem>,
) -> Result<Registration, Problem> {
    // ID-4: one answer whatever the contract and whatever else was typed.
    if InitialCode::is_masked(&message.initial_password) {
        let masked = Problem::new(ProblemKind::FailedPrecondition, "INITIAL_CODE_MASKED");
        return Err(masked.field("initial_password", "INITIAL_CODE_MASKED"));
    }
    if !rules.registration.offers(RegistrationRoute::A) {
        return Err(Problem::new(ProblemKind::FailedPrecondition, "ROUTE_NOT_OFFERED"));
    }
    let mut wrong = Violations::default();
    wrong.extend(request_id.into_iter().flat_map(|problem| problem.violations));
    let initial_user = message.initial_user_id.trim();
    if initial_user.is_empty() {
        wrong.add("initial_user_id", "INITIAL_USER_ID_REQUIRED");
    }
    let code = InitialCode::parse(&message.initial_password).map_err(|error| {
        wrong.add("initial_password", code_reason(error));
    });
    let email = EmailAddress::parse(&message.email).map_err(|error| wrong.add("email", email_reason(error)));
    let password = password(&message.password, initial_user, email.as_ref().ok(), rules, now);
    let password = password.map_err(|weak| weak_password(&mut wrong, weak));
    wrong.none_or()?;
    match (code, email, password) {
        (Ok(code), Ok(email), Ok(password)) => Ok(Registration {
            code,
            email,
            password,
        }),
        // Each of them has left its violation above.
        _ => Err(Problem::new(ProblemKind::InvalidArgument, "INVALID_ARGUMENT")),
    }
}

fn password(
    typed: &str,
    initial_user: &str,
    email: Option<&EmailAddress>,
    rules: &Rulebook,
    now: Timestamp,
) -> Result<Password, WeakPassword> {
    let mailbox = email
        .and_then(|email| email.as_str().rsplit_once('@'))
        .map_or("", |(mailbox, _)| mailbox);
    Password::chosen(
        typed,
        &rules.password,
        rules.login.phone_required(now),
        &[initial_user, mailbox],
    )
}

/// ID-14, once the policy number is known: the password must not contain it either.
pub(super) fn password_without(password: &Password, policy: &PolicyNumber) -> Result<(), Problem> {
    let mut wrong = Violations::default();
    if password.contains_one_of(&[policy.as_str()]) {
        weak_password(&mut wrong, WeakPassword::Personal);
    }
    wrong.none_or()
}

fn code_reason(error: InitialCodeError) -> &'static str {
    match error {
        InitialCodeError::Empty => "INITIAL_PASSWORD_REQUIRED",
        InitialCodeError::Masked => "INITIAL_CODE_MASKED",
        InitialCodeError::TooLong => "INITIAL_PASSWORD_TOO_LONG",
    }
}

fn email_reason(error: EmailError) -> &'static str {
    match error {
        EmailError::Empty => "EMAIL_REQUIRED",
        EmailError::TooLong => "EMAIL_TOO_LONG",
        EmailError::Mailbox | EmailError::Domain => "EMAIL_INVALID",
    }
}

/// Checks a login's form; whether the user exists shows nowhere here.
pub(super) fn login(message: &LoginRequest) -> Result<(), Problem> {
    let mut wrong = Violations::default();
    if message.user_id.trim().is_empty() {
        wrong.add("user_id", "USER_ID_REQUIRED");
    }
    if message.password.is_empty() {
        wrong.add("password", "PASSWORD_REQUIRED");
    }
    wrong.none_or()
}

pub(super) struct Row {
    pub(super) contract: ContractId,
    pub(super) policy_number: PolicyNumber,
    pub(super) subject: SubjectId,
    pub(super) initial_user: String,
    /// None: masked on paper.
    pub(super) code: Option<InitialCode>,
}

/// Reads a row of an import.
pub(super) fn row(message: &InitialCredential) -> Result<Row, Violations> {
    let mut wrong = Violations::default();
    let contract = columns::contract(&mut wrong, &message.policy_number, &message.branch_number);
    let customer = columns::customer(&mut wrong, "customer_number", &message.customer_number);
    let code = match InitialCode::parse(&message.code) {
        Ok(code) => Some(code),
        Err(error) => {
            match error {
                InitialCodeError::Masked => {}
                InitialCodeError::Empty => wrong.add("code", "CODE_REQUIRED"),
                InitialCodeError::TooLong => wrong.add("code", "INITIAL_PASSWORD_TOO_LONG"),
            }
            None
        }
    };
    let (Some((contract, policy_number, _)), Some((subject, _)), true) =
        (contract, customer, wrong.is_empty())
    else {
        return Err(wrong);
    };
    let initial_user = match message.initial_user_id.trim() {
        "" => policy_number.as_str().to_owned(),
        text => text.to_owned(),
    };
    Ok(Row {
        contract,
        policy_number,
        subject,
        initial_user,
        code,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    fn typed(code: &str, email: &str, password: &str) -> RegisterWithInitialCredentialsRequest {
        RegisterWithInitialCredentialsRequest {
            request_id: String::new(),
            initial_user_id: "AB12345678".to_owned(),
            initial_password: code.to_owned(),
            email: email.to_owned(),
            password: password.to_owned(),
        }
    }

    fn read(message: &RegisterWithInitialCredentialsRequest) -> Result<(), Problem> {
        let now = "2026-11-23T00:00:00Z".parse().unwrap();
        registration(message, &Rulebook::default_rulebook(), now, None).map(|_| ())
    }

    #[test]
    fn all_that_is_wrong_comes_in_one_answer() {
        let mut message = typed("", "nobody", "short");
        message.initial_user_id = " ".to_owned();
        let problem = read(&message).unwrap_err();
        let found: Vec<_> = problem
            .violations
            .iter()
            .map(|wrong| (wrong.field.as_str(), wrong.reason))
            .collect();
        assert_eq!(
            found,
            [
                ("initial_user_id", "INITIAL_USER_ID_REQUIRED"),
                ("initial_password", "INITIAL_PASSWORD_REQUIRED"),
                ("email", "EMAIL_INVALID"),
                ("password", "PASSWORD_TOO_SHORT"),
            ]
        );
        assert_eq!(problem.metadata["min"], "8");
    }

    #[test]
    fn id_4_a_masked_code_has_one_answer_whatever_else_is_typed() {
        let one = read(&typed("*****", "hanako@example.jp", "a good passphrase")).unwrap_err();
        assert_eq!(one.reason, "INITIAL_CODE_MASKED");
        assert_eq!(read(&typed("＊＊＊＊＊", "nobody", "short")).unwrap_err(), one);
    }

    #[test]
    fn id_14_a_password_with_the_mailbox_or_the_user_id_is_refused() {
        for password in ["hanako.sato!!", "x-AB12345678"] {
            let problem = read(&typed("ABCD2345", "hanako.sato@example.jp", password)).unwrap_err();
            assert_eq!(
                problem.violations[0].reason, "PASSWORD_CONTAINS_PERSONAL",
                "{password}"
            );
        }
        read(&typed("ABCD2345", "hanako.sato@example.jp", "a good passphrase")).unwrap();
    }

    #[test]
    fn every_problem_of_a_row_is_reported() {
        let bad = InitialCredential {
            line: 7,
            branch_number: "x".to_owned(),
            ..InitialCredential::default()
        };
        let wrong = row(&bad).map(|_| ()).unwrap_err();
        let wrong: Vec<_> = wrong
            .fields()
            .iter()
            .map(|wrong| (wrong.field.as_str(), wrong.reason))
            .collect();
        assert_eq!(
            wrong,
            [
                ("policy_number", "POLICY_NUMBER_REQUIRED"),
                ("branch_number", "BRANCH_NUMBER_INVALID"),
                ("customer_number", "CUSTOMER_NUMBER_REQUIRED"),
                ("code", "CODE_REQUIRED"),
            ]
        );
    }

    #[test]
    fn an_initial_user_id_left_empty_is_the_policy_number() {
        let good = InitialCredential {
            line: 1,
            policy_number: "ab-1234-5678".to_owned(),
            customer_number: "C0000001".to_owned(),
            code: "*****".to_owned(),
            ..InitialCredential::default()
        };
        let row = row(&good).unwrap_or_else(|wrong| panic!("{wrong:?}"));
        assert_eq!(row.initial_user, "AB12345678");
        assert!(row.code.is_none());
    }
}
