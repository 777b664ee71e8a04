"""Tokenizers of each kind, and the store of what they make."""
