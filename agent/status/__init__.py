"""The status page: what the agent sees, what it decided and why it holds, for people and programs; read-only.

Pure, but for `server` (the socket), `local` and `remote` (where `tidemark status` asks).
"""
