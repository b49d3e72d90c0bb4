//! The date.

use std::time::{SystemTime, UNIX_EPOCH};

/// The date, as `2024-12-31`.
pub(crate) fn today() -> String {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    date_of(seconds / (24 * 60 * 60))
}

/// The date so many days after 1970-01-01: years, then months, are counted off.
fn date_of(mut days: u64) -> String {
    let mut year = 1970;
    let is_leap = |year: u64| year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    while days >= 365 + u64::from(is_leap(year)) {
        days -= 365 + u64::from(is_leap(year));
        year += 1;
    }
    let mut month = 1;
    for length in [31, 28 + u64::from(is_leap(year)), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
        if days < length {
            break;
        }
        days -= length;
        month += 1;
    }
    format!("{year}-{month:02}-{:02}", days + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_become_dates() {
        let cases = [(0, "1970-01-01"), (59, "1970-03-01"), (11_016, "2000-02-29"), (19_723, "2024-01-01")];
        for (days, date) in cases.into_iter().chain([(20_088, "2024-12-31"), (20_103, "2025-01-15")]) {
            assert_eq!(date_of(days), date, "{days} days");
        }
    }
}
