//! Reading CSV strictly, as RFC 4180 has it and no other way. A file whose quotation marks are wrong says nothing sure about
//! where its rows begin and end, and a lenient reader then puts the rows of several people into one cell; so here every line
//! that a broken quotation may have swallowed is reported, and rows begin again where that is certain (docs/adr/0025).

use std::borrow::Cow;

/// The most lines a cell may have. It bounds what one quotation mark too many can swallow.
pub(super) const MAX_CELL_LINES: u32 = 100;

/// What stands next in the file. Lines are counted from 1, by LF, as editors do.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Scanned<'a> {
    /// A row that is well formed.
    Record(Record<'a>),
    /// Lines that are no rows, and why.
    Broken(Broken),
}

/// A row, with as many cells as it has.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Record<'a> {
    /// Where it begins.
    pub(super) line: u32,
    /// On how many lines it stands; more than one where a cell has line breaks.
    pub(super) lines: u32,
    pub(super) cells: Vec<Cow<'a, str>>,
}

/// Lines that cannot be told apart.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Broken {
    /// The lines, but for blank ones.
    pub(super) lines: Vec<u32>,
    /// The line of the fault.
    pub(super) at: u32,
    pub(super) fault: Fault,
}

/// What is wrong with a quotation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// Something follows a closing quotation mark.
    TextAfterQuote,
    /// A quotation mark within a cell that does not begin with one.
    QuoteInCell,
    /// The file ends before the closing quotation mark.
    NotClosed,
    /// The cell goes on over more than [`MAX_CELL_LINES`].
    TooLong,
    /// The line may still be part of a broken quotation before it.
    Doubtful,
}

impl Record<'_> {
    /// Whether a cell with line breaks has as many commas as a row of so many columns. Two quotation marks too many, in the same
    /// column of two rows, make such a cell out of everything between them, in a file that is otherwise well formed.
    pub(super) fn swallows(&self, columns: usize) -> bool {
        let many = |cell: &str| cell.contains('\n') && cell.matches(',').count() + 1 >= columns;
        self.cells.iter().any(|cell| many(cell))
    }
}

/// Whether the place we are at may stand inside of a quotation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Doubt {
    /// It does not.
    None,
    /// A mark within a cell: most likely it means itself, and not that a quotation begins.
    Weak,
    /// A quotation began, and nobody knows where it ends.
    Strong,
}

/// Goes through a file's text.
pub(super) struct Scanner<'a> {
    text: &'a str,
    at: usize,
    line: u32,
    blank: u32,
    doubt: Doubt,
    /// The line of the last fault.
    fault_at: u32,
}

impl<'a> Scanner<'a> {
    pub(super) const fn new(text: &'a str) -> Self {
        Self {
            text,
            at: 0,
            line: 1,
            blank: 0,
            doubt: Doubt::None,
            fault_at: 0,
        }
    }

    /// Blank lines so far.
    pub(super) const fn blank(&self) -> u32 {
        self.blank
    }

    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    /// Past the end of the line we are in.
    fn skip_line(&mut self) {
        match self.rest().find('\n') {
            Some(end) => {
                self.at += end + 1;
                self.line += 1;
            }
            None => self.at = self.text.len(),
        }
    }

    /// One cell, and whether the record ends with it.
    fn cell(&mut self) -> Result<(Cow<'a, str>, bool), Fault> {
        if self.rest().starts_with('"') {
            self.quoted()
        } else {
            self.plain()
        }
    }

    fn plain(&mut self) -> Result<(Cow<'a, str>, bool), Fault> {
        let rest = self.rest();
        let end = rest.find([',', '\n', '"']).unwrap_or(rest.len());
        let cell = &rest[..end];
        match rest.as_bytes().get(end) {
            Some(b',') => {
                self.at += end + 1;
                Ok((Cow::Borrowed(cell), false))
            }
            Some(b'"') => {
                self.at += end;
                // It may begin a quotation all the same: behind a blank, or where the end of a line is missing.
                self.doubt = Doubt::Weak;
                Err(Fault::QuoteInCell)
            }
            _ => {
                self.at += end;
                self.skip_line();
                Ok((Cow::Borrowed(cell.strip_suffix('\r').unwrap_or(cell)), true))
            }
        }
    }

    fn quoted(&mut self) -> Result<(Cow<'a, str>, bool), Fault> {
        self.doubt = Doubt::Strong;
        let begins = self.line;
        self.at += 1;
        let mut cell = Cow::Borrowed("");
        loop {
            let rest = self.rest();
            let (part, closed) = match rest.find('"') {
                Some(end) => (&rest[..end], true),
                None => (rest, false),
            };
            self.pass(part, begins)?;
            if !closed {
                return Err(Fault::NotClosed);
            }
            cell += part;
            self.at += 1;
            if self.rest().starts_with('"') {
                self.at += 1;
                cell += "\"";
                continue;
            }
            let ends = self.after_quotation()?;
            self.doubt = Doubt::None;
            return Ok((cell, ends));
        }
    }

