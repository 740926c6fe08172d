//! The panels that show values over time.

use jiff::Timestamp;
use plotters::{
    chart::ChartBuilder,
    coord::{ranged1d::Ranged as _, types::RangedCoordf64},
    element::Polygon,
    prelude::{EmptyElement, PathElement, Rectangle, Text},
    series::LineSeries,
    style::Color as _,
};
use xtask::prometheus::Period;

use super::{Area, FAINT, LINES, TITLE, WORDS, color, fitting, size, width, words, write};
use crate::commands::pictures::dashboard::{Panel, Series};

/// The letters of the axes and of the legend, and a line of the latter.
const LETTERS: i32 = 11;
const LINE: i32 = 16;
/// A legend's sign, with what is around it.
const SIGN: i32 = 20;
const BETWEEN: i32 = 12;
/// Seconds between two times that are written.
const TICKS: [i64; 8] = [5, 10, 15, 30, 60, 120, 300, 600];

/// The lines of the series, with axes and a legend.
pub(super) fn chart(area: &Area<'_>, panel: &Panel, series: &[Series], period: Period) -> anyhow::Result<()> {
    let (room, height) = size(area);
    let unit = panel.defaults().unit;
    let lines = lines(series, panel.stacked());
    let largest = lines.iter().flatten().map(|&(_, _, top)| top).fold(0.0, f64::max);
    let top = if largest > 0.0 { largest * 1.08 } else { 1.0 };

    let names: Vec<String> =
        series.iter().map(|series| fitting(&series.name, LETTERS, room - SIGN)).collect();
    let legend = Legend::laid_out(&names, room, usize::try_from((height + TITLE) / 55)?);
    let plot = height - legend.height();
    legend.draw(&area.clone().shrink((0, plot), (room, legend.height())), &names)?;

    let levels = RangedCoordf64::from(0.0..top).key_points(if plot < 100 { 3 } else { 6 });
    let label = |value: &f64| unit.format(*value, None);
    let widest = levels.iter().map(|value| width(&label(value), LETTERS)).max().unwrap_or_default();
    let times = times(period, room - widest);
    let area = area.clone().shrink((0, 0), (room, plot));
    let mut chart = ChartBuilder::on(&area)
        .margin_top(4)
        .margin_right(10)
        .x_label_area_size(20)
        .y_label_area_size(widest + 10)
        .build_cartesian_2d(period.start..period.end, 0.0..top)?;
    let plotting = chart.plotting_area();
    for level in levels {
        plotting.draw(&PathElement::new([(period.start, level), (period.end, level)], LINES))?;
        let text = Text::new(label(&level), (-6, 0), words(LETTERS, FAINT).right().text_style());
        plotting.draw(&(EmptyElement::at((period.start, level)) + text))?;
    }
    for time in times {
        plotting.draw(&PathElement::new([(time, 0.0), (time, top)], LINES))?;
        let text = Text::new(clock(time), (0, 12), words(LETTERS, FAINT).text_style());
        plotting.draw(&(EmptyElement::at((time, 0.0)) + text))?;
    }
    let custom = &panel.defaults().custom;
    // The last first, so that the largest are on top.
    for (position, line) in lines.iter().enumerate().rev() {
        let color = color(position);
        for part in line.chunk_by(|one, next| next.0 - one.0 < period.step * 1.5) {
            let upper = part.iter().map(|&(time, _, top)| (time, top));
            let lower = part.iter().rev().map(|&(time, bottom, _)| (time, bottom));
            let filled = color.mix(custom.fill_opacity / 100.0).filled();
            chart
                .plotting_area()
                .draw(&Polygon::new(upper.clone().chain(lower).collect::<Vec<_>>(), filled))?;
            chart.draw_series(LineSeries::new(upper, color.stroke_width(2)))?;
        }
    }
    Ok(())
}

/// For each series its times, each with the lower and the upper end of what is filled.
fn lines(series: &[Series], stacked: bool) -> Vec<Vec<(f64, f64, f64)>> {
    let mut below: Vec<(f64, f64)> = Vec::new();
    let mut line = |series: &Series| {
        let point = |&(time, value): &(f64, f64)| {
            if !stacked {
                return (time, 0.0, value);
            }
            // Prometheus gives the same times for all series.
            let same = |&&mut (other, _): &&mut (f64, f64)| (other - time).abs() < 1e-3;
            if let Some((_, sum)) = below.iter_mut().find(same) {
                let bottom = *sum;
                *sum += value;
                (time, bottom, *sum)
            } else {
                below.push((time, value));
                (time, 0.0, value)
            }
        };
        series.points.iter().map(point).collect()
    };
    series.iter().map(&mut line).collect()
}

/// Round times within the period, as many as there is room for.
fn times(period: Period, room: i32) -> Vec<f64> {
    let apart =
        f64::from(width("00:00:00", LETTERS) + 24) * (period.end - period.start) / f64::from(room.max(1));
    #[expect(clippy::cast_precision_loss, reason = "they are small")]
    let step =
        TICKS.iter().map(|&seconds| seconds as f64).find(|&seconds| seconds >= apart).unwrap_or(3600.0);
    let first = (period.start / step).ceil() * step;
    std::iter::successors(Some(first), |time| Some(time + step))
        .take_while(|&time| time <= period.end)
        .collect()
}

