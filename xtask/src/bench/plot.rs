//! Plots: bars that lie, each with its name and its value.

use plotters::{
    coord::Shift,
    prelude::{DrawingArea, IntoDrawingArea as _, PathElement, RGBColor, Rectangle, SVGBackend, Text},
    style::{
        Color as _, FontDesc, FontFamily, FontStyle, TextStyle,
        text_anchor::{HPos, Pos, VPos},
    },
};

/// One bar.
#[derive(Debug)]
pub(super) struct Bar {
    /// What it is of.
    pub name: String,
    /// How long it is; above 0.
    pub value: f64,
    /// The least and the largest sample, if there are several.
    pub ends: Option<(f64, f64)>,
    /// What stands behind it.
    pub text: String,
    /// Whether it is denyd's.
    pub ours: bool,
}

const WIDTH: i32 = 860;
const NAMES: i32 = 330;
const TEXTS: i32 = 130;
const TITLE: i32 = 44;
const LINE: i32 = 28;
const FOOT: i32 = 34;

const PAGE: RGBColor = RGBColor(0xff, 0xff, 0xff);
const WORDS: RGBColor = RGBColor(0x20, 0x24, 0x2a);
const FAINT: RGBColor = RGBColor(0x6a, 0x70, 0x7a);
const LINES: RGBColor = RGBColor(0xdd, 0xe0, 0xe5);
const OURS: RGBColor = RGBColor(0x2b, 0x7b, 0xba);
const OTHERS: RGBColor = RGBColor(0x9a, 0xa3, 0xad);

/// The bars as SVG, on a logarithmic scale whose lines are powers of ten.
pub(super) fn bars(title: &str, unit: &str, bars: &[Bar]) -> anyhow::Result<String> {
    let height = TITLE + LINE * i32::try_from(bars.len())? + FOOT;
    let scale = Scale::around(bars);
    let mut svg = String::new();
    {
        let size = (WIDTH.unsigned_abs(), height.unsigned_abs());
        let root = SVGBackend::with_string(&mut svg, size).into_drawing_area();
        root.fill(&PAGE)?;
        write(&root, title, (14, 22), words(15, WORDS, HPos::Left, FontStyle::Bold))?;
        for power in scale.first..=scale.last {
            let x = scale.place(10_f64.powi(power));
            root.draw(&PathElement::new([(x, TITLE), (x, height - FOOT)], LINES))?;
            let label = super::spread::significant(10_f64.powi(power));
            write(&root, &label, (x, height - FOOT + 11), words(11, FAINT, HPos::Center, FontStyle::Normal))?;
        }
        write(&root, unit, (14, height - FOOT + 11), words(11, FAINT, HPos::Left, FontStyle::Normal))?;
        for (bar, top) in bars.iter().zip((TITLE..).step_by(usize::try_from(LINE)?)) {
            let middle = top + LINE / 2;
            let (begin, end) = (scale.place(0.0), scale.place(bar.value));
            let color = if bar.ours { OURS } else { OTHERS };
            root.draw(&Rectangle::new(
                [(begin, top + 5), (end.max(begin + 1), top + LINE - 5)],
                color.filled(),
            ))?;
            let mut right = end;
            if let Some((least, largest)) = bar.ends {
                let ends = [(scale.place(least), middle), (scale.place(largest), middle)];
                root.draw(&PathElement::new(ends, WORDS.stroke_width(1)))?;
                right = right.max(ends[1].0);
            }
            write(&root, &bar.name, (NAMES - 10, middle), words(12, WORDS, HPos::Right, FontStyle::Normal))?;
            write(&root, &bar.text, (right + 8, middle), words(12, WORDS, HPos::Left, FontStyle::Bold))?;
        }
        root.present()?;
    }
    Ok(svg)
}

/// Powers of ten that all bars lie between.
struct Scale {
    first: i32,
    last: i32,
}

impl Scale {
    fn around(bars: &[Bar]) -> Self {
        let values = || bars.iter().map(|bar| bar.value).filter(|&value| value > 0.0);
        let (least, largest) = (values().fold(f64::INFINITY, f64::min), values().fold(0.0, f64::max));
        if largest == 0.0 {
            return Self { first: 0, last: 1 };
        }
        #[expect(clippy::cast_possible_truncation, reason = "powers of ten are few")]
        let [first, last] = [least.log10().floor() as i32, largest.log10().ceil() as i32];
        // The smallest bar is to be seen.
        let first = if least.log10() - f64::from(first) < 0.2 { first - 1 } else { first };
        Self { first, last: last.max(first + 1) }
    }

    /// Pixels from the left.
    fn place(&self, value: f64) -> i32 {
        let room = f64::from(WIDTH - NAMES - TEXTS);
        let share = (value.log10() - f64::from(self.first)) / f64::from(self.last - self.first);
        #[expect(clippy::cast_possible_truncation, reason = "it is within the picture")]
        let within = (share.clamp(0.0, 1.0) * room).round() as i32;
        NAMES + within
    }
}

fn words(size: i32, color: RGBColor, anchor: HPos, style: FontStyle) -> TextStyle<'static> {
    // The backend divides by this.
    let size = f64::from(size) * 1.24;
    TextStyle {
        font: FontDesc::new(FontFamily::SansSerif, size, style),
        color: color.to_backend_color(),
        pos: Pos::new(anchor, VPos::Center),
    }
}

fn write(
    area: &DrawingArea<SVGBackend<'_>, Shift>,
    text: &str,
    place: (i32, i32),
    style: TextStyle<'static>,
) -> anyhow::Result<()> {
    Ok(area.draw(&Text::new(text, place, style))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bar(value: f64) -> Bar {
        Bar { name: "a name".to_owned(), value, ends: None, text: "a text".to_owned(), ours: true }
    }

    #[test]
    fn ten_times_as_much_is_as_far_everywhere() {
        let scale = Scale::around(&[bar(3.0), bar(700.0)]);
        assert_eq!((scale.first, scale.last), (0, 3));
        let places = [1.0, 10.0, 100.0, 1000.0].map(|value| scale.place(value));
        assert_eq!(places, [NAMES, 463, 597, WIDTH - TEXTS]);
        assert_eq!(scale.place(0.0), NAMES);
    }

    #[test]
    fn the_least_bar_is_seen() {
        let scale = Scale::around(&[bar(1.0), bar(2.0)]);
        assert!(scale.place(1.0) > NAMES + 100);
        assert_eq!(Scale::around(&[bar(0.0)]).last, 1);
    }

    #[test]
    fn a_picture_has_all_names_and_texts() {
        let svg = bars("title", "unit", &[bar(1.0), Bar { ends: Some((2.0, 4.0)), ..bar(3.0) }]).unwrap();
        assert_eq!(svg.matches("a name").count(), 2);
        assert_eq!(svg.matches("a text").count(), 2);
        assert!(svg.contains("title") && svg.contains("unit"), "{svg}");
    }
}
