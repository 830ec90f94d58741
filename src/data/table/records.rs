//! Parses the text of a CSV file into records: cells, each record with the number of its line.
//!
//! The rules are RFC 4180's, read generously where people differ: any of comma, semicolon and tab separates cells; a
//! line ends with LF, CRLF or CR; spaces around a cell and around its quotes are dropped. What would change the
//! meaning of the rest of the file is refused instead, with the line where it begins: a quote that is never closed,
//! and text that follows a closing quote. (The `csv` crate, which writes our files, reads on over both without a
//! word.)

use super::cells::{Fault, number};
use csv::StringRecord;

/// Lines from which the separator is detected.
const SAMPLE: usize = 20;

/// One record.
pub(super) struct Record {
    /// The line on which it begins, counted from 1.
    pub(super) line: usize,
    /// Its cells, without quotes and without spaces around them.
    pub(super) cells: StringRecord,
}

/// Returns the text of a file: UTF-8, with or without a byte order mark.
pub(super) fn text(bytes: &[u8]) -> Result<&str, Fault> {
    let fault = |what: String, help: &str| Err((what, help.to_owned()));
    let as_utf8 = "save the table as UTF-8 (spreadsheets call it `CSV UTF-8`)";
    if bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") {
        return fault("is UTF-16 text: expected UTF-8".to_owned(), as_utf8);
    }
    if bytes.starts_with(b"PK\x03\x04") {
        return fault("is a zip or a spreadsheet: expected CSV text".to_owned(), "export the sheet as `CSV UTF-8`");
    }
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok(text),
        Err(e) => {
            let line = 1 + line_ends(&bytes[..e.valid_up_to()]);
            fault(format!("is not valid UTF-8 (line {line})"), as_utf8)
        }
    }
}

/// Returns all records of a text. Lines that are empty, or hold nothing but separators, are not records; the second
/// result counts the latter.
pub(super) fn records(text: &str, separator: u8) -> Result<(Vec<Record>, usize), Fault> {
    let bytes = text.as_bytes();
    let (mut records, mut hollow) = (Vec::new(), 0);
    let (mut at, mut line) = (0, 1);
    while at < bytes.len() {
        let (begin, mut cells, mut quoted) = (line, StringRecord::new(), false);
        loop {
            at += blanks(&bytes[at..], separator);
            // Spaces that separate may also stand at the end of the line.
            if separator == b' ' && !cells.is_empty() && ends(bytes.get(at)) {
                break;
            }
            if bytes.get(at) == Some(&b'"') {
                let place = format!("line {line}, column {}", cells.len() + 1);
                let (value, after) = unquote(text, at + 1).ok_or_else(|| {
                    let help = "close the quote, or write a quote that belongs to the text twice (\"\")".to_owned();
                    (format!("opens a quote that is never closed ({place})"), help)
                })?;
                line += line_ends(&bytes[at..after]);
                at = after + blanks(&bytes[after..], separator);
                if !ends(bytes.get(at)) && bytes[at] != separator {
                    let rest: String = text[at..].chars().take(12).take_while(|c| !matches!(c, '\r' | '\n')).collect();
                    let what = format!(
                        "holds `{}` after a closing quote (line {line}; the quote was opened in {place})",
                        rest.escape_debug()
                    );
                    return Err((what, "write a quote that belongs to the text twice (\"\")".to_owned()));
                }
                cells.push_field(value.trim());
                quoted = true;
            } else {
                let rest = &bytes[at..];
                let end = rest.iter().position(|&b| b == separator || ends(Some(&b))).unwrap_or(rest.len());
                cells.push_field(text[at..at + end].trim());
                at += end;
            }
            if bytes.get(at) != Some(&separator) {
                break;
            }
            at += 1;
        }
        match &bytes[at..] {
            [b'\r', b'\n', ..] => at += 2,
            [_, ..] => at += 1,
            [] => {}
        }
        line += 1;
        if quoted || cells.iter().any(|cell| !cell.is_empty()) {
            records.push(Record { line: begin, cells });
        } else {
            hollow += usize::from(cells.len() > 1);
        }
    }
    Ok((records, hollow))
}

/// Returns the text between quotes from `start` on, and where it ends, behind the closing quote. `None`: nothing
/// closes it.
fn unquote(text: &str, start: usize) -> Option<(String, usize)> {
    let (mut value, mut at) = (String::new(), start);
    loop {
        let piece = &text[at..at + text[at..].find('"')?];
        value.push_str(piece);
        at += piece.len() + 1;
        if !text[at..].starts_with('"') {
            return Some((value, at));
        }
        value.push('"');
        at += 1;
    }
}

/// Returns whether a line ends here.
fn ends(byte: Option<&u8>) -> bool {
    matches!(byte, None | Some(b'\n' | b'\r'))
}

/// Returns how many spaces and tabs stand in front, apart from the separator. Spaces that separate count as one
/// separator.
fn blanks(bytes: &[u8], separator: u8) -> usize {
    let blank = |&&b: &&u8| b == b' ' || (b == b'\t' && separator != b'\t');
    bytes.iter().take_while(blank).count()
}

/// Returns how many lines end in these bytes: LF, CRLF and CR count once each.
fn line_ends(bytes: &[u8]) -> usize {
    let lone = |i: &usize| bytes[*i] == b'\n' || (bytes[*i] == b'\r' && bytes.get(i + 1) != Some(&b'\n'));
    (0..bytes.len()).filter(lone).count()
}

