"""The status page: read-only, one file, nothing from anywhere else."""
