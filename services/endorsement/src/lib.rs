//! Contracts and their changes (異動).

pub mod domain;
