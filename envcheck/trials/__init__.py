"""
Sets of versions that are run for real, and what becomes of that.

A *trial* runs one *cell* (a set of versions) through *stages*, each with an *outcome*; what is left is
a *record*. A check imports nothing of this.
"""
