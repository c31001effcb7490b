//! What an append expects of its stream, and what the real server makes of it: it compares the ids of events, and never
//! what is in them (`IndexWriter.CheckCommit`, read in its source).

/// What the stream must be like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Expectation {
    /// It ends at this revision; none where there must be no stream.
    Exactly(Option<u64>),
    /// Nothing.
    Any,
    /// It has an event.
    Exists,
}

/// What is to be done.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    Write,
    /// These very ids stand in the stream already; the last of them at this revision.
    Repeated(u64),
    Refuse,
}

impl Expectation {
    /// Decides over an append of `proposed` to a stream of `ids`.
    pub(crate) fn decide(self, ids: &[u128], proposed: &[u128]) -> Decision {
        match self {
            Self::Exactly(revision) => {
                // Revisions fit: the largest is that of 2^63.
                let next = revision.map_or(0, |revision| revision.saturating_add(1));
                let Some(behind) = usize::try_from(next).ok().and_then(|next| ids.get(next..)) else {
                    return Decision::Refuse;
                };
                if behind.is_empty() {
                    return Decision::Write;
                }
                repeated(behind, next, proposed)
            }
            Self::Exists if ids.is_empty() => Decision::Refuse,
            Self::Any | Self::Exists => {
                let first = proposed.first();
                match ids.iter().position(|id| Some(id) == first) {
                    Some(place) => repeated(&ids[place..], place as u64, proposed),
                    None => Decision::Write,
                }
            }
        }
    }
}

/// Whether a stream, of which `behind` is what stands from the revision `next` on, has the proposed ids there.
fn repeated(behind: &[u128], next: u64, proposed: &[u128]) -> Decision {
    match proposed.len().checked_sub(1) {
        Some(last) if behind.starts_with(proposed) => Decision::Repeated(next + last as u64),
        _ => Decision::Refuse,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(revision: u64) -> Expectation {
        Expectation::Exactly(Some(revision))
    }

    const NONE: Expectation = Expectation::Exactly(None);

    #[test]
    fn at_the_expected_revision_it_writes_whatever_it_holds_already() {
        assert_eq!(NONE.decide(&[], &[1]), Decision::Write);
        assert_eq!(at(1).decide(&[1, 2], &[1, 2]), Decision::Write);
        // Nothing at all, too, of which no event comes.
        assert_eq!(NONE.decide(&[], &[]), Decision::Write);
        assert_eq!(at(1).decide(&[1, 2], &[]), Decision::Write);
    }

    #[test]
    fn behind_it_the_same_ids_are_a_success_and_others_are_not() {
        let stream = [1, 2];
        assert_eq!(NONE.decide(&stream, &[1, 2]), Decision::Repeated(1));
        assert_eq!(NONE.decide(&stream, &[1]), Decision::Repeated(0));
        assert_eq!(at(0).decide(&stream, &[2]), Decision::Repeated(1));
        for (expectation, proposed) in [
            (NONE, &[3][..]),
            (NONE, &[1, 3]),
            (NONE, &[1, 2, 3]),
            (NONE, &[]),
            (at(0), &[3]),
            (at(2), &[3]),
            (at(i64::MAX.unsigned_abs()), &[3]),
        ] {
            assert_eq!(
                expectation.decide(&stream, proposed),
                Decision::Refuse,
                "{expectation:?} {proposed:?}"
            );
        }
        assert_eq!(at(0).decide(&[], &[1]), Decision::Refuse);
    }

    #[test]
    fn without_a_revision_it_writes_what_is_not_there_yet() {
        for expectation in [Expectation::Any, Expectation::Exists] {
            assert_eq!(expectation.decide(&[1, 2], &[3]), Decision::Write);
            assert_eq!(expectation.decide(&[1, 2], &[2]), Decision::Repeated(1));
            assert_eq!(expectation.decide(&[1, 2], &[2, 3]), Decision::Refuse);
            assert_eq!(expectation.decide(&[1, 2], &[]), Decision::Write);
        }
        assert_eq!(Expectation::Any.decide(&[], &[1]), Decision::Write);
        assert_eq!(Expectation::Exists.decide(&[], &[1]), Decision::Refuse);
    }
}
