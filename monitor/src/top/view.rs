//! The table on a screen.

use std::time::Duration;

use jiff::tz::TimeZone;
use ratatui::{
    Frame,
    crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers},
    layout::{Constraint, Layout, Rect},
    style::{Modifier, Style, Stylize as _},
    text::{Line, Span},
    widgets::{Cell, Paragraph, Row, Table as Grid, TableState},
};

use super::table::{Order, Table};

const KEYS: &str = "q quit  s sort  f full names  p pause  c clear  ↑↓ PgUp PgDn Home select";
/// Columns that a page goes.
const PAGE: usize = 10;

/// How the table is shown, which keys change.
#[derive(Debug)]
pub(crate) struct View {
    order: Order,
    paused: bool,
    /// Whether the last field has all the room that the others leave.
    full: bool,
    selected: TableState,
    zone: TimeZone,
    interval: Duration,
    colour: bool,
    /// The text below the table.
    status: String,
}

/// What a key asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    /// Nothing more than to be drawn.
    Nothing,
    /// To end.
    Quit,
    /// To count anew.
    Clear,
}

impl View {
    /// A view in this order, of rates in intervals of this length.
    #[must_use]
    pub(crate) fn new(order: Order, interval: Duration, zone: TimeZone, colour: bool) -> Self {
        Self {
            order,
            paused: false,
            full: false,
            selected: TableState::default(),
            zone,
            interval,
            colour,
            status: String::new(),
        }
    }

    /// Whether what is shown stays as it is.
    #[must_use]
    pub(crate) fn is_paused(&self) -> bool {
        self.paused
    }

    /// Shows something below the table, such as that the daemon has gone.
    pub(crate) fn tell(&mut self, status: &str) {
        self.status = crate::text::printable(status).to_string();
    }

    /// Does what a key is for.
    pub(crate) fn key(&mut self, key: KeyEvent) -> Asked {
        if key.kind == KeyEventKind::Release {
            return Asked::Nothing;
        }
        match (key.code, key.modifiers) {
            (KeyCode::Char('q') | KeyCode::Esc, _) | (KeyCode::Char('c'), KeyModifiers::CONTROL) => {
                return Asked::Quit;
            }
            (KeyCode::Char('c'), _) => {
                self.selected.select(None);
                return Asked::Clear;
            }
            (KeyCode::Char('s'), _) => self.order = self.order.next(),
            (KeyCode::Char('f'), _) => self.full = !self.full,
            (KeyCode::Char('p' | ' '), _) => self.paused = !self.paused,
            (KeyCode::Down | KeyCode::Char('j'), _) => self.selected.select_next(),
            (KeyCode::Up | KeyCode::Char('k'), _) => self.selected.select_previous(),
            (KeyCode::PageDown, _) => self.move_by(PAGE),
            (KeyCode::PageUp, _) => {
                let to = self.selected.selected().unwrap_or(0).saturating_sub(PAGE);
                self.selected.select(Some(to));
            }
            (KeyCode::Home, _) => self.selected.select(Some(0)),
            _ => {}
        }
        Asked::Nothing
    }

    fn move_by(&mut self, rows: usize) {
        let to = self.selected.selected().map_or(0, |row| row + rows);
        self.selected.select(Some(to));
    }

    /// Draws the table.
    pub(crate) fn draw(&mut self, table: &Table, frame: &mut Frame<'_>) {
        let [head, body, foot] =
            Layout::vertical([Constraint::Length(1), Constraint::Min(1), Constraint::Length(1)])
                .areas(frame.area());
        self.draw_head(table, frame, head);
        self.draw_rows(table, frame, body);
        let keys = if self.status.is_empty() { KEYS.to_owned() } else { format!("{}  q quit", self.status) };
        frame.render_widget(Paragraph::new(keys).style(Style::new().add_modifier(Modifier::DIM)), foot);
    }

    fn draw_head(&self, table: &Table, frame: &mut Frame<'_>, area: Rect) {
        let total = table.total();
        let mut spans = vec![
            Span::raw("denyd top  ").bold(),
            Span::raw(format!("{} events, {}/s", total.count, rate(total.rate(self.interval)))),
            Span::raw(format!("  sorted by {}", self.order.name())),
        ];
        if table.lost() > 0 {
            let lost = Span::raw(format!("  {} lost", table.lost())).bold();
            spans.push(if self.colour { lost.red() } else { lost });
        }
        if self.paused {
            spans.push(Span::raw("  paused").bold());
        }
        frame.render_widget(Paragraph::new(Line::from(spans)), area);
    }

