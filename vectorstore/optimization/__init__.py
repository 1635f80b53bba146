"""What makes the gateway fast without changing an answer."""
