"""A collector's sink in one SQLite database: its tables, what writes them, and what reads them."""
