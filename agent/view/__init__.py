"""The view of a site, the same on the page and in the terminal. Pure: JSON in, JSON out."""