/// Returns the separator of a text. Tab or semicolon, if each of the first lines has as many of them and every comma
/// between them belongs to a number (`1,5`); else the most frequent of the three that each of the first lines has as
/// many of; else the most frequent one of the first line; else the comma. Separators between quotes do not count.
pub(super) fn separator(text: &str) -> u8 {
    let lines = sample(text);
    let count = |line: &str, separator: u8| line.bytes().filter(|&b| b == separator).count();
    let even = |separator: u8| -> usize {
        let first = lines.first().map_or(0, |line| count(line, separator));
        if lines.iter().all(|line| count(line, separator) == first) { first } else { 0 }
    };
    let commas_are_decimal = |between: u8| {
        let mut cells = lines.iter().flat_map(|line| line.split(char::from(between)));
        cells.all(|cell| !cell.contains(',') || number(cell.trim()).is_some())
    };
    // Of equals, `max_by_key` takes the last.
    let most = |of: &[u8], n: &dyn Fn(u8) -> usize| of.iter().copied().filter(|&b| n(b) > 0).max_by_key(|&b| n(b));
    let whole = |b: u8| if commas_are_decimal(b) { even(b) } else { 0 };
    let in_first = |b: u8| lines.first().map_or(0, |line| count(line, b));
    let all = [b'\t', b';', b','];
    most(&all[..2], &whole).or_else(|| most(&all, &even)).or_else(|| most(&all, &in_first)).unwrap_or(b',')
}

/// Returns the first lines that hold anything, without what stands between quotes.
fn sample(text: &str) -> Vec<String> {
    let (mut lines, mut line, mut quoted) = (Vec::new(), String::new(), false);
    for c in text.chars() {
        match c {
            '"' => quoted = !quoted,
            _ if quoted => {}
            '\n' | '\r' => {
                if !line.trim().is_empty() {
                    lines.push(std::mem::take(&mut line));
                    if lines.len() == SAMPLE {
                        return lines;
                    }
                }
                line.clear();
            }
            _ => line.push(c),
        }
    }
    lines.extend((!line.trim().is_empty()).then_some(line));
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<(usize, Vec<String>)> {
        let (records, _) = records(text, separator(text)).unwrap();
        records.into_iter().map(|r| (r.line, r.cells.iter().map(str::to_owned).collect())).collect()
    }

    fn refused(text: &str) -> String {
        records(text, b',').err().expect("must be refused").0
    }

    #[test]
    fn lines_are_counted_whatever_ends_them() {
        for end in ["\n", "\r\n", "\r"] {
            let text = ["a,b", "", "\"1\nx\",2", "3,4", ",,", " 5 ,6"].join(end);
            let lines: Vec<usize> = read(&text).iter().map(|(line, _)| *line).collect();
            assert_eq!(lines, [1, 3, 5, 7], "{end:?}");
            assert_eq!(read(&text)[1].1, ["1\nx", "2"]);
            assert_eq!(read(&text)[3].1, ["5", "6"]);
            assert_eq!(records(&text, b',').unwrap().1, 1);
        }
    }

    #[test]
    fn quotes_close_where_they_should() {
        assert_eq!(read("1, \"x\" ,\"y, z\"\n2,x,\"say \"\"a\"\"\"")[0].1, ["1", "x", "y, z"]);
        assert_eq!(read("1, \"x\" ,\"y, z\"\n2,x,\"say \"\"a\"\"\"")[1].1, ["2", "x", "say \"a\""]);
        assert_eq!(read("6\" pipe,1\n")[0].1, ["6\" pipe", "1"]);
        assert_eq!(refused("a,b\r\n1,\"x\r\n2,y\r\n"), "opens a quote that is never closed (line 2, column 2)");
        let two = refused("1,\"x\n2,\"y\"\n");
        assert_eq!(two, "holds `y\\\"` after a closing quote (line 2; the quote was opened in line 1, column 2)");
    }

    #[test]
    fn separators_are_found_among_decimal_commas_and_quotes() {
        for (text, expected) in [
            ("a,b\n1,2", b','),
            ("u;v;y\n1,5;2,5;a", b';'),
            ("1,5;2,5;3,5\n1,5;2,5;3,5", b';'),
            ("1,5\t2,5\ta", b'\t'),
            ("1,2,a;b\n3,4,c;d", b','),
            ("\"a;b;c\",1\n\"d;e;f\",2", b','),
            ("name, given;x;y\na;1;2", b';'),
            ("x", b','),
            ("", b','),
        ] {
            assert_eq!(char::from(separator(text)), char::from(expected), "{text:?}");
        }
        let (spaces, _) = records("  1   2 a \n3 4  b", b' ').unwrap();
        assert_eq!(
            spaces.iter().map(|r| r.cells.iter().collect::<Vec<_>>().join("|")).collect::<Vec<_>>(),
            ["1|2|a", "3|4|b"]
        );
    }

    #[test]
    fn what_is_no_text_is_named() {
        assert!(text(b"\xff\xfe1\0").unwrap_err().0.contains("UTF-16"));
        assert!(text(b"PK\x03\x04..").unwrap_err().0.contains("spreadsheet"));
        assert_eq!(text(b"1,2\r\n3,\xe9\n").unwrap_err().0, "is not valid UTF-8 (line 2)");
        assert_eq!(text(b"\xef\xbb\xbfa").unwrap(), "a");
    }
}
