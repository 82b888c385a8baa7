"""
One DeepSpeed configuration, judged as the installed DeepSpeed would judge it before it runs.

`document` reads the file with its places, `grammar` knows the keys of every release (`keys.yaml`), `values`
what a release takes for a value; `examine` puts them together, and `mend` writes what is wrong anew.
"""
