"""The models a language model is held against, and those that join it with features."""
