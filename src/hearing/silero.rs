//! The Silero voice activity network in plain Rust. Enters: weights and 16 kHz audio. Leaves: the probability of a voice
//! for every 32 ms, and voiced stretches.
//!
//! Network and weights: Silero VAD 6.2 (MIT), `silero_vad_16k.safetensors`. A frame is 512 samples with 64 of context
//! before it, mirrored by 64 after it; four spectra of 256 samples go through four convolutions into one LSTM cell.

use super::error::HearingError;
use super::resample::upsample_2x;
use crate::domain::time::{CallTime, Span};
use safetensors::SafeTensors;
use std::time::Duration;

/// Samples of a frame at 16 kHz: 32 ms.
pub const VOICE_FRAME: usize = 512;
const CONTEXT: usize = 64;
const WINDOW: usize = 256;
const STRIDE: usize = 128;
const SPECTRA: usize = 4;
const BINS: usize = 129;
const STATE: usize = 128;

/// A voice begins at this probability, the setting of the model's own tools.
const ENTER: f32 = 0.5;
/// A voice goes on down to this probability, the setting of the model's own tools.
const LEAVE: f32 = 0.35;
/// A shorter gap does not end a voiced stretch, in frames: 0.29 s.
const BRIDGED_GAP: usize = 9;
/// A shorter stretch is dropped, in frames: 0.1 s.
const SHORTEST: usize = 3;

/// A one-dimensional convolution of width 3, padded by one on both sides, followed by a rectifier.
#[derive(Debug, Clone)]
struct Convolution {
    /// `[tap][input][output]`, outputs side by side.
    weights: Vec<f32>,
    bias: Vec<f32>,
    inputs: usize,
    stride: usize,
}

impl Convolution {
    fn run(&self, input: &[Vec<f32>]) -> Vec<Vec<f32>> {
        let outputs = self.bias.len();
        let mut result = Vec::with_capacity(input.len());
        for centre in (0..input.len()).step_by(self.stride) {
            let mut sums = self.bias.clone();
            for tap in 0..3 {
                let Some(column) = (centre + tap).checked_sub(1).and_then(|at| input.get(at))
                else {
                    continue;
                };
                let block = &self.weights[tap * self.inputs * outputs..];
                accumulate(&mut sums, block, column);
            }
            for sum in &mut sums {
                *sum = sum.max(0.0);
            }
            result.push(sums);
        }
        result
    }
}

/// Adds `matrix` (`[input][output]`) times `column` to `sums`.
fn accumulate(sums: &mut [f32], matrix: &[f32], column: &[f32]) {
    for (row, &value) in matrix.chunks_exact(sums.len()).zip(column) {
        if value == 0.0 {
            continue;
        }
        for (sum, weight) in sums.iter_mut().zip(row) {
            *sum += weight * value;
        }
    }
}

/// The network; immutable, so one serves all calls.
#[derive(Debug, Clone)]
pub struct Silero {
    /// `[sample][real bins, imaginary bins]`.
    transform: Vec<f32>,
    convolutions: [Convolution; 4],
    /// `[input or state][4 gates × STATE]`.
    cell: Vec<f32>,
    cell_bias: Vec<f32>,
    readout: Vec<f32>,
    readout_bias: f32,
}

impl Silero {
    /// Takes the bytes of `silero_vad_16k.safetensors`.
    ///
    /// # Errors
    /// [`HearingError`] if the bytes are no safetensors file or hold another network.
    pub fn from_bytes(safetensors: &[u8]) -> Result<Self, HearingError> {
        let file = SafeTensors::deserialize(safetensors).map_err(HearingError::NotSafetensors)?;
        let stft = tensor(&file, "stft_conv.weight", 2 * BINS * WINDOW)?;
        let mut cell =
            transposed(&tensor(&file, "lstm_cell.weight_ih", 4 * STATE * STATE)?, 4 * STATE, STATE);
        cell.extend(transposed(
            &tensor(&file, "lstm_cell.weight_hh", 4 * STATE * STATE)?,
            4 * STATE,
            STATE,
        ));
        let input_bias = tensor(&file, "lstm_cell.bias_ih", 4 * STATE)?;
        let state_bias = tensor(&file, "lstm_cell.bias_hh", 4 * STATE)?;
        Ok(Self {
            transform: transposed(&stft, 2 * BINS, WINDOW),
            convolutions: [
                convolution(&file, ("conv1.weight", "conv1.bias"), BINS, 128, 1)?,
                convolution(&file, ("conv2.weight", "conv2.bias"), 128, 64, 2)?,
                convolution(&file, ("conv3.weight", "conv3.bias"), 64, 64, 2)?,
                convolution(&file, ("conv4.weight", "conv4.bias"), 64, STATE, 1)?,
            ],
            cell,
            cell_bias: input_bias.iter().zip(&state_bias).map(|(a, b)| a + b).collect(),
            readout: tensor(&file, "final_conv.weight", STATE)?,
            readout_bias: tensor(&file, "final_conv.bias", 1)?[0],
        })
    }

