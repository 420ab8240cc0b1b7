//! Campaigns and the centers they may call.

use super::error::{StoreError, While as _};
use super::open::Store;
use super::rows::{column, corrupt, from_json, to_json, wall_time};
use crate::domain::ids::{CampaignId, CenterId};
use crate::domain::plan::Center;
use crate::domain::time::WallTime;
use sqlx::error::DatabaseError;
use sqlx::sqlite::SqliteRow;

/// A campaign as stored.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredCampaign {
    /// Its identifier.
    pub id: CampaignId,
    /// Its specification, as it was when the campaign was planned.
    pub spec: serde_json::Value,
    /// The seed of its plan.
    pub seed: u64,
    /// When it was planned.
    pub created: WallTime,
}

impl StoredCampaign {
    fn from_row(row: &SqliteRow) -> Result<Self, StoreError> {
        let id: String = column(row, "id")?;
        Ok(Self {
            spec: from_json("specification", &id, column(row, "spec")?)?,
            seed: column::<i64>(row, "seed")?.cast_unsigned(),
            created: wall_time(column(row, "created")?)?,
            id: CampaignId::new(id).map_err(|e| corrupt("campaign", &e.name, &e))?,
        })
    }
}

impl Store {
    /// Stores a new campaign and its centers.
    ///
    /// # Errors
    /// [`StoreError::Exists`] if there is one of that name.
    pub async fn create_campaign(
        &self,
        campaign: &StoredCampaign,
        centers: &[Center],
    ) -> Result<(), StoreError> {
        let id = campaign.id.as_str();
        let mut writing = self.writing().await?;
        sqlx::query("INSERT INTO campaign (id, spec, seed, created) VALUES (?, ?, ?, ?)")
            .bind(id)
            .bind(campaign.spec.to_string())
            .bind(campaign.seed.cast_signed())
            .bind(campaign.created.0.to_string())
            .execute(&mut *writing)
            .await
            .map_err(|e| exists("campaign", id, e))?;
        for (position, center) in centers.iter().enumerate() {
            let name = center.id.as_str();
            sqlx::query("INSERT INTO center (campaign, id, position, center) VALUES (?, ?, ?, ?)")
                .bind(id)
                .bind(name)
                .bind(position as i64)
                .bind(to_json("center", name, center)?)
                .execute(&mut *writing)
                .await
                .map_err(|e| exists("center", name, e))?;
        }
        writing.commit().await.doing("storing a campaign")
    }

    /// A campaign.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if there is none of that name.
    pub async fn campaign(&self, id: &CampaignId) -> Result<StoredCampaign, StoreError> {
        let row = sqlx::query("SELECT * FROM campaign WHERE id = ?")
            .bind(id.as_str())
            .fetch_optional(self.pool())
            .await
            .doing("reading a campaign")?;
        let row = row.ok_or_else(|| not_found("campaign", id.as_str()))?;
        StoredCampaign::from_row(&row)
    }

    /// All campaigns, newest first.
    ///
    /// # Errors
    /// If the database fails or cannot be read back.
    pub async fn campaigns(&self) -> Result<Vec<StoredCampaign>, StoreError> {
        let rows = sqlx::query("SELECT * FROM campaign ORDER BY created DESC, id")
            .fetch_all(self.pool())
            .await
            .doing("listing campaigns")?;
        rows.iter().map(StoredCampaign::from_row).collect()
    }

    /// The centers of a campaign, in the order of its specification.
    ///
    /// # Errors
    /// If the database fails or cannot be read back.
    pub async fn centers(&self, campaign: &CampaignId) -> Result<Vec<Center>, StoreError> {
        let rows =
            sqlx::query("SELECT id, center FROM center WHERE campaign = ? ORDER BY position")
                .bind(campaign.as_str())
                .fetch_all(self.pool())
                .await
                .doing("listing centers")?;
        rows.iter()
            .map(|row| from_json("center", column(row, "id")?, column(row, "center")?))
            .collect()
    }

    /// One center of a campaign.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if the campaign has no such center.
    pub async fn center(
        &self,
        campaign: &CampaignId,
        center: &CenterId,
    ) -> Result<Center, StoreError> {
        let text: Option<String> =
            sqlx::query_scalar("SELECT center FROM center WHERE campaign = ? AND id = ?")
                .bind(campaign.as_str())
                .bind(center.as_str())
                .fetch_optional(self.pool())
                .await
                .doing("reading a center")?;
        let text = text.ok_or_else(|| not_found("center", center.as_str()))?;
        from_json("center", center.as_str(), &text)
    }
}

/// There is no such thing.
pub(super) fn not_found(what: &'static str, name: &str) -> StoreError {
    StoreError::NotFound { what, name: name.to_owned() }
}

/// A failed insert, told apart: the name is taken, or the database failed.
pub(super) fn exists(what: &'static str, name: &str, error: sqlx::Error) -> StoreError {
    if error.as_database_error().is_some_and(<dyn DatabaseError>::is_unique_violation) {
        StoreError::Exists { what, name: name.to_owned() }
    } else {
        StoreError::Database { doing: "storing", source: error }
    }
}
