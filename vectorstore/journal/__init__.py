"""The journal: what every write changed, durable before Milvus hears of it."""
