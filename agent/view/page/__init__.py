"""The view of a site as blocks of HTML. Pure: a view in, text out; `agent.web` serves it."""
