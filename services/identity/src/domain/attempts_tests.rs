//! ID-10 in every order: guesses at once, strangers from many addresses, owners with and without a known device.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::*;

const MINUTE: i64 = 60 * SECOND;

fn source(number: u128) -> Uuid {
    Uuid::from_u128(number)
}

fn asker(standing: Standing, number: u128) -> Asker {
    Asker {
        standing,
        source: source(number),
    }
}

fn unknown(number: u128) -> [Asker; 1] {
    [asker(Standing::Unknown, number)]
}

/// Asks, and guesses wrong if admitted.
fn guess(attempts: &mut Attempts, askers: &[Asker], now: i64) -> bool {
    let id = Uuid::from_u128(u128::try_from(now).unwrap());
    let granted = attempts.ask(askers, id, now) == Admission::Granted;
    if granted {
        attempts.settle(id, Outcome::Wrong, now);
    }
    granted
}

#[test]
fn id_10_a_sources_own_pauses_grow_to_a_quarter_of_an_hour() {
    let pauses: Vec<i64> = (1..=12).map(|failures| own_pause(failures) / SECOND).collect();
    assert_eq!(pauses, [0, 0, 1, 3, 5, 10, 30, 60, 120, 300, 900, 900]);
}

#[test]
fn id_10_at_most_100_guesses_in_any_24_hours_however_one_is_known() {
    let mut attempts = Attempts::default();
    let mut guessed: Vec<i64> = Vec::new();
    // Three days, a stranger at a time, and somebody with the owner's device and at the owner's address.
    for minute in 0..3 * 24 * 60_i64 {
        for number in 0..3 {
            let now = minute * MINUTE + number + 1;
            let stranger = u128::try_from(minute * 3 + number).unwrap() + 100;
            let device = asker(Standing::Device, 1);
            let address = asker(Standing::Address, 2);
            let [nobody] = unknown(stranger);
            let askers: &[Asker] = if number == 0 {
                &[device, address, nobody]
            } else {
                &[nobody]
            };
            if guess(&mut attempts, askers, now) {
                guessed.push(now);
            }
        }
    }
    let most = guessed.iter().map(|from| {
        let span = *from..*from + DAY;
        guessed.iter().filter(|at| span.contains(at)).count()
    });
    let most = most.max().unwrap();
    assert!((60..=100).contains(&most), "{most} guesses in 24 hours");
}

#[test]
fn id_10_guesses_sent_at_once_gain_nothing_and_wait_for_each_other() {
    let mut attempts = Attempts::default();
    let answers: Vec<Admission> = (0..20)
        .map(|id| attempts.ask(&unknown(id), source(id), SECOND))
        .collect();
    let granted = answers.iter().filter(|answer| **answer == Admission::Granted);
    assert_eq!(granted.count(), 10);
    assert_eq!(answers[10], Admission::InFlight);
    for id in 0..10 {
        attempts.settle(source(id), Outcome::Right, SECOND);
    }
    assert!(attempts.is_empty());
    assert_eq!(attempts.ask(&unknown(10), source(10), SECOND), Admission::Granted);
}

#[test]
fn id_10_an_attempt_that_never_ended_is_a_failure() {
    let mut attempts = Attempts::default();
    for id in 0..10 {
        assert_eq!(attempts.ask(&unknown(id), source(id), 1), Admission::Granted);
    }
    let now = OPEN_LIFE + 1;
    let answer = attempts.ask(&unknown(11), source(11), now);
    assert_eq!(answer, Admission::After(Duration::from_mins(4)));
}

