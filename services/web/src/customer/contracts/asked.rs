//! What a change of numbers asks of the service: the contract it is about, and the request as it was typed.

use client::answered;
use client::change::{Change, phones};
use contracts::endorsement::v1::{Contract, GetContractRequest, Section};

use super::shown::Whose;
use crate::customer::guard::Customer;
use crate::customer::place::Id;
use crate::http::form::Form;
use crate::problem::Problem;

/// Numbers a section has at most.
pub(super) const NUMBERS: usize = 3;
/// The inputs of the numbers, and of the date.
pub(super) const PHONE_FIELDS: [&str; NUMBERS] = ["phone1", "phone2", "phone3"];
pub(super) const DATE_FIELD: &str = "effective_date";

/// The contract, in full.
pub(super) async fn contract(customer: &Customer, id: Id) -> Result<Contract, Problem> {
    let request = GetContractRequest {
        contract_id: id.to_string(),
    };
    let mut service = customer.app.backend.client().endorsement(&customer.bearer);
    answered(service.get_contract(request).await)?
        .contract
        .ok_or_else(|| Problem::internal("a contract without content"))
}

/// Where the form is, which also names what was typed in the session.
pub(super) fn form_path(id: Id, whose: Whose) -> String {
    format!("/contracts/{id}/{}/phones", whose.path())
}

/// The numbers as typed, without empty inputs, and of each the input it came from.
fn typed(form: &Form) -> impl Iterator<Item = (&'static str, &str)> {
    PHONE_FIELDS
        .into_iter()
        .map(|field| (field, form.get(field)))
        .filter(|(_, number)| !number.trim().is_empty())
}

/// The request, prepared and submitted as the same.
pub(super) fn change(id: Id, whose: Whose, form: &Form) -> Change {
    let section = match whose {
        Whose::Policyholder => Section::Policyholder,
        Whose::Insured => Section::Insured,
    };
    let numbers: Vec<&str> = typed(form).map(|(_, number)| number).collect();
    Change {
        contract_id: id.to_string(),
        items: vec![phones(section, &numbers)],
        effective_date: form.get(DATE_FIELD).trim().to_owned(),
        acknowledged_warnings: Vec::new(),
    }
}

/// The input of a field of the request.
pub(super) fn input_of(form: &Form, field: &str) -> Option<String> {
    if field == "effective_date" {
        return Some(DATE_FIELD.replace('_', "-"));
    }
    let index = field.strip_prefix("items[0].phones.numbers")?;
    let index = index.trim_start_matches('[').trim_end_matches(']');
    let found = match index.parse::<usize>() {
        Ok(index) => typed(form).nth(index).map(|(field, _)| field),
        Err(_) => None,
    };
    Some(found.unwrap_or(PHONE_FIELDS[0]).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_stands_at_the_input_its_number_was_typed_in() {
        let pairs = [("phone1", " "), ("phone2", "090"), ("phone3", "080")];
        let form = Form::of(pairs.map(|(name, value)| (name.to_owned(), value.to_owned())));
        let at = |field| input_of(&form, field);
        assert_eq!(at("items[0].phones.numbers[0]").as_deref(), Some("phone2"));
        assert_eq!(at("items[0].phones.numbers[1]").as_deref(), Some("phone3"));
        assert_eq!(at("items[0].phones.numbers").as_deref(), Some("phone1"));
        assert_eq!(at("effective_date").as_deref(), Some("effective-date"));
        assert_eq!(at("request_id"), None);
    }
}
