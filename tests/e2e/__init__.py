"""The whole program: real windows, engines, database files, a real host and the real node."""
