"""The hash chain: what was done, by whom, and proof that nobody has changed the record since."""
