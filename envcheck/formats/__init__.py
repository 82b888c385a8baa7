"""
The forms a report is written in: one module each, and one line in `run.FORMATS`.
"""
