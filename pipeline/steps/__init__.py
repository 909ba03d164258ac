"""The steps of the flow: one verb, one file."""
