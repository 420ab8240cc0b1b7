//! Block quantisation of weights, as ggml lays it out: blocks of 32 values along a row.
//!
//! Enters: values. Leaves: bytes. `q8_0` is a half `d` (largest magnitude / 127) and 32 signed bytes; `q5_1` is a half
//! `d` (range / 31), a half minimum, 32 fifth bits and 16 bytes of nibble pairs (element `j` low, `j + 16` high).

use super::half;

/// Values in a block.
pub(crate) const BLOCK: usize = 32;

/// How the two-dimensional weights of a model are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Quantization {
    /// Half precision, 2 bytes a value.
    F16,
    /// 34 bytes for 32 values.
    #[serde(rename = "q8_0")]
    Q8,
    /// 24 bytes for 32 values.
    #[serde(rename = "q5_1")]
    Q5,
}

impl Quantization {
    /// Type code of a tensor (`ggml_type`).
    pub(crate) fn tensor_type(self) -> i32 {
        match self {
            Self::F16 => 1,
            Self::Q5 => 7,
            Self::Q8 => 8,
        }
    }

    /// Type code of a file: quantisation version 2 × 1000 + `ggml_ftype`.
    pub(crate) fn file_type(self) -> i32 {
        match self {
            Self::F16 => 1,
            Self::Q8 => 2007,
            Self::Q5 => 2009,
        }
    }

    /// Appends the encoding of `values`, whose length is a whole number of blocks.
    pub(crate) fn encode(self, values: &[f32], out: &mut Vec<u8>) {
        match self {
            Self::F16 => {
                for &value in values {
                    out.extend_from_slice(&half::narrow(value).to_le_bytes());
                }
            }
            Self::Q8 => values.chunks(BLOCK).for_each(|block| encode_q8(block, out)),
            Self::Q5 => values.chunks(BLOCK).for_each(|block| encode_q5(block, out)),
        }
    }
}

fn inverse(step: f32) -> f32 {
    if step == 0.0 { 0.0 } else { 1.0 / step }
}

fn encode_q8(block: &[f32], out: &mut Vec<u8>) {
    let largest = block.iter().fold(0f32, |m, v| m.max(v.abs()));
    let step = largest / 127.0;
    let per_step = inverse(step);
    out.extend_from_slice(&half::narrow(step).to_le_bytes());
    out.extend(block.iter().map(|v| (v * per_step).round() as i8 as u8));
}

fn encode_q5(block: &[f32], out: &mut Vec<u8>) {
    let (low, high) = block.iter().fold((f32::MAX, f32::MIN), |(l, h), &v| (l.min(v), h.max(v)));
    let step = (high - low) / 31.0;
    let per_step = inverse(step);
    out.extend_from_slice(&half::narrow(step).to_le_bytes());
    out.extend_from_slice(&half::narrow(low).to_le_bytes());
    let codes: Vec<u8> =
        block.iter().map(|v| (((v - low) * per_step + 0.5) as u8).min(31)).collect();
    let fifth = codes.iter().enumerate().fold(0u32, |bits, (j, c)| bits | u32::from(c >> 4) << j);
    out.extend_from_slice(&fifth.to_le_bytes());
    let (first, second) = codes.split_at(codes.len() / 2);
    out.extend(first.iter().zip(second).map(|(a, b)| (a & 0x0f) | (b & 0x0f) << 4));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ramp() -> Vec<f32> {
        (0..32u8).map(|n| f32::from(n) - 16.0).collect()
    }

    #[test]
    fn q8_0_of_a_ramp_from_minus_16_is_the_golden_block() {
        let mut out = Vec::new();
        Quantization::Q8.encode(&ramp(), &mut out);
        assert_eq!(out.len(), 34);
        // 16/127 = 0.12598 as a half is 0x3008.
        assert_eq!(out[..2], 0x3008u16.to_le_bytes());
        assert_eq!(out[2] as i8, -127);
        assert_eq!(out[2 + 16] as i8, 0);
        assert_eq!(out[2 + 31] as i8, 119);
    }

    #[test]
    fn q5_1_of_a_ramp_of_32_steps_is_the_golden_block() {
        let mut out = Vec::new();
        Quantization::Q5.encode(&ramp(), &mut out);
        assert_eq!(out.len(), 24);
        // d = 31/31 = 1, minimum = -16; the code of element j is j.
        assert_eq!(out[..2], 0x3c00u16.to_le_bytes());
        assert_eq!(out[2..4], 0xcc00u16.to_le_bytes());
        assert_eq!(out[4..8], 0xffff_0000u32.to_le_bytes());
        let nibbles: Vec<u8> = (0..16u8).map(|j| j | j << 4).collect();
        assert_eq!(out[8..], nibbles);
    }

    #[test]
    fn a_block_of_zeros_is_zeros() {
        for quantization in [Quantization::F16, Quantization::Q8, Quantization::Q5] {
            let mut out = Vec::new();
            quantization.encode(&[0.0; 32], &mut out);
            assert!(out.iter().all(|&b| b == 0), "{quantization:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn q8_0_is_wrong_by_at_most_half_a_step(values in proptest::collection::vec(-4f32..4.0, 32)) {
            let mut out = Vec::new();
            Quantization::Q8.encode(&values, &mut out);
            let step = half::widen(u16::from_le_bytes([out[0], out[1]]));
            for (value, code) in values.iter().zip(&out[2..]) {
                let back = f32::from(*code as i8) * step;
                proptest::prop_assert!((back - value).abs() <= 0.5 * step + 4.0 * 0.001);
            }
        }
    }
}
