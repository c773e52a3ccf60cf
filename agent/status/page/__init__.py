"""The state as a page: HTML that is whole without script, from a tree that escapes whatever is put into it."""

from __future__ import annotations

from agent.status.page.document import SECURITY_POLICY, document, waiting

__all__ = ["SECURITY_POLICY", "document", "waiting"]
