//! PostgreSQL's codes in words, for logs and for what operators are shown: a code alone sends everybody to a table. The words
//! are those of the manual's appendix "PostgreSQL Error Codes", where they say more than its class.

/// What a code says; by its class where the code itself is not known here.
pub(crate) fn words(code: &str) -> &'static str {
    match code {
        "22001" => "a text is longer than its column",
        "22003" => "a number is out of its column's range",
        "22007" | "22008" => "a date or an instant is out of range",
        "22012" => "division by zero",
        "22021" | "22P05" => "a character that the database cannot hold, such as U+0000",
        "22P02" => "a text does not have the form of its column's type",
        "23502" => "a value is missing that must be there",
        "23503" => "it refers to a row that is not there",
        "23505" => "a row of this key is there already",
        "23514" => "a value that a check of the table refuses",
        "54000" => "a value is too large, such as one for an index",
        _ => class(code.get(..2).unwrap_or_default()),
    }
}

fn class(class: &str) -> &'static str {
    match class {
        "08" => "the connection failed",
        "22" => "a value that its column cannot hold",
        "23" => "a constraint of the table refuses it",
        "25" => "the transaction was in a state that does not allow it",
        "28" => "the user may not log in",
        "40" => "another transaction was in the way",
        "42" => "the statement does not fit the tables, or the user may not run it",
        "53" => "the server lacks memory, disk or connections",
        "54" => "a limit of the server",
        "55" => "it is in use",
        "57" => "an operator or the server ended it",
        "58" => "the server's machine failed",
        "XX" => "an internal error of the server",
        _ => "see the manual's appendix of error codes",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_has_its_words_and_an_unknown_one_those_of_its_class() {
        assert_eq!(
            words("22021"),
            "a character that the database cannot hold, such as U+0000"
        );
        assert_eq!(words("22999"), class("22"));
        assert_eq!(words("ZZ000"), words(""));
    }
}
