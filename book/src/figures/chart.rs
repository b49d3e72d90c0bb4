//! Measured numbers as a chart: a point for each stage on a logarithmic axis, with its name and its number beside it.
//!
//! Points and not bars, because a bar's length means nothing on a logarithmic axis; and logarithmic, because the stages
//! lie factors of thousands apart. Every point is labelled, so that no colour has to be told from another.

use plotters::backend::SVGBackend;
use plotters::chart::ChartBuilder;
use plotters::coord::combinators::IntoLogRange;
use plotters::drawing::IntoDrawingArea;
use plotters::element::{Circle, PathElement, Text};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{Color, FontStyle, FontTransform, IntoFont, RGBColor, ShapeStyle, TextStyle};

use super::numbers::{Numbers, Shown};
use crate::html::escape;
use crate::results::FLOOR;
use crate::tool::units;

/// Colours that plotters can write, and what the page has in their place: its own, in light and in dark.
const INK: RGBColor = RGBColor(1, 2, 3);
const ACCENT: RGBColor = RGBColor(4, 5, 6);
const FAINT: RGBColor = RGBColor(7, 8, 9);
const ON_THE_PAGE: [(&str, &str); 3] =
    [("#010203", "currentColor"), ("#040506", "var(--accent)"), ("#070809", "var(--faint)")];

/// Narrow enough that its text can be read on a phone.
const WIDTH: u32 = 480;
const LINE_HEIGHT: i32 = 26;
const AXIS_HEIGHT: i32 = 46;
const LABEL_WIDTH: i32 = 76;
/// Where the number of the rightmost point goes.
const NUMBER_WIDTH: i32 = 64;

