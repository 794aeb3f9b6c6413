"""What a fleet is made of: frozen data, valid from construction."""
