"""What people ask an archive: a table of questions, and one way to ask each, whatever asks."""
