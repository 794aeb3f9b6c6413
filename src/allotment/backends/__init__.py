"""Workers by choice: what a backend must do, which tasks and lanes a worker takes, and where backends are found."""
