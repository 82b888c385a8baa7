"""
What checks can say by themselves, in one table (`checks.yaml`), which they read and `explain` shows.

It knows nothing of the checks; they look up their rows by id (`known`).
"""
