"""What runs jobs: kinds of work, the worker's hold on a row, the sweeper that misses the dead."""