    /// Over a part of a quotation, with its line breaks.
    fn pass(&mut self, part: &str, begins: u32) -> Result<(), Fault> {
        for (place, _) in part.match_indices('\n') {
            if self.line + 1 - begins >= MAX_CELL_LINES {
                self.at += place;
                return Err(Fault::TooLong);
            }
            self.line += 1;
        }
        self.at += part.len();
        Ok(())
    }

    /// A comma or the end of the line, and nothing else.
    fn after_quotation(&mut self) -> Result<bool, Fault> {
        let rest = self.rest();
        if rest.starts_with(',') {
            self.at += 1;
            return Ok(false);
        }
        if rest.is_empty() || rest == "\r" || rest.starts_with('\n') || rest.starts_with("\r\n") {
            self.skip_line();
            return Ok(true);
        }
        Err(Fault::TextAfterQuote)
    }

    fn record(&mut self) -> Result<Record<'a>, Fault> {
        let line = self.line;
        let mut cells = Vec::new();
        loop {
            let (cell, ends) = self.cell()?;
            cells.push(cell);
            if ends {
                let breaks: usize = cells.iter().map(|cell| cell.matches('\n').count()).sum();
                let lines = u32::try_from(breaks).unwrap_or(u32::MAX).saturating_add(1);
                return Ok(Record { line, lines, cells });
            }
        }
    }

    /// The lines from one place to where we are, which is at a line's end.
    fn broken(&mut self, from: usize, line: u32, fault: Fault) -> Broken {
        let text = &self.text[from..self.at];
        let all = text.split_inclusive('\n').zip(line..);
        let (mut lines, mut blank) = (Vec::new(), 0);
        for (text, number) in all {
            if is_blank(text) {
                blank += 1;
            } else {
                lines.push(number);
            }
        }
        self.blank += blank;
        Broken {
            lines,
            at: self.fault_at,
            fault,
        }
    }

    /// The lines that may still belong to a broken quotation, if the next quotation mark does not prove otherwise.
    fn doubted(&mut self) -> Option<Broken> {
        let (from, line) = (self.at, self.line);
        let quotation = self.undecided()?;
        self.doubt = Doubt::Strong;
        while self.at <= quotation {
            self.skip_line();
        }
        Some(self.broken(from, line, Fault::Doubtful))
    }

    /// Where the next quotation mark stands, unless it proves that we are outside of a quotation: then text follows, which cannot
    /// follow a mark that closes one, and in front of it a cell begins (or another mark means itself); or there is none any more.
    /// An empty quotation (`""`) proves nothing, as it may be a quotation mark in a cell.
    fn undecided(&self) -> Option<usize> {
        let bytes = self.text.as_bytes();
        let mut from = self.at;
        loop {
            let start = from + self.text[from..].find('"')?;
            let marks = bytes[start..].iter().take_while(|byte| **byte == b'"').count();
            let end = start + marks;
            let begins_cell = start == self.at || matches!(bytes[start - 1], b',' | b'\n');
            let ends_cell = matches!(bytes.get(end), None | Some(b',' | b'\n' | b'\r'));
            match (begins_cell, marks % 2 == 0, ends_cell) {
                (true, true, true) => from = end,
                (true, false, false) => return None,
                (false, false, false) if self.doubt == Doubt::Weak => return None,
                _ => return Some(start),
            }
        }
    }

    fn skip_blank(&mut self) {
        loop {
            let rest = self.rest();
            let line = rest.split_inclusive('\n').next().unwrap_or_default();
            if line.is_empty() || !is_blank(line) {
                return;
            }
            self.blank += 1;
            self.skip_line();
        }
    }
}

impl<'a> Iterator for Scanner<'a> {
    type Item = Scanned<'a>;

    fn next(&mut self) -> Option<Scanned<'a>> {
        if self.doubt != Doubt::None
            && let Some(broken) = self.doubted()
        {
            return Some(Scanned::Broken(broken));
        }
        self.doubt = Doubt::None;
        self.skip_blank();
        if self.rest().is_empty() {
            return None;
        }
        let (from, line) = (self.at, self.line);
        match self.record() {
            Ok(record) => Some(Scanned::Record(record)),
            Err(fault) => {
                self.fault_at = line;
                self.skip_line();
                Some(Scanned::Broken(self.broken(from, line, fault)))
            }
        }
    }
}

