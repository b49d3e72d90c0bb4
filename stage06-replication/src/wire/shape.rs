//! A look at a message before it is decoded.
//!
//! The decoder takes memory for as many elements as an array says it has, before it has seen the first: a message of ten
//! bytes may say two thousand million, and the process is gone. So each message is walked through first, by a description
//! of its fields. The walk takes no memory. It checks each length against the bytes that are there, and counts the elements.

/// The most elements of all arrays of a message together.
pub const ELEMENTS_MAX: usize = 10_000;

/// What an element costs in memory once it is decoded, at most, beside the bytes of the message.
pub const ELEMENT_BYTES: usize = 256;

/// A field of a message.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    /// The first version that has it.
    from: i16,
    /// The last one.
    to: i16,
    shape: Shape,
}

/// What a field looks like.
#[derive(Clone, Copy, Debug)]
pub enum Shape {
    /// A number of so many bytes, or a few of them.
    Fixed(usize),
    /// A string, or none.
    Text,
    /// Bytes, or none.
    Bytes,
    /// An array of structures, or none.
    Structs(&'static [Field]),
    /// An array of one thing each.
    List(&'static Shape),
    /// A structure.
    Struct(&'static [Field]),
    /// Something that may be among the tagged fields at the end, under this tag.
    Tagged(u32, &'static Shape),
}

impl Shape {
    /// The field of all versions.
    pub const fn always(self) -> Field {
        self.between(0, i16::MAX)
    }

    /// The field from a version on.
    pub const fn since(self, from: i16) -> Field {
        self.between(from, i16::MAX)
    }

    /// The field of the versions from `from` to `to`.
    pub const fn between(self, from: i16, to: i16) -> Field {
        Field { from, to, shape: self }
    }
}

/// Why a message is not decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ShapeError {
    /// It ends within a field.
    #[error("at byte {position} {expected} bytes belong, and {found} are left")]
    Short {
        /// Where.
        position: usize,
        /// How many bytes it takes.
        expected: usize,
        /// How many there are.
        found: usize,
    },
    /// A length below zero that does not say either that there is nothing.
    #[error("at byte {position} a length of {found}")]
    Length {
        /// Behind it.
        position: usize,
        /// What it says.
        found: i64,
    },
    /// It has more elements than anybody needs.
    #[error("at byte {position} there are {found} elements, with those before; {ELEMENTS_MAX} are taken")]
    Elements {
        /// Behind the array's length.
        position: usize,
        /// How many there would be.
        found: usize,
    },
    /// A number of variable length does not end.
    #[error("at byte {position} a number of more than five bytes")]
    Number {
        /// Where.
        position: usize,
    },
    /// Something is behind the last field, or a tagged field is not as long as it says.
    #[error("at byte {position} something ends, and {found} bytes are left of it")]
    Long {
        /// Where.
        position: usize,
        /// How many bytes there are too many.
        found: usize,
    },
}

/// Walks through a message of these fields and returns how many elements it has. Nothing may be left behind them.
/// `is_flexible` says whether the version has compact lengths and tagged fields (KIP-482).
///
/// # Errors
///
/// If it is no such message.
pub fn walk(bytes: &[u8], fields: &[Field], version: i16, is_flexible: bool) -> Result<usize, ShapeError> {
    let mut walk = Walk { bytes, position: 0, elements: 0, version, is_flexible };
    walk.structure(fields)?;
    walk.end_at(bytes.len())?;
    Ok(walk.elements)
}

/// The bytes of a request's header, from its start on (see [`super::request`]).
///
/// # Errors
///
/// If the message ends within it.
pub fn walk_header(bytes: &[u8], is_flexible: bool) -> Result<usize, ShapeError> {
    let mut walk = Walk { bytes, position: 0, elements: 0, version: 0, is_flexible: false };
    walk.skip(8)?;
    // The client's name is an ordinary string in all versions, so that the first bytes can always be read.
    walk.text()?;
    walk.is_flexible = is_flexible;
    walk.structure(&[])?;
    Ok(walk.position)
}

struct Walk<'a> {
    bytes: &'a [u8],
    position: usize,
    elements: usize,
    version: i16,
    is_flexible: bool,
}

impl Walk<'_> {
    fn structure(&mut self, fields: &[Field]) -> Result<(), ShapeError> {
        for field in fields {
            if (field.from..=field.to).contains(&self.version) {
                self.field(field.shape)?;
            }
        }
        if self.is_flexible { self.tagged(fields) } else { Ok(()) }
    }

    fn field(&mut self, shape: Shape) -> Result<(), ShapeError> {
        match shape {
            Shape::Fixed(bytes) => self.skip(bytes),
            Shape::Text => self.text(),
            Shape::Bytes => match self.length()? {
                Some(bytes) => self.skip(bytes),
                None => Ok(()),
            },
            Shape::Structs(fields) => self.elements(|walk| walk.structure(fields)),
            Shape::List(shape) => self.elements(|walk| walk.field(*shape)),
            Shape::Struct(fields) => self.structure(fields),
            Shape::Tagged(..) => Ok(()),
        }
    }

    fn elements(&mut self, mut element: impl FnMut(&mut Self) -> Result<(), ShapeError>) -> Result<(), ShapeError> {
        let count = self.length()?.unwrap_or(0);
        self.count(count)?;
        // No element of any message is of no bytes.
        (0..count).try_for_each(|_| element(self))
    }

    /// Takes note of elements, of which each has a byte at least.
    fn count(&mut self, count: usize) -> Result<(), ShapeError> {
        self.elements = self.elements.saturating_add(count);
        if self.elements > ELEMENTS_MAX {
            return Err(ShapeError::Elements { position: self.position, found: self.elements });
        }
        match self.bytes.len() - self.position {
            left if left < count => Err(ShapeError::Short { position: self.position, expected: count, found: left }),
            _ => Ok(()),
        }
    }

    /// The tagged fields behind a structure's others. The decoder looks at the length only of those that it does not know;
    /// so the length of one that it knows has to be right, or it would read on somewhere else than this walk.
    fn tagged(&mut self, fields: &[Field]) -> Result<(), ShapeError> {
        let count = self.varint()? as usize;
        self.count(count)?;
        for _ in 0..count {
            let tag = self.varint()?;
            let bytes = self.varint()? as usize;
            let start = self.position;
            self.skip(bytes)?;
            let end = std::mem::replace(&mut self.position, start);
            let known = fields.iter().find_map(|field| match field.shape {
                Shape::Tagged(number, shape) if number == tag => Some(*shape),
                _ => None,
            });
            match known {
                Some(shape) => self.field(shape).and_then(|()| self.end_at(end))?,
                None => self.position = end,
            }
        }
        Ok(())
    }

    fn end_at(&self, end: usize) -> Result<(), ShapeError> {
        match end.checked_sub(self.position) {
            Some(0) => Ok(()),
            Some(found) => Err(ShapeError::Long { position: self.position, found }),
            None => Err(ShapeError::Short { position: end, expected: self.position - end, found: 0 }),
        }
    }

    fn text(&mut self) -> Result<(), ShapeError> {
        let length = if self.is_flexible {
            self.length()?
        } else {
            let length = i16::from_be_bytes(self.take()?);
            self.checked_length(length.into())?
        };
        self.skip(length.unwrap_or(0))
    }

    /// The length of bytes or of an array; `None` if there are none.
    fn length(&mut self) -> Result<Option<usize>, ShapeError> {
        if self.is_flexible {
            return Ok((self.varint()? as usize).checked_sub(1));
        }
        let length = i32::from_be_bytes(self.take()?);
        self.checked_length(length.into())
    }

    fn checked_length(&self, length: i64) -> Result<Option<usize>, ShapeError> {
        match usize::try_from(length) {
            Ok(length) => Ok(Some(length)),
            Err(_) if length == -1 => Ok(None),
            Err(_) => Err(ShapeError::Length { position: self.position, found: length }),
        }
    }

    fn varint(&mut self) -> Result<u32, ShapeError> {
        let position = self.position;
        let mut value = 0_u64;
        for shift in [0, 7, 14, 21, 28] {
            let [byte] = self.take()?;
            value |= u64::from(byte & 0x7F) << shift;
            if byte < 0x80 {
                return u32::try_from(value).map_err(|_| ShapeError::Number { position });
            }
        }
        Err(ShapeError::Number { position })
    }

    fn skip(&mut self, bytes: usize) -> Result<(), ShapeError> {
        let found = self.bytes.len() - self.position;
        if found < bytes {
            return Err(ShapeError::Short { position: self.position, expected: bytes, found });
        }
        self.position += bytes;
        Ok(())
    }

    fn take<const N: usize>(&mut self) -> Result<[u8; N], ShapeError> {
        let start = self.position;
        self.skip(N)?;
        let mut taken = [0; N];
        taken.copy_from_slice(&self.bytes[start..self.position]);
        Ok(taken)
    }
}
