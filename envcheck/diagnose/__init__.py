"""
`envcheck diagnose`: from a log, a traceback or a trainer_state.json back to the entries that explain it.

Read (`lines`), filtered (`shapes`), taken in record by record (`records`, `patterns`) and line by line
(`events`, `errors`), judged (`proofs`), put beside the matrix (`answer`) and written (`report`, `as_json`).

The JSON that `--format json` writes, schema `envcheck-diagnosis/1` (fields may be added, none changes its
meaning; with `--follow` one object a line, whenever something new is found and at the end):

- `schema`, `envcheck` (version), `matrix` (as in `envcheck-report/1`)
- `log`: `origin`, `lines`, `bytes`, `records` (training records), `evaluations`, `runs`, `ranks` (processes
  that wrote records), `written_by` (programs, as text), `versions` (packages, as the log names them),
  `python`, `deepspeed_config` (whether the log holds it)
- `environment`: `origin`, `kind` (`log`: known from the log alone), `python`, `packages`, `remarks` (where
  log and environment disagree); null: none is known
- `verdict`: `found` | `nothing-found` | `not-recognised`
- `proofs`: of the last run and of the log as a whole, each with `id`, `certainty` (`certain` | `likely` |
  `note`), `severity` (`error` | `warning` | `info`), `title`, `facts`, `symptoms` (the matrix's words), `at`
  (`line`, and for a record `record`, `step`, `epoch`; null: no place) and `count`
- `earlier`: `run` (number) and `proofs` of runs before the last one
- `exceptions` (that ended the run) and `survived` (after which it went on): `text`, `line`, `count`
- `explanations`: entries of the matrix in the order in which to look, each with `id`, `title`, `severity`,
  `silent`, `status` (`hits`: its conditions hold here | `may-hit`: some aren't known | `unknown`: the
  versions of its packages aren't | `misses`: they don't hold), `matched` (symptoms), `line` (of the error
  text, or null), `packages`, `because`, `against`, `verify`, `why`, `fixes` (as in the matrix), `evidence`
- `others`: ids of entries with the same symptoms that don't hold here, as far as is known
- `first` (what to do), `command` (for a shell; may be empty), `experiments` (what decides, cheapest first)
"""
