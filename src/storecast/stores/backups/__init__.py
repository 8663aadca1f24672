"""Backups: captured while others write, sealed in chunks, kept in a folder or in S3, put back whole."""
