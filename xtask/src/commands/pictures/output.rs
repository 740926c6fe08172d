//! What a guest's script printed, taken apart.

/// The texts between the lines that name them: `== NAME`, and `==` at the end.
pub(super) fn sections(output: &str) -> Vec<(String, String)> {
    let mut sections: Vec<(String, String)> = Vec::new();
    let mut within = false;
    for line in output.lines().map(|line| line.trim_end_matches('\r')) {
        match line.strip_prefix("==").map(str::trim) {
            Some("") => within = false,
            Some(name) => {
                within = true;
                sections.push((name.to_owned(), String::new()));
            }
            None => {
                if let Some((_, text)) = sections.last_mut().filter(|_| within) {
                    text.push_str(line);
                    text.push('\n');
                }
            }
        }
    }
    sections
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_section_is_what_stands_below_its_name() {
        let output = "boot\n== tail\r\n$ denyd tail\r\n\x1b[1mx\x1b[0m\r\n==\nnoise\n== top\ny\n==\n";
        let expected = [("tail", "$ denyd tail\n\x1b[1mx\x1b[0m\n"), ("top", "y\n")];
        assert_eq!(sections(output), expected.map(|(name, text)| (name.to_owned(), text.to_owned())));
    }
}
