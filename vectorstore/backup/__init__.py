"""Backup sets: where they are kept, what they are made of, how they are read, verified and thinned out."""
