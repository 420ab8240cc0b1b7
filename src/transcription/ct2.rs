//! Reads a `CTranslate2` model file (`model.bin`, binary version 6).
//!
//! Enters: the whole file. Leaves: its variables by name, borrowed. Every length is checked against what is left.
//! Layout, little endian: version, name of the specification, revision, then the variables (name, shape, type, data)
//! and the aliases. Source: `CTranslate2` 4, `python/ctranslate2/specs/model_spec.py`.

use super::error::TranscriptionError;
use super::half;
use std::collections::BTreeMap;

const VERSION: u32 = 6;
const SPECIFICATION: &str = "WhisperSpec";
/// No weight of a Whisper model has more.
const MOST_DIMENSIONS: u8 = 4;

/// Type of the values of a variable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Type {
    F32,
    I8,
    I16,
    I32,
    F16,
}

impl Type {
    fn from_code(code: u8) -> Option<Self> {
        [Self::F32, Self::I8, Self::I16, Self::I32, Self::F16].get(usize::from(code)).copied()
    }

    fn bytes(self) -> usize {
        match self {
            Self::I8 => 1,
            Self::I16 | Self::F16 => 2,
            Self::F32 | Self::I32 => 4,
        }
    }
}

/// A named tensor of the source model.
#[derive(Debug, Clone)]
pub(crate) struct Variable<'a> {
    name: String,
    /// Shape, outermost dimension first; empty for a scalar.
    shape: Vec<usize>,
    kind: Type,
    data: &'a [u8],
}

impl Variable<'_> {
    /// Its shape, outermost dimension first; empty for a scalar.
    pub(crate) fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// Its values, widened.
    ///
    /// # Errors
    /// [`TranscriptionError::NotConvertible`] if they are integers: a model that is quantised already.
    pub(crate) fn values(&self) -> Result<Vec<f32>, TranscriptionError> {
        match self.kind {
            Type::F16 => Ok(self
                .data
                .as_chunks::<2>()
                .0
                .iter()
                .map(|b| half::widen(u16::from_le_bytes(*b)))
                .collect()),
            Type::F32 => {
                Ok(self.data.as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect())
            }
            kind => Err(self.refuse(format!("its values are {kind:?}, not float16 or float32"))),
        }
    }

    /// The value of an integer scalar.
    ///
    /// # Errors
    /// [`TranscriptionError::NotConvertible`] if it is no integer or no scalar.
    pub(crate) fn integer(&self) -> Result<i32, TranscriptionError> {
        match (self.kind, self.data) {
            (Type::I8, [a]) => Ok(i32::from(*a as i8)),
            (Type::I16, [a, b]) => Ok(i32::from(i16::from_le_bytes([*a, *b]))),
            (Type::I32, [a, b, c, d]) => Ok(i32::from_le_bytes([*a, *b, *c, *d])),
            _ => Err(self.refuse("it is not one integer".to_owned())),
        }
    }

    /// An error about this variable.
    pub(crate) fn refuse(&self, why: String) -> TranscriptionError {
        TranscriptionError::NotConvertible { variable: self.name.clone(), why }
    }
}

/// A model as `CTranslate2` stores it.
#[derive(Debug)]
pub(crate) struct SourceModel<'a> {
    variables: BTreeMap<String, Variable<'a>>,
}

impl<'a> SourceModel<'a> {
    /// Reads a whole `model.bin`.
    ///
    /// # Errors
    /// [`TranscriptionError::BadSource`] with the offset, if anything is cut, unknown, doubled or left over.
    pub(crate) fn parse(bytes: &'a [u8]) -> Result<Self, TranscriptionError> {
        let mut reader = Reader { bytes, at: 0 };
        let version = reader.u32()?;
        if version != VERSION {
            return Err(reader.refuse(format!("version {version} is not {VERSION}")));
        }
        let specification = reader.text()?;
        if specification != SPECIFICATION {
            return Err(reader.refuse(format!("`{specification}` is not `{SPECIFICATION}`")));
        }
        reader.u32()?;
        let mut variables = BTreeMap::new();
        for _ in 0..reader.u32()? {
            let variable = reader.variable()?;
            let name = variable.name.clone();
            if variables.insert(name.clone(), variable).is_some() {
                return Err(reader.refuse(format!("variable `{name}` is there twice")));
            }
        }
        for _ in 0..reader.u32()? {
            let (alias, target) = (reader.text()?, reader.text()?);
            if !variables.contains_key(&target) {
                return Err(reader.refuse(format!("alias `{alias}` names no variable: `{target}`")));
            }
        }
        if reader.at != bytes.len() {
            let left = bytes.len() - reader.at;
            return Err(reader.refuse(format!("{left} bytes are left after the end")));
        }
        Ok(Self { variables })
    }

