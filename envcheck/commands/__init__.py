"""
The command line: every command, its options and its help, as typer sees them.

`app` puts them together and runs them; `checking`, `trying`, `knowledge` and `keeping` declare them, with
the help of `declared`. A command here only reads its arguments and returns the action; it is run outside of
typer, which would turn a reader that has gone into exit code 1, the code for findings.
"""
