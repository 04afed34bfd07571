"""dogjax: train a small network on frames of dog videos, bit for bit, and explain its validation curve."""
