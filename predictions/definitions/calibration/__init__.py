"""The calibration set: public predictions and test claims that public data decide, with known outcomes.

See docs/calibration.md. It is loaded where ``DUALTRACK_DEFINITIONS`` names it; files are read in order of their names.
"""
