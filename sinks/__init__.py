"""Where events land and are read from: DuckDB tables and views, snapshots, the alert outbox. Imports schemas only."""