    fn draw_rows(&mut self, table: &Table, frame: &mut Frame<'_>, area: Rect) {
        let rows = table.rows(self.order);
        // Not past the last row, whatever was pressed.
        if let Some(selected) = self.selected.selected() {
            self.selected.select(rows.len().checked_sub(1).map(|last| selected.min(last)));
        }
        let names = table.fields().iter().map(|field| field.name());
        let header = ["rate/s", "count", "last"].into_iter().chain(names).map(Cell::from);
        let header = Row::new(header).style(Style::new().add_modifier(Modifier::REVERSED));
        let fields = table.fields().len();
        let shown = rows.iter().map(|row| {
            let last =
                row.count.last.map(|time| time.to_zoned(self.zone.clone()).strftime("%H:%M:%S").to_string());
            let numbers =
                [rate(row.count.rate(self.interval)), row.count.count.to_string(), last.unwrap_or_default()];
            let values: Vec<String> = match row.values {
                Some(values) => values.to_vec(),
                None => {
                    std::iter::once("(others)".to_owned()).chain((1..fields).map(|_| String::new())).collect()
                }
            };
            Row::new(numbers.into_iter().chain(values).map(Cell::from))
        });
        let widest = |nth: usize| {
            let values =
                rows.iter().filter_map(|row| row.values?.get(nth)).map(|value| Line::raw(&**value).width());
            let widest = values.max().unwrap_or(0).max(table.fields()[nth].name().len());
            u16::try_from(widest).unwrap_or(u16::MAX)
        };
        let columns = (0..fields).map(|nth| {
            if nth + 1 == fields {
                Constraint::Min(8)
            } else if self.full {
                Constraint::Length(widest(nth))
            } else {
                Constraint::Length(widest(nth).min(24))
            }
        });
        let widths =
            [Constraint::Length(7), Constraint::Length(9), Constraint::Length(8)].into_iter().chain(columns);
        let grid = Grid::new(shown, widths).header(header).column_spacing(2);
        let selected = Style::new().add_modifier(Modifier::BOLD | Modifier::UNDERLINED);
        frame.render_stateful_widget(grid.row_highlight_style(selected), area, &mut self.selected);
    }
}

fn rate(rate: f64) -> String {
    if rate >= 100.0 { format!("{rate:.0}") } else { format!("{rate:.1}") }
}

#[cfg(test)]
mod tests {
    use ratatui::{Terminal, backend::TestBackend};

    use super::*;
    use crate::{event::Event, top::Field};

    const SELINUX: &str = include_str!("../../tests/golden/selinux_file.json");
    const APPARMOR: &str = include_str!("../../tests/golden/apparmor_file.json");

    fn table() -> Table {
        let mut table = Table::new(vec![Field::Module, Field::Subject, Field::Path]);
        for (json, count) in [(SELINUX, 3), (APPARMOR, 5)] {
            let event: Event<'_> = serde_json::from_str(json).unwrap();
            for _ in 0..count {
                table.add(&event);
            }
        }
        table.tick();
        table
    }

    fn view() -> View {
        View::new(Order::Count, Duration::from_secs(1), TimeZone::UTC, false)
    }

    fn drawn(view: &mut View, table: &Table, width: u16, height: u16) -> String {
        let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
        terminal.draw(|frame| view.draw(table, frame)).unwrap();
        let lines = terminal.backend().to_string();
        // The backend quotes its lines.
        lines.lines().map(|line| line.trim_matches('"').trim_end().to_owned() + "\n").collect()
    }

    fn press(view: &mut View, code: KeyCode) -> Asked {
        view.key(KeyEvent::new(code, KeyModifiers::NONE))
    }

    #[test]
    fn the_table_has_a_row_for_each_combination() {
        assert_eq!(
            drawn(&mut view(), &table(), 80, 6),
            "\
denyd top  8 events, 8.0/s  sorted by count
rate/s   count      last      module    subject         path
5.0      5          00:01:40  apparmor  /usr/bin/nginx  file /etc/shadow \\\\ \\xff
3.0      3          00:01:40  selinux   httpd_t         file /var/lib/x/y

q quit  s sort  f full names  p pause  c clear  ↑↓ PgUp PgDn Home select
"
        );
    }

    #[test]
    fn a_screen_of_any_size_is_drawn() {
        for (width, height) in [(1, 1), (3, 2), (20, 3), (500, 100)] {
            drawn(&mut view(), &table(), width, height);
        }
    }

    #[test]
    fn a_key_sorts_otherwise() {
        let mut view = view();
        assert_eq!(press(&mut view, KeyCode::Char('s')), Asked::Nothing);
        let text = drawn(&mut view, &table(), 80, 6);
        assert!(text.starts_with("denyd top  8 events, 8.0/s  sorted by last\n"), "{text}");
    }

    #[test]
    fn what_is_lost_and_that_it_is_paused_is_told() {
        let (mut view, mut table) = (view(), table());
        table.lose(12);
        press(&mut view, KeyCode::Char('p'));
        assert!(view.is_paused());
        let text = drawn(&mut view, &table, 80, 6);
        assert!(text.contains("12 lost  paused\n"), "{text}");
        view.tell("the daemon\x1b has ended");
        let text = drawn(&mut view, &table, 80, 6);
        assert!(text.contains("the daemon\\u{1b} has ended"), "{text}");
    }

    #[test]
    fn keys_quit_and_clear() {
        let mut view = view();
        assert_eq!(press(&mut view, KeyCode::Char('q')), Asked::Quit);
        assert_eq!(press(&mut view, KeyCode::Esc), Asked::Quit);
        assert_eq!(view.key(KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL)), Asked::Quit);
        assert_eq!(press(&mut view, KeyCode::Char('c')), Asked::Clear);
        let release = KeyEvent::new_with_kind(KeyCode::Char('q'), KeyModifiers::NONE, KeyEventKind::Release);
        assert_eq!(view.key(release), Asked::Nothing);
    }

    #[test]
    fn no_row_beyond_the_last_is_selected() {
        let (mut view, table) = (view(), table());
        for _ in 0..3 {
            press(&mut view, KeyCode::PageDown);
        }
        drawn(&mut view, &table, 80, 6);
        assert_eq!(view.selected.selected(), Some(1));
        press(&mut view, KeyCode::Home);
        assert_eq!(view.selected.selected(), Some(0));
        drawn(&mut view, &Table::new(vec![Field::Pid]), 80, 6);
        assert_eq!(view.selected.selected(), None);
    }
}
