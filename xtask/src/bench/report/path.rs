//! A denial's whole way.

use std::fmt::Write as _;

use super::ran;
use crate::bench::{
    path::{LAG_PAUSE, Paths, Watched},
    plot::{self, Bar},
    spread::{Spread, grouped, quantile, significant},
};

/// Instructions of a centisecond of the guests' clocks.
const CENTISECOND: f64 = 1e7;

/// Writes of it, and draws it.
pub(super) fn write(readme: &mut String, paths: &Paths) -> anyhow::Result<Vec<(&'static str, String)>> {
    let Paths { run, denials, rate, flood, watchers } = paths;
    writeln!(
        readme,
        "\n## A denial's whole way\n\n{}\n\
         One guest with kernel 7, SELinux and one processor for each that watches. denyd and bpftrace write what they print\n\
         into a file; audit is off beside them. auditd has Debian's settings, and LAUREL gets its records as a\n\
         plugin; each writes its own file, which is not rotated. bpftrace prints process, user and program at each call of the function where denials and audited\n\
         grants end, and knows neither what was refused nor by which rule.\n\n\
         ### The machine's work for one denial\n\n\
         {denials} denials, {rate} in a second: instructions of the whole machine beyond those when nothing is refused, and\n\
         beyond what the same refusals take when nobody watches. Median of {} samples, with the least and the largest.\n\n\
         ![Instructions of the whole machine](path.svg)\n\n\
         | watched by | instructions for one denial | of auditd | of auditd + LAUREL |\n\
         |---|---|---|---|",
        ran(run),
        watchers.first().map_or(0, |watched| watched.busy.len()),
    )?;
    let nobody = watchers.iter().find(|watched| watched.watcher == "nobody");
    let nobody = nobody.and_then(|watched| watched.work(*denials, 0.0)).map_or(0.0, |spread| spread.median);
    let work = |name: &str| {
        let watched = watchers.iter().find(|watched| watched.watcher == name)?;
        Some(watched.work(*denials, nobody)?.median)
    };
    let mut bars = Vec::new();
    for watched in watchers.iter().filter(|watched| watched.watcher != "nobody") {
        let Some(one) = watched.work(*denials, nobody) else { continue };
        let share = |of: &str| work(of).map_or(String::new(), |of| format!("{:.3}", one.median / of));
        writeln!(
            readme,
            "| {} | {one} | {} | {} |",
            watched.watcher,
            share("auditd"),
            share("auditd + LAUREL")
        )?;
        bars.push(Bar {
            name: watched.watcher.clone(),
            value: one.median,
            ends: Some((one.least, one.largest)),
            text: significant(one.median),
            ours: watched.watcher.starts_with("denyd"),
        });
    }
    let work = plot::bars("The whole machine's work for one denial", "instructions", &bars)?;
    writeln!(
        readme,
        "\nThe refusals alone take {} instructions each, the process that sleeps between them included.",
        significant(nobody)
    )?;
    flood_table(readme, *flood, watchers)?;
    let lags = lag_table(readme, watchers)?;
    rest_table(readme, watchers)?;
    Ok(vec![("path.svg", work), ("latency.svg", lags)])
}

fn flood_table(readme: &mut String, flood: u32, watchers: &[Watched]) -> anyhow::Result<()> {
    let flood = u64::from(flood);
    writeln!(
        readme,
        "\n### A flood\n\n\
         {} denials of 8 processes, as fast as they can. With audit, a refused process waits while 8,192 records do\n\
         (`backlog_wait_time`); with denyd it never waits, and what finds no room in the ring buffer is counted. Folded\n\
         repeats are lines with a count. Time is a billion instructions.\n\n\
         | watched by | all refused after | lines | not told of |\n\
         |---|---|---|---|",
        grouped(&flood.to_string())
    )?;
    for watched in watchers.iter().filter(|watched| watched.watcher != "nobody") {
        let refused = seconds(watched.flooded);
        let missing = match watched.watcher.as_str() {
            "denyd" => "folded".to_owned(),
            _ => grouped(&(flood + 1).saturating_sub(watched.lines).to_string()),
        };
        writeln!(
            readme,
            "| {} | {refused} | {} | {missing} |",
            watched.watcher,
            grouped(&watched.lines.to_string()),
        )?;
    }
    Ok(())
}

