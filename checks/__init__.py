"""Data quality: rules over micro-batches. The only importer of great_expectations, and that not before ``open()``."""
