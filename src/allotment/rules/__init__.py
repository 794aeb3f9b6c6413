"""What experience says against a fleet: rules, what they find, and how it is mended or ignored."""
