"""Stories: reports of one happening, told apart from reports of others, with what they agree and disagree on."""
