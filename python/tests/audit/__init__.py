"""Tests of camoverlay-audit."""
