"""
How a run over several machines is started, judged as the installed DeepSpeed would judge it before it starts.

`hostfile`, `filters` and `deepspeed_env` read what one release of the launcher reads, `plan` puts them
together, `accelerate` looks at the YAML by which accelerate starts DeepSpeed; `command` is
`envcheck hostfile`.
"""
