"""Moves events from the raw topics to DuckDB. Read ``flow.py`` first; the only package that imports Faust."""
