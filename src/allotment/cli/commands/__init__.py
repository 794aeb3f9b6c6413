"""One file a command, each with its click command in `command`."""
