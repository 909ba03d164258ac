"""The nouns of dualtrack: events, envelope, records, outcomes and topics. Imports pydantic only."""
