"""dualtrack: AI-industry signals from Kafka to DuckDB, and predictions tracked with evidence."""
