"""dogjax: trains a small network on frames bit for bit, and explains its validation curve."""

__version__ = "0.2.0"
