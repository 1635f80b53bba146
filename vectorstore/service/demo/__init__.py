"""What the demo collection is made of: the documentation of the standard library of the running Python."""
