//! A field of a party that customers can change: its values over time, and what the core system says while a change of ours
//! is ahead of it (EN-17). What holds for every such field, whatever its values are.

use kernel::ids::SubjectId;
use kernel::{Address, Dated, Personal, PhoneNumber, Timestamp};
use serde::{Deserialize, Serialize};

/// Whether two values say the same to people, however they are written.
pub trait SameValue: Clone {
    /// Whether `other` says nothing else.
    fn is_same_as(&self, other: &Self) -> bool;
}

impl SameValue for PhoneNumber {
    fn is_same_as(&self, other: &Self) -> bool {
        self == other
    }
}

impl SameValue for Address {
    fn is_same_as(&self, other: &Self) -> bool {
        self.is_same_place(other)
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartyField<T> {
    /// All values in force or scheduled, in order.
    pub dated: Vec<Dated<T>>,
    /// What the core system says of a change of ours; absent where what stands is the core system's word.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ahead: Option<Ahead<T>>,
}

/// A change of ours that no row of the core system has confirmed (EN-17). **Format.**
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ahead<T> {
    /// Since when the change counts, or will.
    pub since: Timestamp,
    /// What the core system's last row says.
    pub core: Vec<Personal<T>>,
    /// When the core system wrote that row; absent where it came before the change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub core_as_of: Option<Timestamp>,
}

/// That a row which is newer than a change of ours says otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Contradiction {
    /// Since when our change counts.
    pub since: Timestamp,
    /// When the core system wrote the row.
    pub core_as_of: Timestamp,
}

impl<T: SameValue> PartyField<T> {
    /// The field as a row of the core system says it.
    pub fn of_row(subject: SubjectId, values: impl IntoIterator<Item = T>, at: Timestamp) -> Self {
        let values = values.into_iter();
        Self {
            dated: values.map(|value| Dated::new(subject, value, at)).collect(),
            ahead: None,
        }
    }

    /// The readable values in force at an instant, in order. Erased ones are left out: nobody can ask to keep them.
    pub fn in_force_at(&self, at: Timestamp) -> Vec<T> {
        let counting = self.dated.iter().filter(|dated| dated.counts_at(at));
        counting
            .filter_map(|dated| dated.value.known().cloned())
            .collect()
    }

    /// The same without what is over at an instant.
    pub(super) fn live(&self, at: Timestamp) -> Self {
        Self {
            dated: self.live_at(at),
            ahead: self.ahead.clone(),
        }
    }

    /// What begins to count later.
    pub fn scheduled_at(&self, at: Timestamp) -> impl Iterator<Item = &Dated<T>> {
        self.dated.iter().filter(move |dated| dated.counts_from > at)
    }

    /// EN-17: whether what stands in the end is not what the core system's last row says.
    pub fn is_ahead_of_core(&self) -> bool {
        let unlike = |ahead: &Ahead<T>| !same(&self.last_values(), &ahead.core);
        self.ahead.as_ref().is_some_and(unlike)
    }

    /// Whether the core system's last row is newer than a change of ours and says otherwise (EN-16).
    pub fn contradiction(&self) -> Option<Contradiction> {
        let ahead = self.ahead.as_ref()?;
        let core_as_of = ahead.core_as_of.filter(|as_of| *as_of > ahead.since)?;
        self.is_ahead_of_core().then_some(Contradiction {
            since: ahead.since,
            core_as_of,
        })
    }

    /// Whether the row that stands would contradict a change of ours for the first time, if it is as of this instant.
    pub(super) fn is_contradicted_anew(&self, as_of: Timestamp) -> bool {
        let newer = |ahead: &Ahead<T>| as_of > ahead.since;
        self.contradiction().is_none() && self.is_ahead_of_core() && self.ahead.as_ref().is_some_and(newer)
    }

    /// The field after `values` replace what stands, from `from` on, seen at `now`.
    pub(super) fn changed(&self, values: &[Personal<T>], from: Timestamp, now: Timestamp) -> Self {
        Self {
            dated: self.replaced(values, from, now),
            ahead: Some(match &self.ahead {
                Some(ahead) => Ahead {
                    since: from,
                    ..ahead.clone()
                },
                None => Ahead {
                    since: from,
                    core: self.last_values(),
                    core_as_of: None,
                },
            }),
        }
    }

