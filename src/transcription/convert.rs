//! Turns a `CTranslate2` Whisper model into the ggml file that whisper.cpp loads.
//!
//! Enters: a source model and its vocabulary. Leaves: the file, tensor by tensor, always in the same order, so that its
//! hash can be pinned. Fused projections are cut into query, key and value; the key has no bias in ggml, so that third
//! must be zero. Vectors, convolution biases and positions stay single precision, convolution weights half.

use super::ct2::{SourceModel, Variable};
use super::error::TranscriptionError;
use super::ggml::{Sizes, Writer};
use super::quantize::{BLOCK, Quantization};
use super::vocabulary;
use std::io::Write;

/// No published Whisper model has more layers a side than 32.
const MOST_LAYERS: i32 = 64;

/// What can stop a conversion: the source, or the disk.
pub(crate) enum Stopped {
    Source(TranscriptionError),
    Disk(std::io::Error),
}

impl From<TranscriptionError> for Stopped {
    fn from(error: TranscriptionError) -> Self {
        Self::Source(error)
    }
}

impl From<std::io::Error> for Stopped {
    fn from(error: std::io::Error) -> Self {
        Self::Disk(error)
    }
}

/// Converts a model.
///
/// # Errors
/// [`Stopped::Source`] if the model is not an unchanged float Whisper model, [`Stopped::Disk`] if `out` fails.
pub(crate) fn convert(
    model: &SourceModel<'_>,
    vocabulary: &str,
    quantization: Quantization,
    out: impl Write,
) -> Result<(), Stopped> {
    let sizes = sizes(model, quantization)?;
    let tokens = vocabulary::base_tokens(vocabulary)?;
    if tokens.len() as i32 >= sizes.vocabulary {
        return Err(Stopped::Source(TranscriptionError::BadVocabulary {
            token: tokens.len(),
            why: format!("the model knows only {} tokens", sizes.vocabulary),
        }));
    }
    let out = Writer::begin(out, sizes, &tokens)?;
    let mut conversion = Conversion { model, quantization, out };
    conversion.encoder(sizes.audio_layers)?;
    conversion.decoder(sizes.text_layers)
}

fn sizes(model: &SourceModel<'_>, quantization: Quantization) -> Result<Sizes, TranscriptionError> {
    let shape = |name: &str, axis: usize| {
        let variable = model.variable(name)?;
        let size = variable.shape().get(axis).and_then(|&d| i32::try_from(d).ok());
        size.ok_or_else(|| variable.refuse(format!("its shape is {:?}", variable.shape())))
    };
    let layers = |side: &str| {
        (0..MOST_LAYERS)
            .take_while(|n| model.has(&format!("{side}/layer_{n}/ffn/linear_0/weight")))
            .count() as i32
    };
    let audio_state = shape("encoder/position_encodings/encodings", 1)?;
    let text_state = shape("decoder/position_encodings/encodings", 1)?;
    Ok(Sizes {
        vocabulary: shape("decoder/embeddings/weight", 0)?,
        audio_context: shape("encoder/position_encodings/encodings", 0)?,
        audio_state,
        audio_heads: model.variable("encoder/num_heads")?.integer()?,
        audio_layers: layers("encoder"),
        text_context: shape("decoder/position_encodings/encodings", 0)?,
        text_state,
        text_heads: model.variable("decoder/num_heads")?.integer()?,
        text_layers: layers("decoder"),
        mels: shape("encoder/conv1/weight", 1)?,
        file_type: quantization.file_type(),
    })
}

struct Conversion<'m, W> {
    model: &'m SourceModel<'m>,
    quantization: Quantization,
    out: Writer<W>,
}

