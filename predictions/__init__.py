"""Predictions as data: definitions in YAML, compiled to SQL over the typed views, folded into a history of states."""
