//! What is derived from records: fingerprints, hearing, transcripts, prompts. May be made again at any time.

use super::error::{StoreError, While as _};
use super::open::Store;
use super::rows::{call_id, column, from_json, to_json};
use crate::clock;
use crate::domain::ids::{CallId, CampaignId, CenterId, ContentHash};
use crate::domain::prompt::PromptRecord;
use crate::domain::segment::Hearing;
use crate::domain::transcript::Transcript;
use std::fmt;

/// What made a derived thing, with its version, for example `fingerprint/1`: another version makes another row.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Producer(String);

impl Producer {
    /// A producer: its name and the version of its result.
    pub fn new(name: &str, version: u32) -> Self {
        Self(format!("{name}/{version}"))
    }

    /// Name and version.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Producer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn made() -> i64 {
    clock::wall().0.as_microsecond()
}

impl Store {
    /// Stores the fingerprints of a call.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn put_fingerprints(
        &self,
        call: CallId,
        producer: &Producer,
        prints: &[u8],
    ) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT OR REPLACE INTO fingerprints (call, producer, prints) VALUES (?, ?, ?)",
        )
        .bind(call.to_string())
        .bind(producer.as_str())
        .bind(prints)
        .execute(self.pool())
        .await
        .doing("storing fingerprints")?;
        Ok(())
    }

    /// Fingerprints of all calls of a center in a campaign, oldest call first.
    ///
    /// # Errors
    /// If the database fails or cannot be read back.
    pub async fn fingerprints_of_center(
        &self,
        campaign: &CampaignId,
        center: &CenterId,
        producer: &Producer,
    ) -> Result<Vec<(CallId, Vec<u8>)>, StoreError> {
        let rows = sqlx::query(
            "SELECT call, prints FROM fingerprints JOIN attempt USING (call) JOIN unit ON unit.id = unit \
             WHERE campaign = ? AND center = ? AND producer = ? ORDER BY call",
        )
        .bind(campaign.as_str())
        .bind(center.as_str())
        .bind(producer.as_str())
        .fetch_all(self.pool())
        .await
        .doing("reading fingerprints")?;
        rows.iter().map(|r| Ok((call_id(column(r, "call")?)?, column(r, "prints")?))).collect()
    }

    /// Fingerprints of the newest `limit` calls of a center in all campaigns, oldest call first.
    ///
    /// # Errors
    /// If the database fails or cannot be read back.
    pub async fn newest_fingerprints(
        &self,
        center: &CenterId,
        producer: &Producer,
        limit: u32,
    ) -> Result<Vec<(CallId, Vec<u8>)>, StoreError> {
        // Identifiers of calls are ordered in time.
        let rows = sqlx::query(
            "SELECT call, prints FROM fingerprints JOIN attempt USING (call) JOIN unit ON unit.id = unit \
             WHERE center = ? AND producer = ? ORDER BY call DESC LIMIT ?",
        )
        .bind(center.as_str())
        .bind(producer.as_str())
        .bind(limit)
        .fetch_all(self.pool())
        .await
        .doing("reading fingerprints")?;
        let newest = rows.iter().rev();
        newest.map(|r| Ok((call_id(column(r, "call")?)?, column(r, "prints")?))).collect()
    }

    /// Whether any campaign has a center of this name.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn knows_center(&self, center: &CenterId) -> Result<bool, StoreError> {
        let found: Option<i64> = sqlx::query_scalar(
            "SELECT 1 FROM center WHERE id = ?1 UNION SELECT 1 FROM prompt WHERE center = ?1 LIMIT 1",
        )
        .bind(center.as_str())
        .fetch_optional(self.pool())
        .await
        .doing("looking a center up")?;
        Ok(found.is_some())
    }

    /// The names of all centers of all campaigns, in order.
    ///
    /// # Errors
    /// If the database fails or cannot be read back.
    pub async fn center_names(&self) -> Result<Vec<String>, StoreError> {
        sqlx::query_scalar("SELECT DISTINCT id FROM center ORDER BY id")
            .fetch_all(self.pool())
            .await
            .doing("reading the centers")
    }

    /// Stores what was heard in a call.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn put_hearing(
        &self,
        call: CallId,
        producer: &Producer,
        hearing: &Hearing,
    ) -> Result<(), StoreError> {
        let name = call.to_string();
        sqlx::query(
            "INSERT OR REPLACE INTO hearing (call, producer, made, hearing) VALUES (?, ?, ?, ?)",
        )
        .bind(&name)
        .bind(producer.as_str())
        .bind(made())
        .bind(to_json("hearing", &name, hearing)?)
        .execute(self.pool())
        .await
        .doing("storing a hearing")?;
        Ok(())
    }

    /// What was heard in a call, as it was made last; `None` if it was not worked up.
    ///
    /// # Errors
    /// If the database fails or cannot be read back.
    pub async fn hearing(&self, call: CallId) -> Result<Option<Hearing>, StoreError> {
        let name = call.to_string();
        let text: Option<String> = sqlx::query_scalar(
            "SELECT hearing FROM hearing WHERE call = ? ORDER BY made DESC, rowid DESC LIMIT 1",
        )
        .bind(&name)
        .fetch_optional(self.pool())
        .await
        .doing("reading a hearing")?;
        text.map(|t| from_json("hearing", &name, &t)).transpose()
    }

    /// Stores a transcript, keyed by the model that made it.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn put_transcript(
        &self,
        call: CallId,
        transcript: &Transcript,
    ) -> Result<(), StoreError> {
        let name = call.to_string();
        sqlx::query(
            "INSERT OR REPLACE INTO transcript (call, model, made, transcript) VALUES (?, ?, ?, ?)",
        )
        .bind(&name)
        .bind(transcript.model.as_str())
        .bind(made())
        .bind(to_json("transcript", &name, transcript)?)
        .execute(self.pool())
        .await
        .doing("storing a transcript")?;
        Ok(())
    }

    /// The transcript of a call by `model`, or the one made last; `None` if there is none.
    ///
    /// # Errors
    /// If the database fails or cannot be read back.
    pub async fn transcript(
        &self,
        call: CallId,
        model: Option<&ContentHash>,
    ) -> Result<Option<Transcript>, StoreError> {
        let name = call.to_string();
        let text: Option<String> = sqlx::query_scalar(
            "SELECT transcript FROM transcript WHERE call = ?1 AND (?2 IS NULL OR model = ?2) \
             ORDER BY made DESC, rowid DESC LIMIT 1",
        )
        .bind(&name)
        .bind(model.map(ContentHash::as_str))
        .fetch_optional(self.pool())
        .await
        .doing("reading a transcript")?;
        text.map(|t| from_json("transcript", &name, &t)).transpose()
    }

    /// Replaces the recordings known of a center.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn put_prompts(
        &self,
        center: &CenterId,
        prompts: &[PromptRecord],
    ) -> Result<(), StoreError> {
        let mut writing = self.writing().await?;
        sqlx::query("DELETE FROM prompt WHERE center = ?")
            .bind(center.as_str())
            .execute(&mut *writing)
            .await
            .doing("storing prompts")?;
        for prompt in prompts {
            sqlx::query("INSERT INTO prompt (center, prompt, record) VALUES (?, ?, ?)")
                .bind(center.as_str())
                .bind(prompt.prompt.cast_signed())
                .bind(to_json("prompt", center.as_str(), prompt)?)
                .execute(&mut *writing)
                .await
                .doing("storing prompts")?;
        }
        writing.commit().await.doing("storing prompts")
    }

    /// The recordings known of a center.
    ///
    /// # Errors
    /// If the database fails or cannot be read back.
    pub async fn prompts(&self, center: &CenterId) -> Result<Vec<PromptRecord>, StoreError> {
        let texts: Vec<String> =
            sqlx::query_scalar("SELECT record FROM prompt WHERE center = ? ORDER BY prompt")
                .bind(center.as_str())
                .fetch_all(self.pool())
                .await
                .doing("reading prompts")?;
        texts.iter().map(|t| from_json("prompt", center.as_str(), t)).collect()
    }
}
