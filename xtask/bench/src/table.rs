use std::fmt;

/// Figures under a title, as Markdown that a terminal shows as well.
#[derive(Debug)]
pub(crate) struct Table {
    title: String,
    head: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(crate) fn new<const N: usize>(title: &str, head: [&str; N]) -> Self {
        Self { title: title.to_owned(), head: head.map(str::to_owned).to_vec(), rows: Vec::new() }
    }

    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().collect());
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines = || std::iter::once(&self.head).chain(&self.rows);
        let width = |n: usize| lines().filter_map(|line| Some(line.get(n)?.chars().count())).max();
        let widths: Vec<_> = (0..self.head.len()).filter_map(width).collect();
        let line = |f: &mut fmt::Formatter<'_>, cells: &[String]| {
            for (n, (cell, width)) in cells.iter().zip(&widths).enumerate() {
                // Names to the left, figures to the right.
                if n == 0 { write!(f, "| {cell:width$} ")? } else { write!(f, "| {cell:>width$} ")? }
            }
            writeln!(f, "|")
        };
        writeln!(f, "### {}\n", self.title)?;
        line(f, &self.head)?;
        for (n, width) in widths.iter().enumerate() {
            let (dashes, end) = ("-".repeat(width + 1), if n == 0 { '-' } else { ':' });
            write!(f, "|{dashes}{end}")?;
        }
        writeln!(f, "|")?;
        self.rows.iter().try_for_each(|cells| line(f, cells))
    }
}

/// A figure with three digits that matter, or whole.
pub(crate) fn figure(value: f64) -> String {
    match value {
        value if value >= 100.0 => thousands(value.round()),
        value if value >= 10.0 => format!("{value:.1}"),
        value => format!("{value:.2}"),
    }
}

fn thousands(value: f64) -> String {
    let digits = format!("{value:.0}");
    let mut text = String::new();
    for (n, digit) in digits.chars().enumerate() {
        if n > 0 && (digits.len() - n).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::figure;

    #[test]
    fn figures_are_short() {
        assert_eq!([0.5, 12.34, 999.6, 1_234_567.0].map(figure), ["0.50", "12.3", "1,000", "1,234,567"]);
    }
}
