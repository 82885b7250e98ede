"""Transcripts: whole engines joined in memory, one test for each numbered workflow."""
