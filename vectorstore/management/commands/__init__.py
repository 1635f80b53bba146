"""Each command calls a service or prepares the machine; none holds rules of its own."""