impl<W: Write> Conversion<'_, W> {
    fn encoder(&mut self, layers: i32) -> Result<(), Stopped> {
        self.singles("encoder/position_encodings/encodings", "encoder.positional_embedding")?;
        for convolution in ["conv1", "conv2"] {
            self.convolution(convolution)?;
        }
        for layer in 0..layers {
            let (from, to) = (format!("encoder/layer_{layer}"), format!("encoder.blocks.{layer}"));
            self.self_attention(&from, &to)?;
            self.feed_forward(&from, &to)?;
        }
        self.norm("encoder/layer_norm", "encoder.ln_post")
    }

    fn decoder(&mut self, layers: i32) -> Result<(), Stopped> {
        self.singles("decoder/position_encodings/encodings", "decoder.positional_embedding")?;
        self.matrix("decoder/embeddings/weight", "decoder.token_embedding.weight")?;
        for layer in 0..layers {
            let (from, to) = (format!("decoder/layer_{layer}"), format!("decoder.blocks.{layer}"));
            self.self_attention(&from, &to)?;
            self.cross_attention(&from, &to)?;
            self.feed_forward(&from, &to)?;
        }
        self.norm("decoder/layer_norm", "decoder.ln")
    }

    fn self_attention(&mut self, from: &str, to: &str) -> Result<(), Stopped> {
        self.norm(&format!("{from}/self_attention/layer_norm"), &format!("{to}.attn_ln"))?;
        let to = format!("{to}.attn");
        self.fused(&format!("{from}/self_attention/linear_0"), &to, &["query", "key", "value"])?;
        self.linear(&format!("{from}/self_attention/linear_1"), &format!("{to}.out"))
    }

    fn cross_attention(&mut self, from: &str, to: &str) -> Result<(), Stopped> {
        self.norm(&format!("{from}/attention/layer_norm"), &format!("{to}.cross_attn_ln"))?;
        let to = format!("{to}.cross_attn");
        self.linear(&format!("{from}/attention/linear_0"), &format!("{to}.query"))?;
        self.fused(&format!("{from}/attention/linear_1"), &to, &["key", "value"])?;
        self.linear(&format!("{from}/attention/linear_2"), &format!("{to}.out"))
    }

    fn feed_forward(&mut self, from: &str, to: &str) -> Result<(), Stopped> {
        self.norm(&format!("{from}/ffn/layer_norm"), &format!("{to}.mlp_ln"))?;
        self.linear(&format!("{from}/ffn/linear_0"), &format!("{to}.mlp.0"))?;
        self.linear(&format!("{from}/ffn/linear_1"), &format!("{to}.mlp.2"))
    }

    fn norm(&mut self, from: &str, to: &str) -> Result<(), Stopped> {
        self.singles(&format!("{from}/gamma"), &format!("{to}.weight"))?;
        self.singles(&format!("{from}/beta"), &format!("{to}.bias"))
    }

    fn linear(&mut self, from: &str, to: &str) -> Result<(), Stopped> {
        self.matrix(&format!("{from}/weight"), &format!("{to}.weight"))?;
        self.singles(&format!("{from}/bias"), &format!("{to}.bias"))
    }

    fn singles(&mut self, from: &str, to: &str) -> Result<(), Stopped> {
        let variable = self.model.variable(from)?;
        Ok(self.out.singles(to, variable.shape(), &variable.values()?)?)
    }

    fn matrix(&mut self, from: &str, to: &str) -> Result<(), Stopped> {
        let variable = self.model.variable(from)?;
        let (rows, columns) = self.matrix_shape(variable)?;
        self.rows(to, rows, columns, &variable.values()?)
    }

    fn matrix_shape(&self, variable: &Variable<'_>) -> Result<(usize, usize), TranscriptionError> {
        match *variable.shape() {
            [rows, columns] if self.quantization == Quantization::F16 || columns % BLOCK == 0 => {
                Ok((rows, columns))
            }
            ref shape => Err(variable
                .refuse(format!("shape {shape:?} is not a matrix with rows of whole blocks"))),
        }
    }

    fn rows(
        &mut self,
        to: &str,
        rows: usize,
        columns: usize,
        values: &[f32],
    ) -> Result<(), Stopped> {
        let mut data = Vec::with_capacity(values.len() * 2);
        self.quantization.encode(values, &mut data);
        Ok(self.out.tensor(to, &[rows, columns], self.quantization.tensor_type(), &data)?)
    }

    /// Cuts a fused projection into as many equal parts as it has names; a `key` part must have no bias.
    fn fused(&mut self, from: &str, to: &str, parts: &[&str]) -> Result<(), Stopped> {
        let weight = self.model.variable(&format!("{from}/weight"))?;
        let bias = self.model.variable(&format!("{from}/bias"))?;
        let (rows, columns) = self.matrix_shape(weight)?;
        let part_rows = rows / parts.len();
        if part_rows == 0 || part_rows * parts.len() != rows || bias.shape() != [rows] {
            let why = format!("{rows} rows and {:?} biases are not {parts:?}", bias.shape());
            return Err(weight.refuse(why).into());
        }
        let (weights, biases) = (weight.values()?, bias.values()?);
        let cut = weights.chunks(part_rows * columns).zip(biases.chunks(part_rows));
        for (part, (weights, biases)) in parts.iter().zip(cut) {
            self.rows(&format!("{to}.{part}.weight"), part_rows, columns, weights)?;
            if *part != "key" {
                self.out.singles(&format!("{to}.{part}.bias"), &[part_rows], biases)?;
            } else if biases.iter().any(|&b| b != 0.0) {
                return Err(bias.refuse("the key has a bias, ggml has none".to_owned()).into());
            }
        }
        Ok(())
    }

    fn convolution(&mut self, name: &str) -> Result<(), Stopped> {
        let weight = self.model.variable(&format!("encoder/{name}/weight"))?;
        let bias = self.model.variable(&format!("encoder/{name}/bias"))?;
        let ([_, _, _], &[channels]) = (weight.shape(), bias.shape()) else {
            let why = format!("its shape is {:?}", weight.shape());
            return Err(weight.refuse(why).into());
        };
        let mut data = Vec::new();
        Quantization::F16.encode(&weight.values()?, &mut data);
        let kind = Quantization::F16.tensor_type();
        self.out.tensor(&format!("encoder.{name}.weight"), weight.shape(), kind, &data)?;
        Ok(self.out.singles(&format!("encoder.{name}.bias"), &[channels, 1], &bias.values()?)?)
    }
}

