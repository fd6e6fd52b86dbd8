//! Plots as SVG: a few lines over two axes, readable on white and on black.

use crate::table::number;

/// The picture, and in it the rectangle between the axes; in units of SVG.
const WIDTH: f64 = 760.0;
const HEIGHT: f64 = 420.0;
const LEFT: f64 = 70.0;
const RIGHT: f64 = 740.0;
const TOP: f64 = 50.0;
const BOTTOM: f64 = 350.0;
/// Marks on an axis, about.
const MARKS: f64 = 6.0;
/// Told apart by the colour-blind too (Okabe and Ito).
const COLOURS: [&str; 4] = ["#0072b2", "#d55e00", "#009e73", "#cc79a7"];

/// How values go up the vertical axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scale {
    /// From zero, evenly.
    Linear,
    /// By powers of ten.
    Logarithmic,
}

/// A line of a plot.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) name: String,
    pub(super) points: Vec<(f64, f64)>,
}

/// A plot; the horizontal axis is linear and begins at zero.
#[derive(Debug)]
pub(super) struct Plot {
    pub(super) title: String,
    /// What the axes show, with the unit.
    pub(super) x: String,
    pub(super) y: String,
    pub(super) scale: Scale,
    pub(super) lines: Vec<Line>,
}

/// An axis: its marks in their order, the first and last of them its ends.
struct Axis {
    scale: Scale,
    marks: Vec<f64>,
}

impl Plot {
    /// The picture.
    pub(super) fn svg(&self) -> String {
        let points = || self.lines.iter().flat_map(|line| &line.points);
        let x = Axis::linear(points().map(|&(x, _)| x));
        let y = match self.scale {
            Scale::Linear => Axis::linear(points().map(|&(_, y)| y)),
            Scale::Logarithmic => Axis::logarithmic(points().map(|&(_, y)| y)),
        };
        let right = |value| LEFT + x.part(value) * (RIGHT - LEFT);
        let up = |value| BOTTOM - y.part(value) * (BOTTOM - TOP);
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" \
             font-family=\"sans-serif\" font-size=\"12\" fill=\"#555\">\n\
             <rect width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"#fff\"/>\n"
        );
        svg += &text(LEFT, 26.0, "start", " font-size=\"15\" fill=\"#222\"", &self.title);
        for &mark in &x.marks {
            let at = right(mark);
            svg += &rule((at, BOTTOM), (at, BOTTOM + 5.0), "#999");
            svg += &text(at, BOTTOM + 19.0, "middle", "", &label(mark));
        }
        for &mark in &y.marks {
            let at = up(mark);
            svg += &rule((LEFT, at), (RIGHT, at), "#e3e3e3");
            svg += &text(LEFT - 8.0, at + 4.0, "end", "", &label(mark));
        }
        svg += &rule((LEFT, BOTTOM), (RIGHT, BOTTOM), "#999");
        svg += &rule((LEFT, TOP), (LEFT, BOTTOM), "#999");
        svg += &text(f64::midpoint(LEFT, RIGHT), BOTTOM + 38.0, "middle", "", &self.x);
        let middle = f64::midpoint(TOP, BOTTOM);
        let turned = format!(" transform=\"rotate(-90 18 {middle})\"");
        svg += &text(18.0, middle, "middle", &turned, &self.y);
        for (at, (line, colour)) in self.lines.iter().zip(COLOURS.iter().cycle()).enumerate() {
            let place = |&(x, y): &(f64, f64)| (right(x), up(y));
            let places: Vec<(f64, f64)> = line.points.iter().map(place).collect();
            let path: Vec<String> = places.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
            svg += &polyline(&path.join(" "), colour);
            for (x, y) in places {
                svg += &circle(x, y, colour);
            }
            // Names stand in a row below the axis.
            let name = LEFT + 168.0 * f64::from(u8::try_from(at).unwrap_or(u8::MAX));
            svg += &polyline(&format!("{name},407 {},407", name + 14.0), colour);
            svg += &text(name + 19.0, 411.0, "start", "", &line.name);
        }
        svg + "</svg>\n"
    }
}

impl Axis {
    /// From zero to a round number above all values.
    fn linear(values: impl Iterator<Item = f64>) -> Self {
        let most = values.fold(0.0, f64::max).max(f64::MIN_POSITIVE);
        let rough = most / MARKS;
        let power = 10_f64.powf(rough.log10().floor());
        let apart = [1.0, 2.0, 2.5, 5.0, 10.0].map(|step| step * power);
        let apart = apart.into_iter().find(|&step| step >= rough).unwrap_or(rough);
        let count = (most / apart).ceil();
        let marks = std::iter::successors(Some(0.0), |mark| Some(mark + 1.0));
        let marks = marks.take_while(|&mark| mark <= count).map(|mark| mark * apart).collect();
        Self { scale: Scale::Linear, marks }
    }

