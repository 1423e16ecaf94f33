"""What a classifier looks at in all pictures of a data set, and what of that should make one think.

`camoverlay-audit run` explains every picture and writes rows, `report` makes of the rows a page with what is suspicious first,
`export` hands them on. The order of work, and the modules:

    inputs ──▶ listing ──▶ shard ──▶ rows (Parquet) ──▶ report
               (a row a picture)  by work, a process a core

Whoever shares out the work otherwise calls `shard.make_shard` with the folder and the number of a shard.
"""