fn lag_table(readme: &mut String, watchers: &[Watched]) -> anyhow::Result<String> {
    const QUANTILES: [f64; 3] = [0.5, 0.99, 0.999];
    writeln!(
        readme,
        "\n### From the refusal to the line\n\n\
         One denial at a time, {LAG_PAUSE} ms after the one before, from just before the refused call until a reader that\n\
         waits for the file has the line: milliseconds of a machine that makes a billion instructions a second. denyd wakes\n\
         up 20 times a second at most: what follows another sooner waits until 50 ms after it.\n\n\
         ![From the refusal to the line](latency.svg)\n\n\
         | watched by | denials | p50 | p99 | p99.9 |\n\
         |---|---|---|---|---|"
    )?;
    let mut bars = Vec::new();
    for watched in watchers.iter().filter(|watched| !watched.lags.is_empty()) {
        #[expect(clippy::cast_precision_loss, reason = "they are nanoseconds of a second at most")]
        let mut lags: Vec<f64> = watched.lags.iter().map(|&lag| lag as f64 / 1e6).collect();
        lags.sort_by(f64::total_cmp);
        let [half, most, nearly_all] = QUANTILES.map(|share| quantile(&lags, share));
        let [p50, p99, p999] = [half, most, nearly_all].map(significant);
        writeln!(
            readme,
            "| {} | {} | {p50} | {p99} | {p999} |",
            watched.watcher,
            grouped(&lags.len().to_string())
        )?;
        bars.push(Bar {
            name: watched.watcher.clone(),
            value: half,
            ends: Some((half, nearly_all)),
            text: format!("{p50}, p99.9 {p999}"),
            ours: watched.watcher.starts_with("denyd"),
        });
    }
    plot::bars("From the refusal to the line: median, and to the 99.9th percentile", "ms", &bars)
}

fn rest_table(readme: &mut String, watchers: &[Watched]) -> anyhow::Result<()> {
    writeln!(
        readme,
        "\n### Memory, start and size\n\n\
         Resident memory with shared libraries and denyd's mapped ring buffer, before and after the flood, and the most\n\
         there ever was; the time to start, in billions of instructions; the size of the programs without shared libraries.\n\n\
         | watched by | MiB at rest | after the flood | most | start | size in MiB |\n\
         |---|---|---|---|---|---|"
    )?;
    for watched in watchers.iter().filter(|watched| watched.watcher != "nobody") {
        let [rest, after, most] = watched.memory.map(|kib| mebibytes(kib * 1024));
        let start = seconds(watched.start);
        writeln!(
            readme,
            "| {} | {rest} | {after} | {most} | {start} | {} |",
            watched.watcher,
            mebibytes(watched.size)
        )?;
    }
    Ok(())
}

impl Watched {
    /// Instructions of one denial beyond those of rest, and beyond so many.
    fn work(&self, denials: u32, beyond: f64) -> Option<Spread> {
        let idle = Spread::of(self.idle.iter().copied().map(instructions))?.median;
        let one = |busy| (instructions(busy) - idle) / f64::from(denials) - beyond;
        Spread::of(self.busy.iter().copied().map(one))
    }
}

#[expect(clippy::cast_precision_loss, reason = "they are of minutes at most")]
fn instructions(nanoseconds: u64) -> f64 {
    nanoseconds as f64
}

#[expect(clippy::cast_precision_loss, reason = "they are minutes at most")]
fn seconds(centiseconds: u64) -> String {
    significant(centiseconds as f64 * CENTISECOND / 1e9)
}

#[expect(clippy::cast_precision_loss, reason = "it is memory of one machine")]
fn mebibytes(bytes: u64) -> String {
    significant(bytes as f64 / f64::from(1 << 20))
}
