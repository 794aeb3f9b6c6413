"""The command line: one file a command, views for people and for programs."""
