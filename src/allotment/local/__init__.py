"""This machine: the state folder, the embedded broker, and the supervisor of the workers that run here."""
