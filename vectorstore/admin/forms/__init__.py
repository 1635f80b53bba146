"""Forms of the console, with Unfold's widgets."""
