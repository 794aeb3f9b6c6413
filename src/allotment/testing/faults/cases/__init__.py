"""The cases of the fault matrix. Each module here has `CASES`; there is no list of them elsewhere."""
