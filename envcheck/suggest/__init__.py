"""
Suggestions: what to change so that nothing is wrong any more.

`order` asks an advisor for each kind of them: the smallest change of versions (`search`, within what
`choices` leaves to each package and `limits` to each part of the search), settings, a known-good set,
removal, and what single entries recommend (`cures`). Where nothing helps, `obstacles` says why.
"""
