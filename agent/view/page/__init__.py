"""A page of what people are shown, in blocks of HTML. Pure: a view in, text out; it is served elsewhere."""
