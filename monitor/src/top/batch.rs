//! The table as text, for pipes, files and pictures: drawn as on a screen, once.

use std::fmt::Write as _;

use ratatui::{Terminal, backend::TestBackend, buffer::Cell, style::Modifier};

use super::{Table, View};

/// Lines around the rows: the head, the columns' names, the keys.
const AROUND: usize = 3;

/// Draws the table as wide as this and as high as it needs, of which the line with the keys is left out.
#[must_use]
pub(crate) fn draw(view: &mut View, table: &Table, width: u16, rows: usize, colour: bool) -> String {
    let height = u16::try_from(rows.saturating_add(AROUND)).unwrap_or(u16::MAX);
    // Memory can be drawn on without a fault.
    let Ok(mut terminal) = Terminal::new(TestBackend::new(width, height));
    let Ok(drawn) = terminal.draw(|frame| view.draw(table, frame));
    let cells = drawn.buffer.content();
    let lines = cells.chunks(usize::from(width.max(1))).take(usize::from(height) - 1);
    lines.fold(String::new(), |mut text, line| {
        text.push_str(&styled(line, colour));
        text.push('\n');
        text
    })
}

/// One line, without the spaces at its end.
fn styled(cells: &[Cell], colour: bool) -> String {
    let mut text = String::new();
    let mut before = Modifier::empty();
    let end = cells.iter().rposition(|cell| cell.symbol() != " ").map_or(0, |last| last + 1);
    for cell in &cells[..end] {
        if colour && cell.modifier != before {
            before = cell.modifier;
            let codes =
                [(Modifier::BOLD, 1), (Modifier::DIM, 2), (Modifier::UNDERLINED, 4), (Modifier::REVERSED, 7)];
            text.push_str("\x1b[0");
            for (_, code) in codes.into_iter().filter(|(modifier, _)| before.contains(*modifier)) {
                let _infallible = write!(text, ";{code}");
            }
            text.push('m');
        }
        text.push_str(cell.symbol());
    }
    if before.is_empty() { text } else { text + "\x1b[0m" }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use jiff::tz::TimeZone;

    use super::*;
    use crate::{
        event::Event,
        top::{Field, Order},
    };

    #[test]
    fn the_table_is_text_in_a_pipe() {
        let event: Event<'_> =
            serde_json::from_str(include_str!("../../tests/golden/selinux_file.json")).unwrap();
        let mut table = Table::new(vec![Field::Module, Field::Subject]);
        table.add(&event);
        table.tick();
        let mut view = View::new(Order::Count, Duration::from_secs(1), TimeZone::UTC, false);
        let plain = "\
denyd top  1 events, 1.0/s  sorted by count
rate/s   count      last      module   subject
1.0      1          00:01:40  selinux  httpd_t
";
        assert_eq!(draw(&mut view, &table, 60, 1, false), plain);
        let coloured = draw(&mut view, &table, 60, 1, true);
        assert!(coloured.starts_with("\x1b[0;1mdenyd top  \x1b[0m1 events"), "{coloured:?}");
    }
}
