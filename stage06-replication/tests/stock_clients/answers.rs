//! The language of the drivers in Python: JSON, with bytes as hexadecimal digits.

use serde_json::{Value, json};

use crate::client::{Read, Record, Told};

/// A record for a driver.
pub(crate) fn record_to(record: &Record) -> Value {
    let headers: Vec<Value> = record.headers.iter().map(|(name, value)| json!([name, hex(value)])).collect();
    json!({
        "key": record.key.as_deref().map(hex),
        "value": record.value.as_deref().map(hex),
        "headers": headers,
        "timestamp": record.timestamp,
    })
}

/// A record from a driver.
pub(crate) fn read_from(value: &Value) -> Read {
    let headers = value["headers"].as_array().expect("headers");
    let headers = headers.iter().map(|header| {
        let name = header[0].as_str().expect("a header's name");
        (name.to_string(), bytes(&header[1]).unwrap_or_default())
    });
    let record = Record {
        key: bytes(&value["key"]),
        value: bytes(&value["value"]),
        headers: headers.collect(),
        timestamp: value["timestamp"].as_i64(),
    };
    let partition = value["partition"].as_u64().expect("a partition") as u32;
    Read { partition, offset: value["offset"].as_i64().expect("an offset"), record }
}

/// What became of a record, from a driver.
pub(crate) fn told_from(value: &Value) -> Told {
    match value["error"].as_str() {
        Some(error) => Err(error.to_string()),
        None => Ok(value["offset"].as_i64().unwrap_or(-1)),
    }
}

fn hex(bytes: &[u8]) -> String {
    let digit = |nibble: u8| char::from(b"0123456789abcdef"[usize::from(nibble)]);
    bytes.iter().flat_map(|&byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

fn bytes(value: &Value) -> Option<Vec<u8>> {
    let digits = value.as_str()?.as_bytes();
    let nibble = |digit: u8| (digit as char).to_digit(16).expect("a hexadecimal digit") as u8;
    Some(digits.chunks(2).map(|pair| nibble(pair[0]) << 4 | nibble(pair[1])).collect())
}