    /// Probability of a voice, 0 to 1, for every 512 samples of mono 16 kHz audio; a last partial frame is filled
    /// with silence.
    pub fn probabilities(&self, pcm16k: &[i16]) -> Vec<f32> {
        let frames = pcm16k.len().div_ceil(VOICE_FRAME);
        let mut signal = vec![0.0_f32; CONTEXT];
        signal.extend(pcm16k.iter().map(|&s| f32::from(s) / 32_768.0));
        signal.resize(CONTEXT + frames * VOICE_FRAME, 0.0);
        let mut state = State { hidden: vec![0.0; STATE], memory: vec![0.0; STATE] };
        (0..frames)
            .map(|n| self.frame(&signal[n * VOICE_FRAME..][..CONTEXT + VOICE_FRAME], &mut state))
            .collect()
    }

    /// Voiced stretches of mono 8 kHz audio whose first sample stands at `starts_at`, in order, at 32 ms resolution.
    pub fn voiced(&self, pcm8k: &[i16], starts_at: CallTime) -> Vec<Span> {
        let probabilities = self.probabilities(&upsample_2x(pcm8k));
        voiced_frames(&probabilities)
            .into_iter()
            .map(|(from, to)| Span::new(starts_at + frame_time(from), starts_at + frame_time(to)))
            .collect()
    }

    fn frame(&self, samples: &[f32], state: &mut State) -> f32 {
        let mut padded = samples.to_vec();
        let last = samples.len() - 1;
        padded.extend((1..=CONTEXT).map(|back| samples[last - back]));
        let mut columns: Vec<Vec<f32>> = (0..SPECTRA)
            .map(|n| {
                let mut parts = vec![0.0; 2 * BINS];
                accumulate(&mut parts, &self.transform, &padded[n * STRIDE..][..WINDOW]);
                (0..BINS).map(|bin| parts[bin].hypot(parts[BINS + bin])).collect()
            })
            .collect();
        for convolution in &self.convolutions {
            columns = convolution.run(&columns);
        }
        state.step(&columns[0], &self.cell, &self.cell_bias);
        let sum: f32 = state.hidden.iter().zip(&self.readout).map(|(h, w)| h.max(0.0) * w).sum();
        sigmoid(sum + self.readout_bias)
    }
}

/// What the LSTM cell carries from frame to frame.
struct State {
    hidden: Vec<f32>,
    memory: Vec<f32>,
}

impl State {
    /// One step; gates in the order input, forget, candidate, output.
    fn step(&mut self, input: &[f32], cell: &[f32], bias: &[f32]) {
        let mut gates = bias.to_vec();
        let (from_input, from_state) = cell.split_at(STATE * 4 * STATE);
        accumulate(&mut gates, from_input, input);
        accumulate(&mut gates, from_state, &self.hidden);
        for n in 0..STATE {
            let keep = sigmoid(gates[STATE + n]) * self.memory[n];
            self.memory[n] = keep + sigmoid(gates[n]) * gates[2 * STATE + n].tanh();
            self.hidden[n] = sigmoid(gates[3 * STATE + n]) * self.memory[n].tanh();
        }
    }
}

/// Frames of probability to stretches `[from, to)` of frames, with hysteresis.
pub(crate) fn voiced_frames(probabilities: &[f32]) -> Vec<(usize, usize)> {
    let mut stretches: Vec<(usize, usize)> = Vec::new();
    let mut inside: Option<usize> = None;
    for (n, &p) in probabilities.iter().chain(std::iter::once(&0.0)).enumerate() {
        match inside {
            None if p >= ENTER => inside = Some(n),
            Some(from) if p < LEAVE => {
                inside = None;
                match stretches.last_mut() {
                    Some(last) if from - last.1 <= BRIDGED_GAP => last.1 = n,
                    _ => stretches.push((from, n)),
                }
            }
            _ => {}
        }
    }
    stretches.retain(|(from, to)| to - from >= SHORTEST);
    stretches
}

