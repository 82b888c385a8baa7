"""
Expert layers of transformers' models: which class holds them in which release, and what ZeRO-3 makes of it.

`models.yaml` has what was read in the releases, `table` its form, `blocks` looks into what is made of it.
"""
