"""Tasks whose message may come twice and whose code is run once: `idempotent:` of the fleet file."""
