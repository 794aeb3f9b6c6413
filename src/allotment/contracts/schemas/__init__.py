"""Whether all that one JSON Schema lets be written is taken by another, and arrives whole."""
