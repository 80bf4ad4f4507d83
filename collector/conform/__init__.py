"""`cellwarden-collector conform`: what docs/wire-format.md asks of any collector, asked by agents that are
played. Courses are pure: they say what to post and judge what is answered; `run` alone speaks HTTP.
"""
