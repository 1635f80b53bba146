"""The only code that talks to Milvus and to embedding models."""
