"""
Runs inside the environment that is tried: a real training, stage by stage.

Nothing here imports envcheck, which isn't installed there: the standard library of Python 3.8 and the
packages under trial are all there is. `main.py` is started as a script.
"""
