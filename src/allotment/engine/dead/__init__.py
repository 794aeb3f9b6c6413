"""Messages that were set aside: reading them, sending them again, and throwing them away."""