#[cfg(test)]
mod tests {
    use super::super::ct2::tests::Writer as Source;
    use super::*;
    use std::collections::BTreeMap;

    const STATE: u32 = 32;
    const VOCABULARY: &str = "!\nĠìķĪ\n<|endoftext|>";

    /// A whole model with one layer a side, state 32, weights that count up.
    fn source(key_bias: f32) -> Vec<u8> {
        let mut out = Source::new();
        let mut floats = |name: &str, shape: &[u32]| {
            let count = shape.iter().product::<u32>();
            let values: Vec<f32> = (0..count).map(|n| (n % 61) as f32 / 4.0 - 7.0).collect();
            out.halves(name, shape, &values);
        };
        for side in ["encoder", "decoder"] {
            floats(&format!("{side}/position_encodings/encodings"), &[4, STATE]);
            for norm in
                ["layer_norm", "layer_0/self_attention/layer_norm", "layer_0/ffn/layer_norm"]
            {
                floats(&format!("{side}/{norm}/gamma"), &[STATE]);
                floats(&format!("{side}/{norm}/beta"), &[STATE]);
            }
            floats(&format!("{side}/layer_0/self_attention/linear_0/weight"), &[3 * STATE, STATE]);
            for (name, rows, columns) in [
                ("self_attention/linear_1", STATE, STATE),
                ("ffn/linear_0", 4 * STATE, STATE),
                ("ffn/linear_1", STATE, 4 * STATE),
            ] {
                floats(&format!("{side}/layer_0/{name}/weight"), &[rows, columns]);
                floats(&format!("{side}/layer_0/{name}/bias"), &[rows]);
            }
        }
        floats("encoder/conv1/weight", &[STATE, 80, 3]);
        floats("encoder/conv1/bias", &[STATE]);
        floats("encoder/conv2/weight", &[STATE, STATE, 3]);
        floats("encoder/conv2/bias", &[STATE]);
        floats("decoder/embeddings/weight", &[10, STATE]);
        floats("decoder/layer_0/attention/layer_norm/gamma", &[STATE]);
        floats("decoder/layer_0/attention/layer_norm/beta", &[STATE]);
        for linear in ["linear_0", "linear_2"] {
            floats(&format!("decoder/layer_0/attention/{linear}/weight"), &[STATE, STATE]);
            floats(&format!("decoder/layer_0/attention/{linear}/bias"), &[STATE]);
        }
        floats("decoder/layer_0/attention/linear_1/weight", &[2 * STATE, STATE]);
        let mut bias = vec![1.0; 3 * STATE as usize];
        bias[32..64].fill(key_bias);
        for side in ["encoder", "decoder"] {
            out.halves(&format!("{side}/layer_0/self_attention/linear_0/bias"), &[96], &bias);
            out.raw(&format!("{side}/num_heads"), &[], 2, &2i16.to_le_bytes());
        }
        out.halves("decoder/layer_0/attention/linear_1/bias", &[64], &bias[32..]);
        out.finish()
    }