fn frame_time(frame: usize) -> Duration {
    Duration::from_millis(32 * frame as u64)
}

fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + (-x).exp())
}

fn tensor(
    file: &SafeTensors<'_>,
    name: &'static str,
    count: usize,
) -> Result<Vec<f32>, HearingError> {
    let found = file.tensor(name).map_err(|_| HearingError::MissingTensor { name })?;
    let bytes = found.data();
    if found.dtype() != safetensors::Dtype::F32 || bytes.len() != 4 * count {
        return Err(HearingError::WrongTensor { name, expected: 4 * count, found: bytes.len() });
    }
    Ok(bytes.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect())
}

/// `[rows][columns]` to `[columns][rows]`.
fn transposed(matrix: &[f32], rows: usize, columns: usize) -> Vec<f32> {
    (0..columns).flat_map(|c| (0..rows).map(move |r| matrix[r * columns + c])).collect()
}

fn convolution(
    file: &SafeTensors<'_>,
    (weight, bias): (&'static str, &'static str),
    inputs: usize,
    outputs: usize,
    stride: usize,
) -> Result<Convolution, HearingError> {
    let stored = tensor(file, weight, outputs * inputs * 3)?;
    let mut weights = Vec::with_capacity(stored.len());
    for tap in 0..3 {
        for input in 0..inputs {
            weights.extend((0..outputs).map(|output| stored[(output * inputs + input) * 3 + tap]));
        }
    }
    Ok(Convolution { weights, bias: tensor(file, bias, outputs)?, inputs, stride })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_that_are_no_model_are_refused() {
        assert!(matches!(Silero::from_bytes(b"RIFF"), Err(HearingError::NotSafetensors(_))));
        let empty = safetensors::serialize(
            Vec::<(String, safetensors::tensor::TensorView<'_>)>::new(),
            None,
        )
        .unwrap();
        let error = Silero::from_bytes(&empty).unwrap_err();
        assert!(error.to_string().contains("stft_conv.weight"));
    }

    #[test]
    fn a_gap_of_288_ms_is_bridged_and_one_of_320_ms_is_not() {
        let voice = [0.9_f32; 10];
        let with_gap = |gap: usize| [&voice[..], &vec![0.0; gap], &voice[..]].concat();
        assert_eq!(voiced_frames(&with_gap(9)), [(0, 29)]);
        assert_eq!(voiced_frames(&with_gap(10)), [(0, 10), (20, 30)]);
    }

    #[test]
    fn a_voice_shorter_than_96_ms_is_dropped() {
        assert!(voiced_frames(&[0.9, 0.9, 0.1]).is_empty());
        assert_eq!(voiced_frames(&[0.9, 0.4, 0.4, 0.1]), [(0, 3)]);
    }

    /// The graph of the published ONNX model with the weights of the safetensors file; both come in one package, trained apart.
    #[test]
    fn a_korean_greeting_has_the_probabilities_of_the_published_graph_to_0_002() {
        let root = concat!(env!("CARGO_MANIFEST_DIR"), "/");
        let Ok(weights) = std::fs::read(format!("{root}models/silero_vad_16k.safetensors")) else {
            return;
        };
        let path = format!("{root}scenarios/simulated/voices/a2_greet.wav");
        let mut wav = hound::WavReader::open(path).unwrap();
        let twice: Vec<i16> =
            wav.samples::<i16>().flat_map(|s| [s.as_ref().copied().unwrap(); 2]).collect();
        let found = Silero::from_bytes(&weights).unwrap().probabilities(&twice);
        let published: Vec<f32> = include_str!("fixtures/silero_a2_greet.txt")
            .lines()
            .filter(|line| !line.starts_with('#'))
            .map(|line| line.parse().unwrap())
            .collect();
        assert_eq!(found.len(), published.len());
        let worst = found.iter().zip(&published).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(worst < 0.002, "{worst}");
    }
}
