"""Import of files into collections and export of collections into files, streamed and resumable."""
