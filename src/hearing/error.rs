//! What can go wrong in hearing: only weights come from outside.

/// The voice model could not be used.
#[derive(Debug, thiserror::Error)]
pub enum HearingError {
    /// The bytes are no safetensors file.
    #[error(
        "the voice model is not a safetensors file; fetch it again with `callprobe models fetch`"
    )]
    NotSafetensors(#[source] safetensors::SafeTensorError),
    /// Weights of a frame network for other inputs or another layer.
    #[error(
        "the weights of the frame network have {found} bytes instead of {expected}; train them anew with training/frame_network.py"
    )]
    WrongWeights {
        /// Bytes that are there.
        found: usize,
        /// Bytes this version's network has.
        expected: usize,
    },
    /// A tensor is missing.
    #[error(
        "the voice model has no tensor `{name}`; expected `silero_vad_16k.safetensors` of silero-vad 6.2, fetch it with `callprobe models fetch`"
    )]
    MissingTensor {
        /// Its name.
        name: &'static str,
    },
    /// A tensor has another size or type than this version of the network.
    #[error(
        "tensor `{name}` of the voice model holds {found} bytes instead of {expected}; expected `silero_vad_16k.safetensors` of silero-vad 6.2, fetch it with `callprobe models fetch`"
    )]
    WrongTensor {
        /// Its name.
        name: &'static str,
        /// Bytes this network takes (32-bit floats).
        expected: usize,
        /// Bytes that are there.
        found: usize,
    },
}