    /// From one power of ten to another around all values.
    fn logarithmic(values: impl Iterator<Item = f64>) -> Self {
        // Below a thousandth nothing is told apart; zero has no logarithm.
        let (least, most) = values
            .map(|value| value.max(0.001))
            .fold((f64::MAX, 0.001), |(least, most), value| (value.min(least), value.max(most)));
        let first = least.min(most).log10().floor();
        let last = most.log10().ceil().max(first + 1.0);
        let powers = std::iter::successors(Some(first), |power| Some(power + 1.0));
        let marks = powers.take_while(|&power| power <= last).map(|power| 10_f64.powf(power));
        Self { scale: Scale::Logarithmic, marks: marks.collect() }
    }

    /// Where a value lies between the ends, 0 to 1.
    fn part(&self, value: f64) -> f64 {
        let [Some(&first), Some(&last)] = [self.marks.first(), self.marks.last()] else {
            return 0.0;
        };
        let part = match self.scale {
            Scale::Linear => (value - first) / (last - first),
            Scale::Logarithmic => (value.max(first) / first).log10() / (last / first).log10(),
        };
        part.clamp(0.0, 1.0)
    }
}

fn label(mark: f64) -> String {
    let digits = if mark >= 10.0 || mark.fract() == 0.0 { 0 } else { 3 };
    let text = number(mark, digits);
    if text.contains('.') { text.trim_end_matches('0').to_owned() } else { text }
}

fn polyline(points: &str, colour: &str) -> String {
    format!(
        "<polyline points=\"{points}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>\n"
    )
}

fn circle(x: f64, y: f64, colour: &str) -> String {
    format!("<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3\" fill=\"{colour}\"/>\n")
}

fn rule((x1, y1): (f64, f64), (x2, y2): (f64, f64), colour: &str) -> String {
    format!(
        "<line x1=\"{x1:.1}\" y1=\"{y1:.1}\" x2=\"{x2:.1}\" y2=\"{y2:.1}\" stroke=\"{colour}\"/>\n"
    )
}

fn text(x: f64, y: f64, anchor: &str, more: &str, text: &str) -> String {
    let text = text.replace('&', "&amp;").replace('<', "&lt;");
    format!("<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\"{more}>{text}</text>\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_end_on_round_numbers_around_the_values() {
        let axis = Axis::linear([3.0, 1_940.0].into_iter());
        assert_eq!(
            axis.marks.iter().map(|&m| label(m)).collect::<Vec<_>>().join(" | "),
            "0 | 500 | 1 000 | 1 500 | 2 000"
        );
        assert!((axis.part(1_000.0) - 0.5).abs() < 1e-9);
        let axis = Axis::logarithmic([0.3, 40.0].into_iter());
        assert_eq!(
            axis.marks.iter().map(|&m| label(m)).collect::<Vec<_>>(),
            ["0.1", "1", "10", "100"]
        );
        assert!((axis.part(1.0) - 1.0 / 3.0).abs() < 1e-9);
        assert!(axis.part(0.0).abs() < 1e-9);
    }

    #[test]
    fn a_plot_has_a_line_for_each_line_and_says_its_units() {
        let line =
            |name: &str| Line { name: name.to_owned(), points: vec![(1.0, 2.0), (3.0, 4.0)] };
        let plot = Plot {
            title: "a < b".to_owned(),
            x: "calls a second".to_owned(),
            y: "milliseconds".to_owned(),
            scale: Scale::Linear,
            lines: vec![line("p50"), line("p99")],
        };
        let svg = plot.svg();
        assert_eq!(svg.matches("<polyline").count(), 4, "each line, and beside its name");
        assert_eq!(svg.matches("<circle").count(), 4);
        for said in ["a &lt; b", "calls a second", "milliseconds", "p99"] {
            assert!(svg.contains(said), "{said}");
        }
    }

    #[test]
    fn nothing_to_show_is_no_panic() {
        let empty = Line { name: String::new(), points: Vec::new() };
        for scale in [Scale::Linear, Scale::Logarithmic] {
            let [title, x, y] = [const { String::new() }; 3];
            let lines = vec![Line { name: String::new(), points: empty.points.clone() }];
            assert!(Plot { title, x, y, scale, lines }.svg().ends_with("</svg>\n"));
        }
    }
}
