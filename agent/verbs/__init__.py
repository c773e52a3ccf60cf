"""The verbs, one module a family. With `agent.cli` the only modules that print.

Exit codes: 0 done, 1 failed, 2 wrong use or settings. What a verb needs is imported when it is called, so
that `tidemark run`, which becomes the small supervisor process, stays small.
"""
