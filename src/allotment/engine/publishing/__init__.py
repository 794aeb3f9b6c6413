"""Publishing that never hangs and loses nothing in silence: each message is taken, or an error says that it was not."""
