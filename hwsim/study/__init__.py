"""Many designs: axes, runs, fronts."""
