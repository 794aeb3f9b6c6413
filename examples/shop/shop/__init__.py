"""A small print shop: customers send a picture and say what to print it on."""
