"""Tools of MCP servers: pinned by the hash of their definition, labelled by a declaration, called under the gate.

What a server says is untrusted. A person reads its descriptions when they pin them; its hints on what a tool does are never
read. definition.py: what is pinned; schema.py: the part of a schema that can be checked safely; session.py: a run's
conversation with a server; stdio.py and web.py: the two ways to one; offer.py: the tools that come of it.
"""
