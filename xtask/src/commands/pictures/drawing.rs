//! The dashboard as a picture, in the places that Grafana would give to the panels.

use anyhow::Context as _;
use plotters::{
    coord::Shift,
    prelude::{DrawingArea, IntoDrawingArea as _, RGBColor, Rectangle, SVGBackend, Text},
    style::{
        Color as _, FontDesc, FontFamily, FontStyle, TextStyle,
        text_anchor::{HPos, Pos, VPos},
    },
};
use xtask::prometheus::Period;

use super::{
    dashboard::{Kind, Panel, Place, Series},
    measured::Measured,
};

mod timeseries;
mod values;

/// Where one draws.
type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// A column and a row of Grafana's, in pixels.
const COLUMN: i32 = 46;
const ROW: i32 = 38;
/// Half of what is between two panels.
const GAP: i32 = 4;
const TITLE: i32 = 28;
/// Between a panel's border and what is in it.
const PADDING: i32 = 10;

const PAGE: RGBColor = RGBColor(0x11, 0x12, 0x17);
const PANEL: RGBColor = RGBColor(0x18, 0x1b, 0x1f);
const LINES: RGBColor = RGBColor(0x2e, 0x31, 0x38);
const WORDS: RGBColor = RGBColor(0xd5, 0xd5, 0xe0);
const FAINT: RGBColor = RGBColor(0xa0, 0xa2, 0xae);

/// The colours of series, one after another.
const SERIES: [RGBColor; 12] = [
    RGBColor(0x7e, 0xb2, 0x6d),
    RGBColor(0xea, 0xb8, 0x39),
    RGBColor(0x6e, 0xd0, 0xe0),
    RGBColor(0xef, 0x84, 0x3c),
    RGBColor(0xe2, 0x4d, 0x42),
    RGBColor(0x5b, 0x9b, 0xd5),
    RGBColor(0xd6, 0x83, 0xce),
    RGBColor(0x9d, 0x8a, 0xd0),
    RGBColor(0xb7, 0xdb, 0xab),
    RGBColor(0xf4, 0xd5, 0x98),
    RGBColor(0x70, 0xa0, 0xa0),
    RGBColor(0xc1, 0x8c, 0x6c),
];

/// The picture of the panels with what they show.
pub(super) fn picture(measured: &Measured) -> anyhow::Result<String> {
    let Measured { panels, period } = measured;
    let right = panels.iter().map(|(Panel { grid_pos: place, .. }, _)| place.x + place.w).max();
    let bottom = panels.iter().map(|(Panel { grid_pos: place, .. }, _)| place.y + place.h).max();
    let (right, bottom) = right.zip(bottom).context("the dashboard has no panels")?;
    let width = u32::try_from(right * COLUMN + 2 * GAP)?;
    let height = u32::try_from(bottom * ROW + 2 * GAP)?;
    let mut svg = String::new();
    {
        let root = SVGBackend::with_string(&mut svg, (width, height)).into_drawing_area();
        root.fill(&PAGE)?;
        for (panel, series) in panels {
            draw(&root, panel, series, *period).with_context(|| format!("cannot draw {}", panel.title))?;
        }
        root.present()?;
    }
    Ok(svg)
}

fn draw(root: &Area<'_>, panel: &Panel, series: &[Series], period: Period) -> anyhow::Result<()> {
    let Place { x, y, w, h } = panel.grid_pos;
    let size = (w * COLUMN - 2 * GAP, h * ROW - 2 * GAP);
    let area = root.clone().shrink((x * COLUMN + 2 * GAP, y * ROW + 2 * GAP), size);
    if panel.kind == Kind::Row {
        return write(&area, &panel.title, (4, size.1 / 2), words(15, WORDS).bold().left());
    }
    area.draw(&Rectangle::new([(0, 0), size], PANEL.filled()))?;
    area.draw(&Rectangle::new([(0, 0), size], LINES.stroke_width(1)))?;
    write(&area, &panel.title, (PADDING, TITLE / 2 + 1), words(13, WORDS).bold().left())?;
    let inner = (size.0 - 2 * PADDING, size.1 - TITLE - PADDING / 2);
    let area = area.shrink((PADDING, TITLE), inner);
    if series.is_empty() {
        return write(&area, "No data", (inner.0 / 2, inner.1 / 2 - TITLE / 4), words(14, FAINT));
    }
    match panel.kind {
        Kind::Row => Ok(()),
        Kind::Stat => values::stat(&area, panel, series),
        Kind::Timeseries => timeseries::chart(&area, panel, series, period),
        Kind::Bargauge => values::bars(&area, panel, series),
        Kind::Table => values::table(&area, series),
    }
}

/// How words look: in the middle of their place, unless they are to begin or end there.
#[derive(Clone, Copy)]
struct Words {
    size: i32,
    color: RGBColor,
    style: FontStyle,
    anchor: HPos,
}

fn words(size: i32, color: RGBColor) -> Words {
    Words { size, color, style: FontStyle::Normal, anchor: HPos::Center }
}

impl Words {
    fn bold(self) -> Self {
        Self { style: FontStyle::Bold, ..self }
    }

    fn left(self) -> Self {
        Self { anchor: HPos::Left, ..self }
    }

    fn right(self) -> Self {
        Self { anchor: HPos::Right, ..self }
    }

    fn text_style(self) -> TextStyle<'static> {
        // The backend divides by this.
        let size = f64::from(self.size) * 1.24;
        TextStyle {
            font: FontDesc::new(FontFamily::SansSerif, size, self.style),
            color: self.color.to_backend_color(),
            pos: Pos::new(self.anchor, VPos::Center),
        }
    }
}

fn write(area: &Area<'_>, text: &str, place: (i32, i32), words: Words) -> anyhow::Result<()> {
    Ok(area.draw(&Text::new(text, place, words.text_style()))?)
}

/// How wide a text is at most in a usual font; the picture is shown with whatever font there is.
fn width(text: &str, size: i32) -> i32 {
    let letters = i32::try_from(text.chars().count()).unwrap_or(i32::MAX);
    letters.saturating_mul(size).saturating_mul(61) / 100
}

/// The text, or as much of its begin as is this wide.
fn fitting(text: &str, size: i32, room: i32) -> String {
    if width(text, size) <= room {
        return text.to_owned();
    }
    let mut short = text.to_owned();
    while short.pop().is_some() && width(&short, size) + size > room {}
    short.push('…');
    short
}

/// The area's size.
fn size(area: &Area<'_>) -> (i32, i32) {
    let (width, height) = area.dim_in_pixel();
    (i32::try_from(width).unwrap_or(i32::MAX), i32::try_from(height).unwrap_or(i32::MAX))
}

fn color(position: usize) -> RGBColor {
    SERIES[position % SERIES.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_that_is_too_wide_is_cut() {
        assert_eq!(fitting("selinux", 10, 100), "selinux");
        let cut = fitting("selinux process signal", 10, 60);
        assert!(cut.starts_with("selinu") && cut.ends_with('…'), "{cut}");
        assert!(width(&cut, 10) <= 60, "{cut}");
    }
}
