"""Who runs in a race. A function here prepares, and returns a lap: a function that measures one unit."""