/// A line with nothing on it.
fn is_blank(line: &str) -> bool {
    line.trim_end_matches(['\r', '\n']).is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Where a row begins, and its cells.
    type Row = (u32, Vec<String>);

    /// Rows by the line they begin in, with their cells; broken lines with the fault.
    fn scan(text: &str) -> (Vec<Row>, Vec<(u32, Fault)>) {
        let (mut rows, mut broken) = (Vec::new(), Vec::new());
        for scanned in Scanner::new(text) {
            match scanned {
                Scanned::Record(record) => {
                    let cells = record.cells.into_iter().map(Cow::into_owned);
                    rows.push((record.line, cells.collect()));
                }
                Scanned::Broken(lines) => {
                    broken.extend(lines.lines.into_iter().map(|line| (line, lines.fault)));
                }
            }
        }
        (rows, broken)
    }

    fn lines(text: &str) -> (Vec<u32>, Vec<(u32, Fault)>) {
        let (rows, broken) = scan(text);
        (rows.into_iter().map(|(line, _)| line).collect(), broken)
    }

    #[test]
    fn what_rfc_4180_allows_is_read_as_it_says() {
        for end in ["\n", "\r\n"] {
            let text = [
                "a,,\"c\"",
                "",
                "\"x, y\",\"say \"\"hi\"\"\",\"two",
                "lines\"",
                "\"\",,",
            ]
            .join(end);
            let (rows, broken) = scan(&text);
            let two = format!("two{end}lines");
            assert_eq!(
                rows,
                [
                    (1, vec!["a".to_owned(), String::new(), "c".to_owned()]),
                    (3, vec!["x, y".to_owned(), "say \"hi\"".to_owned(), two]),
                    (5, vec![String::new(); 3]),
                ]
            );
            assert_eq!(broken, []);
        }
    }

    #[test]
    fn text_after_a_closing_quotation_mark_breaks_every_line_of_the_quotation() {
        let (rows, broken) = lines("a,b\nc,\"d\ne\"f\ng,h\n");
        assert_eq!(rows, [1, 4]);
        assert_eq!(broken, [(2, Fault::TextAfterQuote), (3, Fault::TextAfterQuote)]);
    }

    #[test]
    fn a_quotation_that_never_ends_breaks_the_lines_to_the_end_and_no_more_than_a_cell_may_have() {
        let (rows, broken) = lines("a\n\"b\n\nc\n");
        assert_eq!(rows, [1]);
        assert_eq!(broken, [(2, Fault::NotClosed), (4, Fault::NotClosed)]);

        let text = format!("a\n\"b\n{}", "c\n".repeat(1_000));
        let (rows, broken) = lines(&text);
        assert_eq!(broken.len(), MAX_CELL_LINES as usize);
        assert!(broken.iter().all(|(_, fault)| *fault == Fault::TooLong));
        assert_eq!(rows.len(), 1 + 1_001 - MAX_CELL_LINES as usize);
        assert_eq!(rows[1], 2 + MAX_CELL_LINES);
    }

    #[test]
    fn a_quotation_mark_within_a_cell_breaks_its_own_line() {
        let (rows, broken) = lines("a,5\"b\nc,d\ne,6\"f\ng,h\n");
        assert_eq!(rows, [2, 4]);
        assert_eq!(broken, [(1, Fault::QuoteInCell), (3, Fault::QuoteInCell)]);
    }

    /// After a stray quotation mark comes a row whose own quotation has a line that looks like a row: it must not become one.
    #[test]
    fn what_may_stand_inside_of_a_quotation_after_a_broken_one_is_no_row() {
        let (rows, broken) = lines("a,\"stray\nb,\"one\nx,y\nthree\"\nc,d\n");
        assert_eq!(rows, [5]);
        assert_eq!(
            broken,
            [
                (1, Fault::TextAfterQuote),
                (2, Fault::TextAfterQuote),
                (3, Fault::Doubtful),
                (4, Fault::Doubtful)
            ]
        );
        // The same where a program puts a blank before its quotation marks, and where the end of a line is missing.
        for text in ["a, \"one\nx,y\nthree\"\nc,d\n", "a,b\"one\nx,y\nthree\",z\nc,d\n"] {
            let (rows, _) = lines(text);
            assert_eq!(rows, [4], "{text}");
        }
    }

    #[test]
    fn a_quotation_that_begins_behind_a_fault_of_its_line_may_go_on_in_the_next() {
        let (rows, broken) = lines("a,5\"b,\"one\nx,y,z\nthree\"\nc,d,e\n");
        assert_eq!(rows, [4]);
        assert_eq!(broken[0], (1, Fault::QuoteInCell));
        assert_eq!(broken[1..], [(2, Fault::Doubtful), (3, Fault::Doubtful)]);
    }

    #[test]
    fn an_empty_quotation_decides_nothing_and_one_with_text_does() {
        let (rows, _) = lines("a,\"stray\nb,\"x\"\nc,\"\"\nd,\"e\"\n");
        assert_eq!(
            rows,
            [3, 4],
            "what follows is outside, since e begins a quotation"
        );
        let (rows, broken) = lines("a,\"stray\nb,\"x\nc,\"\"\nd\",e\nf,g\n");
        assert_eq!(rows, [5]);
        assert_eq!(broken.len(), 4);
    }
}
