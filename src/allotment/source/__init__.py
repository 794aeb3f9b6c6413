"""From the text of a file to the model, with a place for every error."""
