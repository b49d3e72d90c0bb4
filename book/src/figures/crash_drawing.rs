//! The crash map as a drawing, and the same in words.

use std::fmt::Write;

use super::crash_map::{CrashMap, LENSES};
use crate::html::escape;

/// The size of a cell; the text in it can still be read on a phone.
const CELL: usize = 24;
const LABEL_WIDTH: usize = 96;
const STRING: &str = "a string takes everything";

/// The map as an element of the page, with a legend and its words.
pub(crate) fn crash_drawing(map: &CrashMap) -> String {
    let mut drawing = Drawing { svg: String::new(), y: 0 };
    drawing.title("the run: each column is one operation");
    for file in map.files() {
        let signs = map.columns.iter().map(|c| if c.file.as_deref() == file { c.sign } else { "" });
        drawing.row(file.unwrap_or("directory"), signs.map(sign));
    }
    drawing.title("the records that a power cut behind it leaves");
    for (first, last) in map.rows() {
        let label = if first == last { first.to_string() } else { format!("{first} to {last}") };
        let mut was_acknowledged = false;
        let cells = map.columns.iter().map(|column| {
            let acknowledged =
                last < column.acknowledged && !std::mem::replace(&mut was_acknowledged, last < column.acknowledged);
            record(last < column.must, first < column.may, acknowledged)
        });
        drawing.row(&label, cells);
    }
    drawing.title("does the log keep its word after a crash there?");
    for (lens, name) in LENSES.iter().enumerate() {
        drawing.row(name, map.columns.iter().map(|column| verdict(column.lost[lens].0 > 0)));
    }
    let width = LABEL_WIDTH + map.columns.len() * CELL + 4;
    let words = escape(&summary(map));
    format!(
        "<div class=\"table-wrapper\"><svg role=\"img\" class=\"crashmap\" aria-label=\"{words}\" viewBox=\"0 0 {width} {}\" \
         style=\"width: {width}px\" xmlns=\"http://www.w3.org/2000/svg\">\n{}</svg></div>\n{LEGEND}\n{}",
        drawing.y + 8,
        drawing.svg,
        in_words(map)
    )
}

const LEGEND: &str = "<p class=\"legend\"><span>W: write</span> <span>S: sync</span> \
    <span><b class=\"must\">■</b> survives every power cut</span> <span><b class=\"may\">□</b> may survive</span> \
    <span>✓: acknowledged here</span> <span><b class=\"good\">●</b> kept</span> <span><b class=\"bad\">✕</b> broken in some states</span></p>";

struct Drawing {
    svg: String,
    y: usize,
}

impl Drawing {
    fn title(&mut self, text: &str) {
        self.y += 26;
        writeln!(self.svg, "<text x=\"0\" y=\"{}\" class=\"title\">{}</text>", self.y, escape(text)).expect(STRING);
        self.y += 8;
    }

    /// A row of cells, each drawn around its own middle.
    fn row(&mut self, label: &str, cells: impl Iterator<Item = String>) {
        let middle = self.y + CELL / 2;
        let label = escape(label);
        writeln!(self.svg, "<text x=\"{}\" y=\"{}\" text-anchor=\"end\">{label}</text>", LABEL_WIDTH - 8, middle + 5)
            .expect(STRING);
        for (number, cell) in cells.enumerate().filter(|(_, cell)| !cell.is_empty()) {
            let x = LABEL_WIDTH + number * CELL + CELL / 2;
            writeln!(self.svg, "<g transform=\"translate({x} {middle})\">{cell}</g>").expect(STRING);
        }
        self.y += CELL;
    }
}

fn sign(sign: &str) -> String {
    let class = if sign == "S" { "sync" } else { "operation" };
    let text = |sign| format!("<text y=\"5\" text-anchor=\"middle\" class=\"{class}\">{sign}</text>");
    if sign.is_empty() { String::new() } else { text(sign) }
}

/// A record behind one operation: full if it is safe, an outline if it may be there, with a tick where it is answered.
fn record(must: bool, may: bool, is_acknowledged_here: bool) -> String {
    let class = match (must, may) {
        (true, _) => "must",
        (false, true) => "may",
        (false, false) => return "<rect x=\"-1\" y=\"-1\" width=\"2\" height=\"2\" class=\"none\"/>".to_string(),
    };
    let tick = if is_acknowledged_here { "<path d=\"M-5 0 L-1 4 L5 -5\" class=\"tick\"/>" } else { "" };
    format!("<rect x=\"-10\" y=\"-9\" width=\"20\" height=\"18\" rx=\"2\" class=\"{class}\"/>{tick}")
}

fn verdict(is_broken: bool) -> String {
    match is_broken {
        true => "<path d=\"M-5 -5 L5 5 M5 -5 L-5 5\" class=\"bad\"/>".to_string(),
        false => "<circle r=\"4\" class=\"good\"/>".to_string(),
    }
}

/// The gist of the map in a few sentences.
fn summary(map: &CrashMap) -> String {
    let count = map.columns.len();
    let mut text = format!("{}: {} records are appended in {count} operations. ", map.stage, map.records);
    for (lens, name) in LENSES.iter().enumerate() {
        let broken: Vec<&str> = map.columns.iter().filter(|c| c.lost[lens].0 > 0).map(|c| c.words.as_str()).collect();
        match broken.as_slice() {
            [] => write!(text, "After a {name} behind any of them, the log keeps its word. "),
            some => write!(text, "A {name} can break the log behind {} of them: {}. ", some.len(), some.join("; ")),
        }
        .expect(STRING);
    }
    text.trim_end().to_string()
}

/// Every column of the map as a sentence, for those who cannot see the drawing or want to know more.
fn in_words(map: &CrashMap) -> String {
    let mut html = String::from("<details><summary>The map in words</summary>\n<ol>\n");
    for column in &map.columns {
        let left = match (column.must, column.may) {
            (must, may) if must == may => format!("a power cut leaves {must} records"),
            (must, may) => format!("a power cut leaves {must} to {may} records"),
        };
        let broken = LENSES.iter().zip(column.lost).filter(|(_, (lost, _))| *lost > 0);
        let broken: String =
            broken.map(|(name, (lost, of))| format!("; a {name} breaks the log in {lost} of {of} states")).collect();
        let (words, acknowledged) = (escape(&column.words), column.acknowledged);
        writeln!(html, "<li>{words}: {acknowledged} acknowledged, {left}{broken}</li>").expect(STRING);
    }
    html + "</ol></details>"
}

#[cfg(test)]
mod tests {
    use super::super::crash_map::crash_map;
    use super::*;

    #[test]
    fn the_map_says_in_words_and_in_shapes_what_is_lost() {
        let map = crash_map("stage01", "append").unwrap();
        let html = crash_drawing(&map);
        assert!(html.contains("After a kill behind any of them, the log keeps its word."), "{html}");
        assert!(html.contains("A torn write can break the log behind"), "{html}");
        assert_eq!(html.matches("class=\"tick\"").count(), 7, "one acknowledgement for each record");
        assert_eq!(html.matches("<li>").count(), map.columns.len());
        let broken = map.columns.iter().filter(|column| column.lost[2].0 > 0).count();
        assert_eq!(html.matches("class=\"bad\"/>").count(), broken);
    }
}