/// One line of the chart.
enum Line<'a> {
    Title(&'a str),
    Point(&'a str, f64),
}

/// The chart as an element of the page, with its numbers as its text.
pub(crate) fn chart(numbers: &Numbers, shown: &Shown<'_>) -> Result<String, String> {
    let lines = lines(numbers, shown);
    let mut svg = String::new();
    draw(&lines, &mut svg).map_err(|error| format!("the chart cannot be drawn: {error}"))?;
    for (drawn, shown) in ON_THE_PAGE {
        svg = svg.replace(drawn, shown);
    }
    let start = svg.find("<svg").ok_or("the chart is empty")? + "<svg".len();
    let words = escape(&words(&lines));
    Ok(format!(
        "<svg role=\"img\" class=\"chart\" aria-label=\"{words}\"{}\n<p class=\"origin\">{}</p>",
        &svg[start..],
        numbers.origin()
    ))
}

fn lines<'a>(numbers: &Numbers, shown: &'a Shown<'_>) -> Vec<Line<'a>> {
    let mut lines = Vec::new();
    for workload in &shown.workloads {
        lines.push(Line::Title(workload));
        let rate = |column: &&str| numbers.results.row(workload, column).map(|row| row.ops_per_second);
        lines.extend(shown.columns.iter().filter_map(|column| Some(Line::Point(column, rate(column)?))));
    }
    lines
}

fn words(lines: &[Line<'_>]) -> String {
    let parts = lines.iter().map(|line| match line {
        Line::Title(title) => format!(". {title}:"),
        Line::Point(stage, rate) => format!(" {stage} {};", units::count(*rate)),
    });
    let text: String = parts.collect();
    format!("Operations per second{}", text.replace(";.", ".").trim_end_matches(';'))
}

fn draw(lines: &[Line<'_>], svg: &mut String) -> Result<(), Box<dyn std::error::Error>> {
    let height = lines.len() as i32 * LINE_HEIGHT;
    let root = SVGBackend::with_string(svg, (WIDTH, (height + AXIS_HEIGHT) as u32)).into_drawing_area();
    let mut chart = ChartBuilder::on(&root)
        .x_label_area_size(AXIS_HEIGHT)
        .y_label_area_size(LABEL_WIDTH)
        .margin_right(NUMBER_WIDTH)
        .build_cartesian_2d(decades(lines).log_scale(), 0..height)?;
    chart
        .configure_mesh()
        .disable_y_mesh()
        .disable_y_axis()
        .x_max_light_lines(0)
        .bold_line_style(FAINT)
        .light_line_style(FAINT)
        .axis_style(FAINT)
        .label_style(text(INK, HPos::Center))
        .axis_desc_style(text(INK, HPos::Center))
        .x_label_formatter(&|rate| units::count(*rate).replace(".00", "").replace(".0", ""))
        .x_desc("operations per second")
        .draw()?;
    for (number, line) in lines.iter().enumerate() {
        let y = height - number as i32 * LINE_HEIGHT - LINE_HEIGHT / 2;
        let Line::Point(stage, rate) = *line else { continue };
        let start = chart.plotting_area().get_x_range().start;
        let colour = if stage == FLOOR { INK } else { ACCENT };
        let stroke = ShapeStyle { color: colour.to_rgba(), filled: false, stroke_width: 2 };
        let dot = ShapeStyle { filled: stage != FLOOR, ..stroke };
        chart.draw_series([PathElement::new([(start, y), (rate, y)], stroke)])?;
        chart.draw_series([Circle::new((rate, y), 5, dot)])?;
        let (x, y) = chart.backend_coord(&(rate, y));
        root.draw(&Text::new(units::count(rate), (x + 10, y), text(INK, HPos::Left)))?;
        root.draw(&Text::new(stage.to_string(), (LABEL_WIDTH - 8, y), text(INK, HPos::Right)))?;
    }
    for (number, line) in lines.iter().enumerate() {
        let Line::Title(title) = line else { continue };
        let y = number as i32 * LINE_HEIGHT + LINE_HEIGHT / 2;
        let bold = TextStyle { font: ("sans-serif", 17.0).into_font().style(FontStyle::Bold), ..text(INK, HPos::Left) };
        root.draw(&Text::new(title.to_string(), (8, y), bold))?;
    }
    root.present()?;
    drop(chart);
    Ok(())
}

/// The powers of ten around all points.
fn decades(lines: &[Line<'_>]) -> std::ops::Range<f64> {
    let rates = || lines.iter().filter_map(|line| if let Line::Point(_, rate) = line { Some(*rate) } else { None });
    let first = rates().fold(f64::INFINITY, f64::min).log10().floor();
    let last = rates().fold(0.0, f64::max).log10().ceil();
    10f64.powf(first)..10f64.powf(last.max(first + 1.0))
}

fn text(colour: RGBColor, side: HPos) -> TextStyle<'static> {
    let font = ("sans-serif", 17.0).into_font().transform(FontTransform::None);
    TextStyle { font, color: colour.to_backend_color(), pos: Pos::new(side, VPos::Center) }
}

#[cfg(test)]
mod tests {
    use super::super::numbers::tests::numbers;
    use super::*;

    #[test]
    fn a_chart_has_every_number_in_words_and_the_colours_of_the_page() {
        let numbers = numbers();
        let shown = numbers.select(&["all".to_string()], None).unwrap();
        let svg = chart(&numbers, &shown).unwrap();
        let words = "aria-label=\"Operations per second. append_durable_16: floor 1.00 k; stage01 900; stage02 9.00 k. \
                     random_read_1m: stage01 5; stage02 4; stage03 400 k\"";
        assert!(svg.contains(words), "{svg}");
        assert!(svg.contains("fill=\"currentColor\"") && svg.contains("stroke=\"var(--accent)\""), "{svg}");
        let colours: Vec<&str> = svg.match_indices("=\"#").map(|(at, _)| &svg[at..at + 9]).collect();
        assert!(colours.is_empty(), "colours of no theme: {colours:?} in {svg}");
        assert_eq!(svg.matches("<circle").count(), 6, "a point for each row: {svg}");
    }
}