    /// The field after the change that made it of `before` is taken back. Where nothing of ours was ahead before, the core
    /// system's word is taken that came in between.
    pub(super) fn restored(&self, before: &Self, at: Timestamp) -> Self {
        let since = before.ahead.as_ref().map(|ahead| ahead.since);
        let newer = self.ahead.as_ref().map(|ahead| Ahead {
            since: since.unwrap_or(ahead.since),
            ..ahead.clone()
        });
        let restored = Self {
            dated: before.live_at(at),
            ahead: newer.or_else(|| before.ahead.clone()),
        };
        if before.is_ahead_of_core() {
            return restored;
        }
        match &restored.ahead {
            Some(ahead) if restored.is_ahead_of_core() => Self {
                dated: restored.replaced(&ahead.core, at, at),
                ahead: None,
            },
            _ => Self {
                ahead: None,
                dated: restored.dated,
            },
        }
    }

    /// The field after a row of the core system, as of an instant. Ours stays as long as a request on it is open, it is ahead, or
    /// the row is no newer than our change: such a row was written before the core system could know of it (EN-17).
    pub(super) fn after_row(&self, row: &Self, as_of: Timestamp, is_open: bool, at: Timestamp) -> Self {
        let values = row.last_values();
        let predates = self.ahead.as_ref().is_some_and(|ahead| as_of <= ahead.since);
        let acknowledged = self.ahead.is_some() && !predates && same(&self.last_values(), &values);
        if acknowledged && !is_open {
            Self {
                dated: self.live_at(at),
                ahead: None,
            }
        } else if is_open || predates || self.is_ahead_of_core() {
            Self {
                dated: self.live_at(at),
                ahead: Some(Ahead {
                    since: self.ahead.as_ref().map_or(at, |ahead| ahead.since),
                    core: values,
                    core_as_of: Some(as_of),
                }),
            }
        } else {
            Self {
                dated: self.replaced(&values, at, at),
                ahead: None,
            }
        }
    }

    /// Those that count at an instant or will.
    fn live_at(&self, at: Timestamp) -> Vec<Dated<T>> {
        let live = self.dated.iter().filter(|dated| !dated.is_over_at(at));
        live.cloned().collect()
    }

    /// The values that stand once everything scheduled has come, in order.
    fn last_values(&self) -> Vec<Personal<T>> {
        let last = self.dated.iter().filter(|dated| dated.counts_until.is_none());
        last.map(|dated| dated.value.clone()).collect()
    }

