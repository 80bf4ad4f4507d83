"""Getting batches to collectors."""
