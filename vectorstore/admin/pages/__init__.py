"""Pages with templates of their own."""
