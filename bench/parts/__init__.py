"""What can be measured: a file each, with `rows()` that measures it.

A part that needs Flux says in SKIPPED why it did not run.
"""
