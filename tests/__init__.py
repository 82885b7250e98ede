"""Tests of Channels Desktop."""