/// The time of day, in UTC.
fn clock(time: f64) -> String {
    #[expect(clippy::cast_possible_truncation, reason = "no time is that far away")]
    let seconds = time.round() as i64;
    Timestamp::from_second(seconds)
        .map_or_else(|_| String::new(), |time| time.strftime("%H:%M:%S").to_string())
}

/// Where the names of series stand.
#[derive(Debug, PartialEq, Eq)]
struct Legend {
    /// From the left, and the line.
    places: Vec<(i32, i32)>,
    /// Where it says how many are left out, if any are.
    more: Option<((i32, i32), String)>,
}

impl Legend {
    /// As many names as so many lines have room for.
    fn laid_out(names: &[String], room: i32, lines: usize) -> Self {
        let lines = i32::try_from(lines.max(1)).unwrap_or(i32::MAX);
        let mut places: Vec<(i32, i32)> = Vec::new();
        let (mut left, mut line) = (0, 0);
        for name in names {
            let wide = SIGN + width(name, LETTERS);
            if left > 0 && left + wide > room {
                (left, line) = (0, line + 1);
            }
            if line == lines {
                break;
            }
            places.push((left, line));
            left += wide + BETWEEN;
        }
        let mut more = None;
        if places.len() < names.len() {
            let text = |places: &[(i32, i32)]| format!("+{} more", names.len() - places.len());
            // It stands beside the last name, or in its place if there is no room for both.
            let mut place = places.last().map_or((0, 0), |&(left, line)| {
                (left + SIGN + width(&names[places.len() - 1], LETTERS) + BETWEEN, line)
            });
            while place.0 > 0 && place.0 + width(&text(&places), LETTERS) > room {
                place = places.pop().unwrap_or_default();
            }
            more = Some((place, text(&places)));
        }
        Self { places, more }
    }

    fn height(&self) -> i32 {
        let last =
            self.places.iter().chain(self.more.iter().map(|(place, _)| place)).map(|&(_, line)| line).max();
        (last.unwrap_or_default() + 1) * LINE
    }

    fn draw(&self, area: &Area<'_>, names: &[String]) -> anyhow::Result<()> {
        let middle = |line: i32| line * LINE + LINE / 2;
        for ((position, name), &(left, line)) in names.iter().enumerate().zip(&self.places) {
            let sign = [(left, middle(line) - 2), (left + SIGN - 7, middle(line) + 2)];
            area.draw(&Rectangle::new(sign, color(position).filled()))?;
            write(area, name, (left + SIGN, middle(line)), words(LETTERS, WORDS).left())?;
        }
        match &self.more {
            Some(((left, line), text)) => {
                write(area, text, (*left, middle(*line)), words(LETTERS, FAINT).left())
            }
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(points: &[(f64, f64)]) -> Series {
        Series { name: String::new(), labels: std::collections::BTreeMap::new(), points: points.to_vec() }
    }

    #[test]
    fn stacked_series_stand_on_each_other() {
        let series = [series(&[(1.0, 2.0), (2.0, 3.0)]), series(&[(2.0, 4.0)])];
        assert_eq!(lines(&series, true), [vec![(1.0, 0.0, 2.0), (2.0, 0.0, 3.0)], vec![(2.0, 3.0, 7.0)]]);
        assert_eq!(lines(&series, false)[1], [(2.0, 0.0, 4.0)]);
    }

    #[test]
    fn times_are_round_and_have_room() {
        let period = Period { start: 1_795_375_818.3, end: 1_795_375_938.0, step: 2.0 };
        let times: Vec<_> = times(period, 320).into_iter().map(clock).collect();
        assert_eq!(times, ["19:30:30", "19:31:00", "19:31:30", "19:32:00"]);
    }

    #[test]
    fn a_legend_says_what_it_leaves_out() {
        let names = ["a", "bb", "ccc", "dddd", "eeeee"].map(str::to_owned);
        let all = Legend::laid_out(&names, 1000, 1);
        assert_eq!((all.places.len(), all.more.is_none(), all.height()), (5, true, LINE));
        let some = Legend::laid_out(&names, 90, 2);
        let (place, text) = some.more.unwrap();
        assert_eq!(text, format!("+{} more", 5 - some.places.len()));
        assert!(place.0 + width(&text, LETTERS) <= 90 && place.1 < 2, "{place:?}");
        let wide = ["a name that fills a line", "and another one", "another long name"].map(str::to_owned);
        let some = Legend::laid_out(&wide, 190, 2);
        assert_eq!(
            some,
            Legend { places: vec![(0, 0), (0, 1)], more: Some(((132, 1), "+1 more".to_owned())) }
        );
        let none = Legend::laid_out(&wide, 130, 2);
        assert_eq!(none, Legend { places: vec![(0, 0)], more: Some(((0, 1), "+2 more".to_owned())) });
    }
}
