//! Recordings as samples.

use super::error::StoreError;
use super::open::Store;
use crate::domain::ids::CallId;
use crate::domain::wav::Wav;

/// The two channels of a recording, 8 kHz, of one length and on one clock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Samples {
    /// What we sent.
    pub sent: Vec<i16>,
    /// What we received.
    pub received: Vec<i16>,
}

impl Store {
    /// The samples of a call's recording; `None` if no audio was kept.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if the call has no record; [`StoreError::Io`] if the file is gone;
    /// [`StoreError::Corrupt`] if it is not what the recorder writes.
    pub async fn samples(&self, call: CallId) -> Result<Option<Samples>, StoreError> {
        let Some(audio) = self.audio(call).await? else { return Ok(None) };
        let bytes = tokio::fs::read(&audio.wav).await.map_err(|source| StoreError::Io {
            doing: "read",
            path: audio.wav.clone(),
            source,
        })?;
        let bad =
            |why: String| StoreError::Corrupt { what: "recording", name: call.to_string(), why };
        let wav = Wav::parse(&bytes).map_err(|error| bad(error.to_string()))?;
        match <[Vec<i16>; 2]>::try_from(wav.channels) {
            Ok([sent, received]) => Ok(Some(Samples { sent, received })),
            Err(channels) => Err(bad(format!("{} channels instead of 2", channels.len()))),
        }
    }
}
