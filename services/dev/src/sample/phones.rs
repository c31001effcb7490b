//! Telephone numbers of every class a rulebook tells apart (PV-4), written as people write them (PV-5). A number is
//! computed from its owner's serial, so no two customers share one.

/// How a number is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    Hyphens,
    Bare,
    FullWidth,
    Brackets,
    International,
    Presented,
}

const STYLES: [Style; 6] = [
    Style::Hyphens,
    Style::Bare,
    Style::FullWidth,
    Style::Brackets,
    Style::International,
    Style::Presented,
];

/// The style a serial is written in; half of all people use hyphens.
pub(super) fn style_of(serial: u32) -> Style {
    if serial.is_multiple_of(2) {
        Style::Hyphens
    } else {
        STYLES[serial as usize / 2 % STYLES.len()]
    }
}

/// Seven digits that belong to this serial alone.
fn seven(serial: u32) -> String {
    format!("{:07}", (u64::from(serial) * 4_999_999 + 1_234_567) % 10_000_000)
}

pub(super) fn mobile(serial: u32) -> String {
    let prefix = ["090", "080", "070"][serial as usize % 3];
    format!("{prefix}{}{}", 1 + serial / 3 % 9, seven(serial))
}

/// A mobile number of the range opened in 2026.
pub(super) fn mobile_060(serial: u32) -> String {
    format!("060{}{}", 1 + serial % 9, seven(serial))
}

pub(super) fn fixed(serial: u32) -> String {
    let area = ["035", "066", "045", "052", "092", "011", "022"][serial as usize % 7];
    format!("{area}{}", seven(serial))
}

/// An IP telephone number, which no login accepts.
pub(super) fn ip_phone(serial: u32) -> String {
    format!("050{}{}", 1 + serial % 9, seven(serial))
}

/// A freephone number; 0800 starts like a mobile number and is none.
pub(super) fn freephone(serial: u32) -> String {
    if serial.is_multiple_of(2) {
        format!("0120{}", &seven(serial)[..6])
    } else {
        format!("0800{}", seven(serial))
    }
}

/// A Navi Dial number.
pub(super) fn navi_dial(serial: u32) -> String {
    format!("0570{}", &seven(serial)[..6])
}

/// The digits as somebody wrote them down.
pub(super) fn written(digits: &str, style: Style) -> String {
    let (head, tail) = digits.split_at(digits.len() - 4);
    let (area, middle) = head.split_at(if digits.len() == 11 { 3 } else { 2 });
    match style {
        Style::Bare => digits.to_owned(),
        Style::Hyphens => format!("{area}-{middle}-{tail}"),
        Style::Brackets => format!("{area}（{middle}）{tail}"),
        Style::International => format!("+81 (0){}-{middle}-{tail}", &area[1..]),
        Style::Presented => format!("186 {area} {middle} {tail}"),
        Style::FullWidth => format!("{area}ー{middle}ー{tail}")
            .chars()
            .map(full_width)
            .collect(),
    }
}

fn full_width(c: char) -> char {
    c.to_digit(10)
        .and_then(|digit| char::from_u32(u32::from('０') + digit))
        .unwrap_or(c)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use std::collections::BTreeSet;

    use kernel::phone::PhoneNumber;

    use super::*;

    #[test]
    fn pv_5_every_style_reads_back_as_the_same_number() {
        for serial in 0..60 {
            for digits in [
                mobile(serial),
                fixed(serial),
                ip_phone(serial),
                mobile_060(serial),
            ] {
                for style in STYLES {
                    let read = PhoneNumber::parse(&written(&digits, style)).unwrap();
                    assert_eq!(read.national(), digits, "{style:?}");
                }
            }
            assert_eq!(
                PhoneNumber::parse(&freephone(serial)).unwrap().national(),
                freephone(serial)
            );
            assert_eq!(
                PhoneNumber::parse(&navi_dial(serial)).unwrap().national(),
                navi_dial(serial)
            );
        }
    }

    #[test]
    fn no_two_serials_share_a_mobile_number() {
        let numbers: BTreeSet<_> = (0..10_000).map(mobile).collect();
        assert_eq!(numbers.len(), 10_000);
    }
}
