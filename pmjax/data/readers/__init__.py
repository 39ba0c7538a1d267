"""Readers: one format a file, each from bytes to arrays with every fault told in one line."""
