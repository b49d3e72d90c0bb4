//! Numbers as people read them: three digits and a unit.

/// A count or a rate: `941`, `12.4 k`, `8.31 M`.
pub fn count(number: f64) -> String {
    scaled(number, &[(1.0, ""), (1e3, " k"), (1e6, " M"), (1e9, " G")])
}

/// A duration: `912 ns`, `3.92 µs`, `4.11 ms`, `1.20 s`.
pub fn duration(nanoseconds: f64) -> String {
    scaled(nanoseconds, &[(1.0, " ns"), (1e3, " µs"), (1e6, " ms"), (1e9, " s")])
}

/// How many times as fast: `0.93x`, `2.1x`, `17x`, `1240x`.
pub fn ratio(ratio: f64) -> String {
    match ratio {
        ..0.0095 => format!("{ratio:.1e}x"),
        ..0.995 => format!("{ratio:.2}x"),
        ..9.95 => format!("{ratio:.1}x"),
        _ => format!("{ratio:.0}x"),
    }
}

fn scaled(number: f64, units: &[(f64, &str)]) -> String {
    // A number that rounds up to 1000 belongs to the next unit.
    let unit = units.iter().rev().find(|(size, _)| number >= size * 0.9995).unwrap_or(&units[0]);
    let scaled = number / unit.0;
    let digits = match scaled {
        _ if unit.0 == 1.0 && scaled.fract() == 0.0 => 0,
        ..9.995 => 2,
        ..99.95 => 1,
        _ => 0,
    };
    format!("{scaled:.digits$}{}", unit.1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_has_three_digits_and_a_unit() {
        let counts =
            [(7.0, "7"), (0.5, "0.50"), (941.2, "941"), (999.7, "1.00 k"), (12_420.0, "12.4 k"), (8.31e6, "8.31 M")];
        for (number, text) in counts {
            assert_eq!(count(number), text, "{number}");
        }
        let durations = [(912.0, "912 ns"), (3_924.0, "3.92 µs"), (4_110_000.0, "4.11 ms"), (1.2e9, "1.20 s")];
        for (number, text) in durations {
            assert_eq!(duration(number), text, "{number}");
        }
    }

    #[test]
    fn a_ratio_has_as_many_digits_as_matter() {
        for (number, text) in
            [(0.932, "0.93x"), (1.0, "1.0x"), (2.13, "2.1x"), (9.96, "10x"), (1240.4, "1240x"), (0.0012, "1.2e-3x")]
        {
            assert_eq!(ratio(number), text, "{number}");
        }
    }
}
