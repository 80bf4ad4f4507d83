"""The reference receiver of cellwarden batches."""
