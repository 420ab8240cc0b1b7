//! What can go wrong in hearing: only the weights of the voice model come from outside.

/// The voice model could not be used.
#[derive(Debug, thiserror::Error)]
pub enum HearingError {
    /// The bytes are no safetensors file.
    #[error(
        "the voice model is not a safetensors file; fetch it again with `callprobe models fetch`"
    )]
    NotSafetensors(#[source] safetensors::SafeTensorError),
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
