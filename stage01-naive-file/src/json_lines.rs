//! One record, one line of JSON.
//!
//! ```text
//! {"offset":7,"timestamp_ms":1736937000000,"key":"order-1","value":"placed"}
//! ```
//!
//! JSON has text and no bytes. A key or value that is valid UTF-8 is written as a string; any other is written in
//! Base64 under another name, `key_base64` or `value_base64`. The name alone says which of the two it is, so every
//! value has one encoding and comes back as it went in.

use std::borrow::Cow;
use std::str;

use base64::Engine;
use base64::display::Base64Display;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize, Serializer};

use crate::format::{Format, FormatError};
use crate::offset::Offset;
use crate::record::Record;

/// The JSON-lines format (<https://jsonlines.org>): a line is a frame, and its newline is the mark that it is whole.
#[derive(Clone, Copy, Debug, Default)]
pub struct JsonLines;

impl Format for JsonLines {
    fn encode(&self, offset: Offset, record: &Record<'_>, out: &mut Vec<u8>) {
        let (key, key_base64) = record.key.as_deref().map_or((None, None), text_or_bytes);
        let (value, value_base64) = text_or_bytes(&record.value);
        let line =
            LineOut { offset: offset.0, timestamp_ms: record.timestamp_ms, key, key_base64, value, value_base64 };
        serde_json::to_writer(&mut *out, &line)
            .expect("numbers and strings always become JSON, and a Vec always takes them");
        out.push(b'\n');
    }

    fn frame_len(&self, bytes: &[u8]) -> Result<Option<usize>, FormatError> {
        match bytes.first() {
            None | Some(b'{') => Ok(memchr::memchr(b'\n', bytes).map(|newline| newline + 1)),
            Some(&found) => Err(FormatError::BadStart { expected: '{', found }),
        }
    }

    fn decode<'a>(&self, frame: &'a [u8]) -> Result<(Offset, Record<'a>), FormatError> {
        let line: LineIn<'a> = serde_json::from_slice(frame).map_err(|e| malformed(&e))?;
        let value = bytes_of("value", line.value, line.value_base64)?
            .ok_or_else(|| FormatError::Malformed("neither `value` nor `value_base64`".to_string()))?;
        let key = bytes_of("key", line.key, line.key_base64)?;
        Ok((Offset(line.offset), Record { timestamp_ms: line.timestamp_ms, key, value }))
    }

    fn is_torn_append(&self, tail: &[u8], next: Offset) -> bool {
        // A file can be made longer before the bytes arrive: then its end reads as zeros.
        let written = &tail[..tail.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1)];
        let opening = format!("{{\"offset\":{next},\"timestamp_ms\":");
        let shared = written.len().min(opening.len());
        written[..shared] == opening.as_bytes()[..shared] && !written.contains(&b'\n')
    }
}

/// A line on its way out.
#[derive(Serialize)]
struct LineOut<'a> {
    offset: u64,
    timestamp_ms: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key_base64: Option<Base64Out<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    value_base64: Option<Base64Out<'a>>,
}

/// Bytes that are written as Base64, straight into the line.
struct Base64Out<'a>(&'a [u8]);

impl Serialize for Base64Out<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&Base64Display::new(self.0, &STANDARD))
    }
}

/// A line on its way in. A field that the format does not have is an error: it may hold something that we would lose.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LineIn<'a> {
    offset: u64,
    timestamp_ms: u64,
    #[serde(borrow)]
    key: Option<Text<'a>>,
    key_base64: Option<Text<'a>>,
    value: Option<Text<'a>>,
    value_base64: Option<Text<'a>>,
}

/// A string that borrows from the line, unless it has escapes to undo.
#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

/// What the JSON parser has to say. It counts lines too, but here the line is all that it saw.
fn malformed(error: &serde_json::Error) -> FormatError {
    let text = error.to_string();
    let place = format!(" at line {} column {}", error.line(), error.column());
    let what = text.strip_suffix(&place).unwrap_or(&text);
    FormatError::Malformed(format!("column {} of the line: {what}", error.column()))
}

/// Text under the plain name, anything else under the Base64 name.
fn text_or_bytes(bytes: &[u8]) -> (Option<&str>, Option<Base64Out<'_>>) {
    match str::from_utf8(bytes) {
        Ok(text) => (Some(text), None),
        Err(_) => (None, Some(Base64Out(bytes))),
    }
}

/// The bytes behind the two names that a field may have: `None` behind neither, an error behind both. What is borrowed
/// from the line stays borrowed.
fn bytes_of<'a>(
    name: &str,
    text: Option<Text<'a>>,
    base64: Option<Text<'a>>,
) -> Result<Option<Cow<'a, [u8]>>, FormatError> {
    match (text, base64) {
        (None, None) => Ok(None),
        (Some(Text(Cow::Borrowed(text))), None) => Ok(Some(Cow::Borrowed(text.as_bytes()))),
        (Some(Text(Cow::Owned(text))), None) => Ok(Some(Cow::Owned(text.into_bytes()))),
        (None, Some(Text(encoded))) => match STANDARD.decode(encoded.as_bytes()) {
            Ok(bytes) => Ok(Some(Cow::Owned(bytes))),
            Err(e) => Err(FormatError::Malformed(format!("`{name}_base64` is not Base64: {e}"))),
        },
        (Some(_), Some(_)) => Err(FormatError::Malformed(format!("both `{name}` and `{name}_base64`"))),
    }
}
