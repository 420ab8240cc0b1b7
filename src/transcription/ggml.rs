//! The ggml Whisper file: header, mel bank, vocabulary, tensors to the end of the file.
//!
//! Enters: numbers and tensors. Leaves: bytes, as whisper.cpp 1.8 `whisper_model_load` reads them (little endian).

use super::mel;
use std::io::{self, Read, Write};

/// First four bytes of the file.
pub(crate) const MAGIC: u32 = 0x6767_6d6c;
const F32: i32 = 0;

/// The sizes of a model, in the order of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sizes {
    pub(crate) vocabulary: i32,
    pub(crate) audio_context: i32,
    pub(crate) audio_state: i32,
    pub(crate) audio_heads: i32,
    pub(crate) audio_layers: i32,
    pub(crate) text_context: i32,
    pub(crate) text_state: i32,
    pub(crate) text_heads: i32,
    pub(crate) text_layers: i32,
    pub(crate) mels: i32,
    pub(crate) file_type: i32,
}

impl Sizes {
    fn in_order(self) -> [i32; 11] {
        [
            self.vocabulary,
            self.audio_context,
            self.audio_state,
            self.audio_heads,
            self.audio_layers,
            self.text_context,
            self.text_state,
            self.text_heads,
            self.text_layers,
            self.mels,
            self.file_type,
        ]
    }

    /// Reads the head of a file; says in words why it is no Whisper model.
    pub(crate) fn read(from: &mut impl Read) -> Result<Self, String> {
        let mut head = [0u8; 48];
        from.read_exact(&mut head).map_err(|e| format!("its head cannot be read ({e})"))?;
        let mut words = head.as_chunks::<4>().0.iter().map(|b| i32::from_le_bytes(*b));
        let mut next = || words.next().unwrap_or_default();
        if next().cast_unsigned() != MAGIC {
            return Err("it does not begin with the ggml magic number".to_owned());
        }
        let sizes = Self {
            vocabulary: next(),
            audio_context: next(),
            audio_state: next(),
            audio_heads: next(),
            audio_layers: next(),
            text_context: next(),
            text_state: next(),
            text_heads: next(),
            text_layers: next(),
            mels: next(),
            file_type: next(),
        };
        let plausible = (50_000..60_000).contains(&sizes.vocabulary)
            && sizes.audio_context == 1500
            && [80, 128].contains(&sizes.mels)
            && sizes.audio_heads > 0
            && sizes.text_heads > 0;
        if plausible { Ok(sizes) } else { Err(format!("its sizes are not Whisper's: {sizes:?}")) }
    }

    /// Whether it knows more languages than English.
    pub(crate) fn multilingual(&self) -> bool {
        self.vocabulary >= 51_865
    }
}

/// Writes the parts of a file in their order.
pub(crate) struct Writer<W> {
    out: W,
}

impl<W: Write> Writer<W> {
    /// Writes everything before the tensors.
    pub(crate) fn begin(mut out: W, sizes: Sizes, tokens: &[Vec<u8>]) -> io::Result<Self> {
        out.write_all(&MAGIC.to_le_bytes())?;
        write_all_i32(&mut out, &sizes.in_order())?;
        write_all_i32(&mut out, &[sizes.mels, mel::BINS as i32])?;
        for weight in mel::filter_bank(sizes.mels as usize) {
            out.write_all(&weight.to_le_bytes())?;
        }
        write_all_i32(&mut out, &[tokens.len() as i32])?;
        for token in tokens {
            write_all_i32(&mut out, &[token.len() as i32])?;
            out.write_all(token)?;
        }
        Ok(Self { out })
    }

    /// Writes a tensor of single-precision values.
    pub(crate) fn singles(
        &mut self,
        name: &str,
        shape: &[usize],
        values: &[f32],
    ) -> io::Result<()> {
        let data: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
        self.tensor(name, shape, F32, &data)
    }

    /// Writes a tensor whose values are encoded already; `shape` is outermost first.
    pub(crate) fn tensor(
        &mut self,
        name: &str,
        shape: &[usize],
        kind: i32,
        data: &[u8],
    ) -> io::Result<()> {
        write_all_i32(&mut self.out, &[shape.len() as i32, name.len() as i32, kind])?;
        let reversed: Vec<i32> = shape.iter().rev().map(|&d| d as i32).collect();
        write_all_i32(&mut self.out, &reversed)?;
        self.out.write_all(name.as_bytes())?;
        self.out.write_all(data)
    }
}

fn write_all_i32(out: &mut impl Write, values: &[i32]) -> io::Result<()> {
    values.iter().try_for_each(|v| out.write_all(&v.to_le_bytes()))
}
