"""Publishers write the raw topics; they import schemas only."""
