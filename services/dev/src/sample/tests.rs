//! What the sample book promises.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;

use contracts::endorsement::v1::ContractRow;
use jiff::civil::date;
use kernel::clock::start_of_jst_day;
use kernel::phone::PhoneNumber;
use rulebook::Rulebook;

use super::*;

fn recipe(contracts: u32) -> Recipe {
    Recipe {
        seed: 1,
        contracts,
        as_of: date(2026, 11, 23),
    }
}

#[test]
fn the_full_book_has_two_thousand_contracts_and_five_hundred_accidents() {
    let book = Book::compute(recipe(2_016));
    assert!(book.contracts.len() >= 2_000);
    assert!(book.accidents.len() >= 500, "{}", book.accidents.len());
    for kind in Kind::ALL {
        assert!(
            book.contracts.iter().any(|contract| contract.kind == kind),
            "{kind:?}"
        );
    }
}

#[test]
fn the_same_seed_gives_the_same_book_and_a_smaller_book_is_its_beginning() {
    let (small, large) = (Book::compute(recipe(60)), Book::compute(recipe(300)));
    assert_eq!(small, Book::compute(recipe(60)));
    assert_eq!(small.contracts[..], large.contracts[..60]);
    assert_ne!(
        small,
        Book::compute(Recipe {
            seed: 2,
            ..recipe(60)
        })
    );
}

#[test]
fn policy_claim_and_code_are_unique() {
    let book = Book::compute(recipe(2_016));
    let policies: BTreeSet<_> = book
        .contracts
        .iter()
        .map(|contract| &contract.row.policy_number)
        .collect();
    assert_eq!(policies.len(), book.contracts.len());
    let claims: BTreeSet<_> = book
        .accidents
        .iter()
        .map(|accident| &accident.claim_number)
        .collect();
    assert_eq!(claims.len(), book.accidents.len());
    let masked = book
        .contracts
        .iter()
        .filter(|contract| contract.credential.code == MASKED_CODE)
        .count();
    let codes: BTreeSet<_> = book
        .contracts
        .iter()
        .map(|contract| &contract.credential.code)
        .collect();
    assert_eq!(codes.len(), book.contracts.len() - masked + 1);
}

#[test]
fn pv_4_the_plain_customers_number_is_usable_and_the_others_are_not() {
    let (book, rulebook) = (Book::compute(recipe(48)), Rulebook::default_rulebook());
    let now = start_of_jst_day(book.recipe.as_of);
    let usable = |row: &ContractRow| {
        row.policyholder.as_ref().unwrap().phones.iter().any(|phone| {
            let number = PhoneNumber::parse(phone).unwrap();
            matches!(
                rulebook.numbers.verdict(&number, now),
                rulebook::Verdict::Eligible(_)
            )
        })
    };
    for contract in &book.contracts {
        let unusable = matches!(
            contract.kind,
            Kind::OnlyIpPhone | Kind::OnlyFreephone | Kind::NoPhone
        );
        assert_eq!(usable(&contract.row), !unusable, "{:?}", contract.kind);
    }
}

#[test]
fn each_file_has_at_least_fifteen_bad_rows_and_loses_no_good_one() {
    let book = Book::compute(recipe(60));
    let files = compose(&book);
    assert_eq!(
        files.each_ref().map(SampleFile::good_rows),
        [60, 60, book.accidents.len()]
    );
    for file in &files {
        assert!(file.refusals.len() >= 15, "{}", file.name);
        let header = &file.lines[0];
        for refusal in &file.refusals {
            assert!(refusal.column.is_empty() || header.iter().any(|column| column == refusal.column));
        }
    }
}

#[test]
fn what_is_written_is_what_was_composed() {
    let folder = tempfile::tempdir().unwrap();
    let files = compose(&Book::compute(recipe(24)));
    let paths = write(&files, folder.path()).unwrap();
    for (file, path) in files.iter().zip(paths) {
        let mut reader = csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .from_path(path)
            .unwrap();
        let lines: Vec<Vec<String>> = reader
            .records()
            .map(|record| record.unwrap().iter().map(str::to_owned).collect())
            .collect();
        assert_eq!(lines, file.lines);
    }
}
