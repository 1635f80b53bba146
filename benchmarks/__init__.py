"""What the product costs beside Milvus itself: ``python -m benchmarks`` measures both in one run."""