    /// A variable by its name.
    ///
    /// # Errors
    /// [`TranscriptionError::NotConvertible`] if there is none.
    pub(crate) fn variable(&self, name: &str) -> Result<&Variable<'a>, TranscriptionError> {
        self.variables.get(name).ok_or_else(|| TranscriptionError::NotConvertible {
            variable: name.to_owned(),
            why: "it is not in the model".to_owned(),
        })
    }

    /// Whether there is a variable of this name.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.variables.contains_key(name)
    }
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn refuse(&self, why: String) -> TranscriptionError {
        TranscriptionError::BadSource { offset: self.at, why }
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8], TranscriptionError> {
        let left = &self.bytes[self.at..];
        let Some(taken) = left.get(..count) else {
            return Err(self.refuse(format!("{count} bytes are due, {} are left", left.len())));
        };
        self.at += count;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], TranscriptionError> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N)?);
        Ok(array)
    }

    fn u32(&mut self) -> Result<u32, TranscriptionError> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    fn text(&mut self) -> Result<String, TranscriptionError> {
        let length = u16::from_le_bytes(self.array()?);
        let bytes = self.take(usize::from(length))?;
        let [text @ .., 0] = bytes else {
            return Err(self.refuse("a name does not end with a zero byte".to_owned()));
        };
        String::from_utf8(text.to_vec()).map_err(|_| self.refuse("a name is not UTF-8".to_owned()))
    }

    fn variable(&mut self) -> Result<Variable<'a>, TranscriptionError> {
        let name = self.text()?;
        let [rank] = self.array()?;
        if rank > MOST_DIMENSIONS {
            return Err(self.refuse(format!("`{name}` has {rank} dimensions")));
        }
        let shape =
            (0..rank).map(|_| self.u32().map(|d| d as usize)).collect::<Result<Vec<_>, _>>()?;
        let [code] = self.array()?;
        let kind = Type::from_code(code)
            .ok_or_else(|| self.refuse(format!("`{name}` has the unknown type {code}")))?;
        let length = self.u32()? as usize;
        let due = shape.iter().try_fold(kind.bytes(), |n, &d| n.checked_mul(d));
        if due != Some(length) {
            return Err(self.refuse(format!("`{name}` of shape {shape:?} has {length} bytes")));
        }
        Ok(Variable { name, shape, kind, data: self.take(length)? })
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Writes source models for tests.
    pub(crate) struct Writer {
        variables: Vec<u8>,
        count: u32,
    }

    impl Writer {
        pub(crate) fn new() -> Self {
            Self { variables: Vec::new(), count: 0 }
        }

        fn name(out: &mut Vec<u8>, name: &str) {
            out.extend((name.len() as u16 + 1).to_le_bytes());
            out.extend(name.as_bytes());
            out.push(0);
        }

        pub(crate) fn raw(&mut self, name: &str, shape: &[u32], kind: u8, data: &[u8]) {
            Self::name(&mut self.variables, name);
            self.variables.push(shape.len() as u8);
            for dimension in shape {
                self.variables.extend(dimension.to_le_bytes());
            }
            self.variables.push(kind);
            self.variables.extend((data.len() as u32).to_le_bytes());
            self.variables.extend(data);
            self.count += 1;
        }

        pub(crate) fn halves(&mut self, name: &str, shape: &[u32], values: &[f32]) {
            let data: Vec<u8> =
                values.iter().flat_map(|v| half::narrow(*v).to_le_bytes()).collect();
            self.raw(name, shape, 4, &data);
        }

        pub(crate) fn finish(self) -> Vec<u8> {
            let mut out = 6u32.to_le_bytes().to_vec();
            Self::name(&mut out, "WhisperSpec");
            out.extend(3u32.to_le_bytes());
            out.extend(self.count.to_le_bytes());
            out.extend(self.variables);
            out.extend(0u32.to_le_bytes());
            out
        }
    }

    fn small() -> Vec<u8> {
        let mut writer = Writer::new();
        writer.halves("a/weight", &[2, 1], &[1.5, -2.0]);
        writer.raw("a/num_heads", &[], 2, &6i16.to_le_bytes());
        writer.finish()
    }

    #[test]
    fn variables_are_read_with_shape_and_values() {
        let bytes = small();
        let model = SourceModel::parse(&bytes).unwrap();
        let weight = model.variable("a/weight").unwrap();
        assert_eq!(weight.shape(), [2, 1]);
        assert_eq!(weight.values().unwrap(), [1.5, -2.0]);
        assert_eq!(model.variable("a/num_heads").unwrap().integer().unwrap(), 6);
        assert!(model.variable("a/num_heads").unwrap().values().is_err());
        assert!(model.variable("b").is_err());
    }

    #[test]
    fn a_file_cut_anywhere_is_refused_with_its_offset() {
        let bytes = small();
        for length in 0..bytes.len() {
            let refused = SourceModel::parse(&bytes[..length]).unwrap_err();
            assert!(matches!(refused, TranscriptionError::BadSource { .. }), "{length}");
        }
        let mut longer = bytes;
        longer.push(0);
        let refused = SourceModel::parse(&longer).unwrap_err().to_string();
        assert!(refused.contains("1 bytes are left after the end"), "{refused}");
    }

    proptest::proptest! {
        #[test]
        fn no_flipped_byte_makes_it_panic(at in 0usize..90, value: u8) {
            let mut bytes = small();
            let at = at % bytes.len();
            bytes[at] = value;
            let _ = SourceModel::parse(&bytes);
        }
    }
}
