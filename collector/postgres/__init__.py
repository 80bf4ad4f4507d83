"""A collector's sink in a PostgreSQL database: its tables, what writes them, and what reads them."""
