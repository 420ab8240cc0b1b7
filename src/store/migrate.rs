//! The formats of the database: migrations are only added, never edited.

use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::{AssertSqlSafe, SqlSafeStr};

/// `PRAGMA application_id` of our databases.
pub(super) const APPLICATION: i64 = 1_129_337_426;
/// `PRAGMA user_version` after the last migration.
pub(super) const FORMAT: i64 = 1;

const MIGRATIONS: &[(i64, &str, &str)] =
    &[(1, "ledger", include_str!("migrations/sqlite/0001_ledger.sql"))];

/// Brings an empty or older database up to [`FORMAT`].
pub(super) fn migrator() -> Migrator {
    let migrations = MIGRATIONS
        .iter()
        .map(|&(version, name, sql)| {
            let sql = AssertSqlSafe(sql).into_sql_str();
            Migration::new(version, name.into(), MigrationType::Simple, sql, false)
        })
        .collect();
    Migrator::with_migrations(migrations)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_migration_sets_the_known_format() {
        let (version, _, sql) = MIGRATIONS.last().unwrap();
        assert_eq!(*version, FORMAT);
        assert!(sql.contains(&format!("PRAGMA user_version = {FORMAT};")));
        assert!(MIGRATIONS[0].2.contains(&format!("PRAGMA application_id = {APPLICATION};")));
    }
}
