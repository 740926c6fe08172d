//! The panels that show how things are at the end of the time.

use anyhow::Context as _;
use plotters::{
    prelude::{PathElement, RGBColor, Rectangle},
    style::Color as _,
};

use super::{Area, FAINT, LINES, WORDS, color, fitting, size, width, words, write};
use crate::commands::pictures::dashboard::{Panel, Series};

const WHITE: RGBColor = RGBColor(0xff, 0xff, 0xff);

/// One value, in large letters on the colour that it has.
pub(super) fn stat(area: &Area<'_>, panel: &Panel, series: &[Series]) -> anyhow::Result<()> {
    let first = series.first().context("there is no value")?;
    let (text, color) = shown(panel, first);
    let (width, height) = size(area);
    area.draw(&Rectangle::new([(0, 0), (width, height - 5)], color.filled()))?;
    write(area, &text, (width / 2, height / 2 - 2), words(26, WHITE).bold())
}

/// The text and the colour of a value.
fn shown(panel: &Panel, series: &Series) -> (String, RGBColor) {
    let defaults = panel.defaults();
    let value = series.last();
    if panel.options.text_mode == "name" {
        return (series.name.clone(), RGBColor(0x3d, 0x71, 0xb8));
    }
    let mapped = defaults.mappings.iter().find_map(|mapping| mapping.options.get(&value.to_string()));
    if let Some(mapped) = mapped {
        return (mapped.text.clone(), named(&mapped.color));
    }
    let steps = defaults.thresholds.steps.iter();
    let step = steps.rev().find(|step| step.value.is_none_or(|from| value >= from));
    (defaults.unit.format(value, defaults.decimals), named(step.map_or("green", |step| &step.color)))
}

/// A colour that the dashboard names, dark enough for white letters.
fn named(color: &str) -> RGBColor {
    match color {
        "green" => RGBColor(0x2f, 0x85, 0x3a),
        "red" => RGBColor(0xc4, 0x2b, 0x3f),
        "orange" => RGBColor(0xc0, 0x62, 0x0c),
        _ => LINES,
    }
}

/// A bar for each series, below its name and its value.
pub(super) fn bars(area: &Area<'_>, panel: &Panel, series: &[Series]) -> anyhow::Result<()> {
    let (room, height) = size(area);
    let defaults = panel.defaults();
    let most = defaults.max.unwrap_or_else(|| series.iter().map(Series::largest).fold(0.0, f64::max));
    let each = (height / i32::try_from(series.len())?).min(34);
    for ((position, series), top) in series.iter().enumerate().zip((0..).step_by(usize::try_from(each)?)) {
        let value = defaults.unit.format(series.last(), defaults.decimals);
        let name = fitting(&series.name, 12, room - width(&value, 12) - 10);
        write(area, &name, (0, top + 8), words(12, WORDS).left())?;
        write(area, &value, (room, top + 8), words(12, WORDS).bold().right())?;
        let share = if most > 0.0 { (series.last() / most).clamp(0.0, 1.0) } else { 0.0 };
        let (from, to) = (top + 17, top + 23);
        area.draw(&Rectangle::new([(0, from), (room, to)], LINES.filled()))?;
        #[expect(clippy::cast_possible_truncation, reason = "a share of the room is no more than the room")]
        let end = (f64::from(room) * share).round() as i32;
        area.draw(&Rectangle::new([(0, from), (end, to)], color(position).filled()))?;
    }
    Ok(())
}

/// The labels that say something, of as many series as there is room for.
pub(super) fn table(area: &Area<'_>, series: &[Series]) -> anyhow::Result<()> {
    const LINE: i32 = 16;
    let (room, height) = size(area);
    let first = series.first().context("there is no series")?;
    let told = |label: &&String| !["__name__", "instance", "job"].contains(&label.as_str());
    let columns: Vec<&String> = first.labels.keys().filter(told).collect();
    let column = room / i32::try_from(columns.len().max(1))?;
    let places = || (0..).step_by(usize::try_from(column).unwrap_or_default());
    let lines = usize::try_from(height / LINE)?.saturating_sub(1);
    let shown = if series.len() > lines { lines.saturating_sub(1) } else { series.len() };
    for (name, left) in columns.iter().zip(places()) {
        write(area, name, (left, 6), words(12, FAINT).bold().left())?;
    }
    area.draw(&PathElement::new([(0, LINE - 1), (room, LINE - 1)], LINES.stroke_width(1)))?;
    let mut y = LINE + 8;
    for series in &series[..shown] {
        for (name, left) in columns.iter().zip(places()) {
            let text = series.labels.get(*name).map_or("", String::as_str);
            write(area, &fitting(text, 11, column - 4), (left, y), words(11, WORDS).left())?;
        }
        y += LINE;
    }
    match series.len() - shown {
        0 => Ok(()),
        more => write(area, &format!("and {more} more"), (0, y), words(11, FAINT).left()),
    }
}
