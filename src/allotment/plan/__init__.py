"""From the model to the plan: which task goes where, who may take it, and the proof that it is so. Pure."""