#[test]
fn id_10_the_next_guess_goes_to_whoever_never_failed_and_not_to_whoever_retries_fastest() {
    let mut attempts = Attempts::default();
    for number in 0..10 {
        assert!(guess(&mut attempts, &unknown(number), 1));
    }
    let owner = unknown(77);
    assert_eq!(
        attempts.ask(&unknown(0), source(1), 2),
        Admission::After(Duration::from_mins(5))
    );
    let told = attempts.ask(&owner, source(1), MINUTE + 1);
    assert_eq!(told, Admission::After(Duration::from_mins(4)));
    let free = 5 * MINUTE + 1;
    for number in 0..10 {
        assert!(!guess(&mut attempts, &unknown(number), free), "stranger {number}");
    }
    assert_eq!(attempts.ask(&owner, source(1), free), Admission::Granted);
    attempts.settle(source(1), Outcome::Right, free);
    // The owner's login gave the strangers nothing but what was theirs.
    assert_eq!(attempts.failures.len(), 10);
    assert!(guess(&mut attempts, &unknown(0), free + 1));
}

#[test]
fn id_10_whoever_does_not_come_back_loses_the_place() {
    let mut attempts = Attempts::default();
    for number in 0..10 {
        assert!(guess(&mut attempts, &unknown(number), 1));
    }
    attempts.ask(&unknown(77), source(1), 2);
    let free = 5 * MINUTE + 1;
    assert!(!guess(&mut attempts, &unknown(0), free));
    assert!(guess(&mut attempts, &unknown(0), free + MINUTE + SECOND));
}

#[test]
fn id_10_known_callers_are_not_stopped_by_strangers_and_fall_back_when_their_guesses_are_used_up() {
    let mut attempts = Attempts::default();
    for number in 0..10 {
        assert!(guess(&mut attempts, &unknown(number), 1));
    }
    let known = [asker(Standing::Device, 50), unknown(51)[0]];
    let mut now = 2;
    let mut guesses = 0;
    while now < 8 * 60 * MINUTE && guesses < 10 {
        guesses += usize::from(guess(&mut attempts, &known, now));
        now += MINUTE;
    }
    assert_eq!(guesses, 10);
    assert_eq!(attempts.spent(Standing::Device, true).len(), 10);
    assert!(guess(&mut attempts, &known, now));
    assert_eq!(attempts.spent(Standing::Unknown, true).len(), 11);
}

#[test]
fn id_10_no_more_wait_than_there_are_places_and_a_better_one_finds_one() {
    let mut attempts = Attempts::default();
    for number in 0..10 {
        assert!(guess(&mut attempts, &unknown(number), 1));
    }
    for number in 0..10 {
        attempts.ask(&unknown(number), source(1), 2);
    }
    for number in 100..400 {
        attempts.ask(&unknown(number), source(1), 3);
    }
    let waiting = || attempts.sources.values().filter(|source| source.ticket.is_some());
    assert_eq!(waiting().count(), MAX_TICKETS);
    assert!(waiting().all(|source| source.failures == 0));
}

#[test]
fn id_10_addresses_that_ask_once_hold_nobody_up() {
    let mut attempts = Attempts::default();
    for number in 0..10 {
        assert!(guess(&mut attempts, &unknown(number), 1));
    }
    for number in 100..220 {
        attempts.ask(&unknown(number), source(1), 2);
    }
    let told = attempts.ask(&unknown(77), source(1), 3);
    assert_eq!(told, Admission::After(Duration::from_mins(5)));
    let free = 5 * MINUTE + SECOND;
    assert_eq!(attempts.ask(&unknown(77), source(1), free), Admission::Granted);
}

#[test]
fn id_10_a_place_is_kept_for_the_one_who_was_told_and_no_guess_is_taken_from_him() {
    let mut attempts = Attempts::default();
    for number in 0..10 {
        assert!(guess(&mut attempts, &unknown(number), 1));
    }
    // Two who never failed come back at the same moment: one guesses, the other is next, whatever strangers do.
    attempts.ask(&unknown(77), source(1), 2);
    attempts.ask(&unknown(78), source(1), 2);
    let mut now = 5 * MINUTE + SECOND;
    assert!(guess(&mut attempts, &unknown(77), now));
    let told = attempts.ask(&unknown(78), source(1), now);
    assert_eq!(told, Admission::After(Duration::from_mins(5)));
    for _ in 0..300 {
        now += SECOND;
        assert!(!guess(&mut attempts, &unknown(0), now));
    }
    assert_eq!(attempts.ask(&unknown(78), source(1), now), Admission::Granted);
}
