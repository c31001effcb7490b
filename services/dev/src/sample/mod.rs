//! The invented book of business `make run` works with: made by code from a seed, covering every kind of contract,
//! party, phone and accident, plus rows that must be refused.

mod bad;
mod book;
mod files;
mod kinds;
mod people;
mod phones;
#[cfg(test)]
mod tests;

pub use book::{ADJUSTERS, Book, BookContract, MASKED_CODE, OFFICES, Recipe};
pub use files::{Refusal, SampleFile, compose, write};
pub use kinds::Kind;
