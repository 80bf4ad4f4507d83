"""What became of a unit's values in each minute and hour: made from stored frames, and from nothing else."""
