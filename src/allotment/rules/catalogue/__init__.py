"""The rules: one module each, with its page beside it. The folder is walked; there is no list to add a rule to."""