    fn converted(bytes: &[u8], quantization: Quantization) -> Result<Vec<u8>, TranscriptionError> {
        let mut out = Vec::new();
        let model = SourceModel::parse(bytes)?;
        match convert(&model, VOCABULARY, quantization, &mut out) {
            Ok(()) => Ok(out),
            Err(Stopped::Source(error)) => Err(error),
            Err(Stopped::Disk(error)) => panic!("{error}"),
        }
    }

    /// Name to (reversed shape, type, data).
    type Tensors = BTreeMap<String, (Vec<i32>, i32, Vec<u8>)>;

    fn read(bytes: &[u8]) -> (Vec<i32>, Tensors) {
        let mut rest = bytes;
        let number = |rest: &mut &[u8]| {
            let (head, tail) = rest.split_at(4);
            *rest = tail;
            i32::from_le_bytes(head.try_into().unwrap())
        };
        let head = (0..14).map(|_| number(&mut rest)).collect();
        rest = &rest[80 * 201 * 4..];
        for _ in 0..number(&mut rest) {
            let length = number(&mut rest) as usize;
            rest = &rest[length..];
        }
        let mut tensors = BTreeMap::new();
        while !rest.is_empty() {
            let [rank, name, kind] = [(); 3].map(|()| number(&mut rest));
            let shape: Vec<i32> = (0..rank).map(|_| number(&mut rest)).collect();
            let (text, tail) = rest.split_at(name as usize);
            let count = shape.iter().product::<i32>() as usize;
            let (data, tail) = tail.split_at(match kind {
                0 => count * 4,
                1 => count * 2,
                7 => count / 32 * 24,
                8 => count / 32 * 34,
                _ => panic!("{kind}"),
            });
            rest = tail;
            let name = String::from_utf8(text.to_vec()).unwrap();
            tensors.insert(name, (shape, kind, data.to_vec()));
        }
        (head, tensors)
    }

    #[test]
    fn a_model_of_one_layer_a_side_becomes_all_its_tensors() {
        let (head, tensors) = read(&converted(&source(0.0), Quantization::Q8).unwrap());
        assert_eq!(head[1..], [10, 4, 32, 2, 1, 4, 32, 2, 1, 80, 2007, 80, 201]);
        // Encoder: positions, convolutions, layer, norm. Decoder: positions and embedding, layer, norm.
        assert_eq!(tensors.len(), 1 + 4 + 15 + 2 + 2 + 24 + 2);
        assert_eq!(tensors["encoder.conv1.bias"].0, [1, 32]);
        assert_eq!(tensors["encoder.conv1.weight"].0, [3, 80, 32]);
        assert_eq!(tensors["encoder.conv1.weight"].1, 1);
        assert_eq!(tensors["decoder.token_embedding.weight"].1, 8);
        assert_eq!(tensors["encoder.positional_embedding"].1, 0);
        assert!(!tensors.contains_key("decoder.blocks.0.attn.key.bias"));
        assert!(!tensors.contains_key("decoder.blocks.0.cross_attn.key.bias"));
    }

    #[test]
    fn a_fused_projection_is_cut_into_query_key_and_value() {
        let (_, tensors) = read(&converted(&source(0.0), Quantization::F16).unwrap());
        let part =
            |name: &str| tensors[&format!("encoder.blocks.0.attn.{name}.weight")].2[..2].to_owned();
        // Value n of the fused matrix is (n % 61) / 4 - 7; the parts begin at 0, 1024 and 2048.
        for (name, first) in [("query", 0u16), ("key", 1024), ("value", 2048)] {
            let value = f32::from(first % 61) / 4.0 - 7.0;
            assert_eq!(part(name), super::super::half::narrow(value).to_le_bytes(), "{name}");
        }
    }

    #[test]
    fn a_key_with_a_bias_is_refused_by_name() {
        let refused = converted(&source(0.5), Quantization::Q8).unwrap_err().to_string();
        assert!(refused.contains("encoder/layer_0/self_attention/linear_0/bias"), "{refused}");
    }

    #[test]
    fn conversion_of_the_same_source_gives_the_same_bytes() {
        let bytes = source(0.0);
        for quantization in [Quantization::F16, Quantization::Q8, Quantization::Q5] {
            let (a, b) = (converted(&bytes, quantization), converted(&bytes, quantization));
            assert_eq!(a.unwrap(), b.unwrap());
        }
    }
}
