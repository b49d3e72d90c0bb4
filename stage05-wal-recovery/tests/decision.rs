//! The decision table, written down a second time.

use stage05::decision::Decision::{Corrupt, CutAcknowledged, End, RecreateEmpty, Skip, TornTail};
use stage05::decision::Found::{BadBody, BadHeader, EndOfFile, Hole, WrongOffset, Zeros};
use stage05::decision::HeaderBlock::{Bad, Good, Unfinished};
use stage05::decision::RecoveryMode::{AbsoluteConsistency, PointInTime, SkipAny, TolerateTornTail};
use stage05::decision::Segment::{Newest, Sealed};
use stage05::decision::{Evidence, decide};

/// What recovery is to do. No two rows speak of the same case, so their order means nothing.
const TABLE: &str = "
    segment header         found                 below  mode                          decision

    *       Good           EndOfFile             false  *                             End
    Newest  Good           Zeros                 false  *                             End

    Newest  Good           Hole|BadHeader|BadBody false TolerateTornTail|PointInTime  TornTail
    Newest  Good           Hole|BadHeader|BadBody false AbsoluteConsistency           Corrupt(TornTail)
    Newest  Good           Hole|BadHeader|BadBody true  TolerateTornTail|AbsoluteConsistency Corrupt(BelowWatermark)
    Newest  Good           EndOfFile|Zeros       true   TolerateTornTail|AbsoluteConsistency Corrupt(RecordsMissing)
    Newest  Good           WrongOffset           *      TolerateTornTail|AbsoluteConsistency Corrupt(WrongOffset)
    Newest  Good           WrongOffset           false  PointInTime                   CutAcknowledged
    Newest  Good           *                     true   PointInTime                   CutAcknowledged

    Newest  Unfinished     EndOfFile|Zeros       false  TolerateTornTail|PointInTime  RecreateEmpty
    Newest  Unfinished     EndOfFile|Zeros       false  AbsoluteConsistency           Corrupt(SegmentHeader)
    Newest  Unfinished     EndOfFile|Zeros       true   TolerateTornTail|AbsoluteConsistency Corrupt(SegmentHeader)
    Newest  Unfinished     EndOfFile|Zeros       true   PointInTime                   CutAcknowledged
    Newest  Unfinished     Hole|BadHeader|BadBody|WrongOffset * TolerateTornTail|AbsoluteConsistency Corrupt(SegmentHeader)
    Newest  Unfinished     Hole|BadHeader|BadBody|WrongOffset * PointInTime           CutAcknowledged
    Newest  Bad            *                     *      TolerateTornTail|AbsoluteConsistency Corrupt(SegmentHeader)
    Newest  Bad            *                     *      PointInTime                   CutAcknowledged

    Sealed  Good           EndOfFile             true   TolerateTornTail|AbsoluteConsistency|PointInTime Corrupt(RecordsMissing)
    Sealed  Good           Zeros|Hole|BadHeader|BadBody|WrongOffset * TolerateTornTail|AbsoluteConsistency|PointInTime Corrupt(Sealed)
    Sealed  Unfinished|Bad *                     *      TolerateTornTail|AbsoluteConsistency|PointInTime Corrupt(SegmentHeader)

    *       Good           EndOfFile             true   SkipAny                       Skip
    Newest  Good           Zeros                 true   SkipAny                       Skip
    Sealed  Good           Zeros                 *      SkipAny                       Skip
    *       Good           Hole|BadHeader|BadBody|WrongOffset * SkipAny               Skip
    *       Unfinished|Bad *                     *      SkipAny                       Skip
";

/// The rows, word by word.
fn rows() -> Vec<Vec<&'static str>> {
    let lines = TABLE.lines().filter(|line| !line.trim().is_empty()).skip(1);
    lines.map(|line| line.split_whitespace().collect()).collect()
}

fn matches(row: &[&str], case: &[String; 5]) -> bool {
    row.iter().zip(case).all(|(word, value)| *word == "*" || word.split('|').any(|choice| choice == value))
}

fn all_evidence() -> Vec<Evidence> {
    let mut all = Vec::new();
    for segment in [Newest, Sealed] {
        for header in [Good, Unfinished, Bad] {
            for found in [EndOfFile, Zeros, Hole, BadHeader, BadBody, WrongOffset] {
                for below_watermark in [false, true] {
                    for mode in [AbsoluteConsistency, TolerateTornTail, PointInTime, SkipAny] {
                        all.push(Evidence { segment, header, found, below_watermark, mode });
                    }
                }
            }
        }
    }
    all
}

fn words(evidence: &Evidence) -> [String; 5] {
    let Evidence { segment, header, found, below_watermark, mode } = evidence;
    [
        format!("{segment:?}"),
        format!("{header:?}"),
        format!("{found:?}"),
        format!("{below_watermark}"),
        format!("{mode:?}"),
    ]
}

#[test]
fn every_combination_has_one_row_and_is_decided_as_the_row_says() {
    for evidence in all_evidence() {
        let case = words(&evidence);
        let found: Vec<_> = rows().into_iter().filter(|row| matches(&row[..5], &case)).collect();
        assert_eq!(found.len(), 1, "{case:?} has these rows: {found:?}");
        assert_eq!(format!("{:?}", decide(evidence)), found[0][5], "{case:?}");
    }
}

#[test]
fn every_row_speaks_of_a_case_and_every_word_is_one_that_exists() {
    let cases: Vec<_> = all_evidence().iter().map(words).collect();
    for row in rows() {
        assert_eq!(row.len(), 6, "{row:?}");
        for (column, word) in row[..5].iter().enumerate() {
            for choice in word.split('|').filter(|choice| *choice != "*") {
                assert!(cases.iter().any(|case| case[column] == choice), "{choice} in {row:?}");
            }
        }
        assert!(cases.iter().any(|case| matches(&row[..5], case)), "no case has the row {row:?}");
    }
}

/// What no row may ever say, whoever changes the table.
#[test]
fn a_sealed_segment_is_never_changed_and_acknowledged_records_go_in_one_mode_alone() {
    for evidence in all_evidence() {
        let decision = decide(evidence);
        if evidence.segment == Sealed {
            assert!(matches!(decision, End | Skip | Corrupt(_)), "{evidence:?}: {decision:?}");
        }
        if evidence.below_watermark {
            assert!(!matches!(decision, End | TornTail | RecreateEmpty), "{evidence:?}: {decision:?}");
        }
        if evidence.mode != PointInTime {
            assert_ne!(decision, CutAcknowledged, "{evidence:?}");
        }
    }
}