    /// What is over is dropped; a value that simply stays keeps the instant since which it counts.
    fn replaced(&self, values: &[Personal<T>], from: Timestamp, now: Timestamp) -> Vec<Dated<T>> {
        let ending = self.dated.iter().filter(|dated| dated.counts_from < from);
        let ending = ending.map(|dated| Dated {
            counts_until: Some(dated.counts_until.map_or(from, |until| until.min(from))),
            ..dated.clone()
        });
        let stays = |value: &Personal<T>| {
            let mut current = self.dated.iter().filter(|dated| dated.counts_at(now));
            current.find(|dated| same_known(&dated.value, value))
        };
        let since = values.iter().map(|value| match stays(value) {
            Some(current) if from <= now => current.counts_from,
            _ => from,
        });
        let coming = values.iter().zip(since).map(|(value, counts_from)| Dated {
            value: value.clone(),
            counts_from,
            counts_until: None,
        });
        let ending = ending.filter(|dated| !dated.is_over_at(now));
        ending.chain(coming).collect()
    }
}

fn same_known<T: SameValue>(one: &Personal<T>, other: &Personal<T>) -> bool {
    one.known()
        .zip(other.known())
        .is_some_and(|(one, other)| one.is_same_as(other))
}

/// Whether the readable values say the same in the same order.
fn same<T: SameValue>(one: &[Personal<T>], other: &[Personal<T>]) -> bool {
    let known = |values: &[Personal<T>]| -> Vec<T> {
        let known = values.iter().filter_map(Personal::known);
        known.cloned().collect()
    };
    let (one, other) = (known(one), known(other));
    one.len() == other.len() && one.iter().zip(&other).all(|(one, other)| one.is_same_as(other))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use kernel::policy::CustomerNumber;

    use super::*;

    const A: &str = "09011112222";
    const B: &str = "09033334444";
    const C: &str = "0312345678";

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn number(text: &str) -> PhoneNumber {
        PhoneNumber::parse(text).unwrap()
    }

    fn subject() -> SubjectId {
        SubjectId::of_customer(&CustomerNumber::parse("C0001").unwrap())
    }

    fn personal(texts: &[&str]) -> Vec<Personal<PhoneNumber>> {
        let numbers = texts.iter().map(|text| number(text));
        numbers.map(|number| Personal::new(subject(), number)).collect()
    }

    fn row(texts: &[&str], from: i64) -> PartyField<PhoneNumber> {
        PartyField::of_row(subject(), texts.iter().map(|text| number(text)), at(from))
    }

    fn numbers(texts: &[&str]) -> Vec<PhoneNumber> {
        texts.iter().map(|text| number(text)).collect()
    }

    #[test]
    fn pv_7_a_scheduled_replacement_counts_from_its_instant_and_the_old_until_then() {
        let field = row(&[A], 0).changed(&personal(&[B]), at(100), at(10));
        assert_eq!(field.in_force_at(at(99)), numbers(&[A]));
        assert_eq!(field.in_force_at(at(100)), numbers(&[B]));
        assert_eq!(field.scheduled_at(at(99)).count(), 1);
        assert_eq!(field.scheduled_at(at(100)).count(), 0);
    }

    #[test]
    fn an_immediate_replacement_drops_the_old_and_keeps_the_age_of_what_stays() {
        let old = PartyField {
            dated: [row(&[A], 0).dated, row(&[C], 5).dated].concat(),
            ahead: None,
        };
        let field = old.changed(&personal(&[C, B]), at(10), at(10));
        assert_eq!(field.dated, [row(&[C], 5).dated, row(&[B], 10).dated].concat());
    }

    #[test]
    fn a_reordering_that_is_scheduled_leaves_today_as_it_is() {
        let field = row(&[A, C], 0).changed(&personal(&[C, A]), at(100), at(10));
        assert_eq!(field.in_force_at(at(50)), numbers(&[A, C]));
        assert_eq!(field.in_force_at(at(150)), numbers(&[C, A]));
    }

    #[test]
    fn en_17_a_change_is_ahead_until_the_core_system_says_the_same() {
        let ours = row(&[A], 0).changed(&personal(&[B]), at(10), at(10));
        assert!(ours.is_ahead_of_core());
        let kept = ours.after_row(&row(&[C], 20), at(20), false, at(20));
        assert_eq!(kept.in_force_at(at(20)), numbers(&[B]));
        assert!(kept.is_ahead_of_core());
        let acknowledged = kept.after_row(&row(&[B], 30), at(30), false, at(30));
        assert!(!acknowledged.is_ahead_of_core());
        let theirs = acknowledged.after_row(&row(&[C], 40), at(40), false, at(40));
        assert_eq!(theirs.in_force_at(at(40)), numbers(&[C]));
    }

    #[test]
    fn en_17_a_row_that_knows_the_change_before_its_instant_has_acknowledged_it_then() {
        let scheduled = row(&[A], 0).changed(&personal(&[B]), at(100), at(10));
        let told = scheduled.after_row(&row(&[B], 20), at(20), true, at(20));
        assert_eq!(told.in_force_at(at(20)), numbers(&[A]), "still scheduled");
        let later = told.after_row(&row(&[C], 200), at(200), false, at(200));
        assert_eq!(
            later.in_force_at(at(200)),
            numbers(&[C]),
            "the core system's own later word"
        );
    }

    #[test]
    fn en_10_what_is_taken_back_leaves_what_stood() {
        let before = row(&[A], 0);
        let scheduled = before.changed(&personal(&[B]), at(100), at(10));
        assert_eq!(scheduled.restored(&before, at(20)), before);
    }

    #[test]
    fn en_17_what_is_taken_back_leaves_the_core_systems_newer_word() {
        let before = row(&[A], 0);
        let scheduled = before.changed(&personal(&[B]), at(100), at(10));
        let kept = scheduled.after_row(&row(&[C], 20), at(20), true, at(20));
        assert_eq!(kept.in_force_at(at(100)), numbers(&[B]));
        let restored = kept.restored(&before, at(30));
        assert_eq!(restored, row(&[C], 30));
    }

    #[test]
    fn en_17_what_is_taken_back_leaves_an_older_change_of_ours_ahead() {
        let ours = row(&[A], 0).changed(&personal(&[B]), at(10), at(10));
        let scheduled = ours.changed(&personal(&[C]), at(100), at(20));
        let restored = scheduled.restored(&ours, at(30));
        assert_eq!(restored, ours);
        assert!(restored.is_ahead_of_core());
    }

    #[test]
    fn en_16_a_row_contradicts_a_change_only_if_it_is_newer_and_says_otherwise() {
        let ours = row(&[A], 0).changed(&personal(&[B]), at(10), at(10));
        assert!(
            ours.is_contradicted_anew(at(11)),
            "the row that stands, said again"
        );
        assert!(!ours.is_contradicted_anew(at(10)));
        let older = ours.after_row(&row(&[C], 20), at(9), false, at(20));
        assert_eq!(older.contradiction(), None, "it was written before the change");
        let newer = older.after_row(&row(&[A], 30), at(25), false, at(30));
        let contradiction = Contradiction {
            since: at(10),
            core_as_of: at(25),
        };
        assert_eq!(newer.contradiction(), Some(contradiction));
        assert!(!newer.is_contradicted_anew(at(40)));
        assert_eq!(newer.in_force_at(at(30)), numbers(&[B]), "and ours stays");
        let confirmed = newer.after_row(&row(&[B], 50), at(45), false, at(50));
        assert_eq!((confirmed.contradiction(), confirmed.ahead), (None, None));
    }

    #[test]
    fn en_16_a_row_before_the_instant_of_a_scheduled_change_does_not_contradict_it() {
        let scheduled = row(&[A], 0).changed(&personal(&[B]), at(100), at(10));
        let before = scheduled.after_row(&row(&[C], 20), at(20), true, at(20));
        assert_eq!(before.contradiction(), None);
        let after = before.after_row(&row(&[C], 120), at(110), false, at(120));
        assert_eq!(after.contradiction().map(|found| found.core_as_of), Some(at(110)));
    }

    #[test]
    fn en_17_changing_back_to_what_the_core_system_says_is_ahead_of_nothing() {
        let ours = row(&[A], 0).changed(&personal(&[B]), at(10), at(10));
        let back = ours.changed(&personal(&[A]), at(20), at(20));
        assert!(!back.is_ahead_of_core());
    }

    #[test]
    fn en_17_a_row_that_was_written_before_a_change_of_ours_neither_replaces_nor_acknowledges_it() {
        let ours = row(&[A], 0).changed(&personal(&[B]), at(10), at(10));
        let back = ours.changed(&personal(&[A]), at(20), at(20));
        let older = back.after_row(&row(&[B], 30), at(15), false, at(30));
        assert_eq!(
            older.in_force_at(at(30)),
            numbers(&[A]),
            "older than the change back"
        );
        let newer = older.after_row(&row(&[A], 40), at(25), false, at(40));
        assert_eq!(newer.ahead, None, "and only a newer one acknowledges");

        let before = ours.after_row(&row(&[B], 30), at(5), false, at(30));
        let then = before.after_row(&row(&[A], 40), at(7), false, at(40));
        assert_eq!(then.in_force_at(at(40)), numbers(&[B]));
    }
}
