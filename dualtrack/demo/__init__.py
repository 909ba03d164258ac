"""The demo: the whole path of an event, real at every station, in one process and under a minute."""
