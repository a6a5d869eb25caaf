"""Where something of persons may stand: a list that a test holds against the tables that there are. A new table with persons in it
gets its line here, or it is searched like all others for what tells of them."""

from __future__ import annotations

from collections.abc import Mapping

# Rows that are somebody's, by the number of a profile or a person: they go with them.
THEIRS: Mapping[str, tuple[str, ...]] = {
    "contacts": ("profile",),
    "suppressions": ("profile",),
    "leaving": ("profile",),
    "tracked": ("profile",),
    "decisions": ("person",),
    "decision_keys": ("profile",),
    "chat_sessions": ("profile",),
    "takeovers": ("profile",),
    "graph_state": ("profile",),
    "graph_interactions": ("profile",),
    "graph_links": ("a", "b"),
    "graph_memberships": ("profile",),
    "graph_relations": ("a", "b"),
    "graph_profiles": ("id",),
}
# Rows that go with such a row: table -> by which column of theirs, of what
ALONG: Mapping[str, tuple[str, str]] = {
    "decision_acts": ("decision", "decisions"),
    "decision_credits": ("decision", "decisions"),
    "decision_followed": ("decision", "decisions"),
    "chat_messages": ("session", "chat_sessions"),
    "takeover_words": ("takeover", "takeovers"),
    "tracked_hits": ("tracked", "tracked"),
    "graph_inferred": ("interaction", "graph_interactions"),
    "graph_felt": ("interaction", "graph_interactions"),
    "graph_unread": ("interaction", "graph_interactions"),
}
# Rows that name somebody go whole, instead of being rid of the name: they are a copy of what came of that person.
WHOLE = ("graph_rejected", "graph_uploads")
# What people have set up. Where somebody stands in it, that is told, and changed by hand: an agent must not find another address there.
SET_UP = (
    "agents",
    "agent_versions",
    "rule_versions",
    "connections",
    "triggers",
    "webhooks",
    "mailboxes",
    "intakes",
    "playbook_versions",
    "contact_rules",
)
# Not searched, and why.
OTHERS: Mapping[str, str] = {
    "people": "who works here",
    "members": "who works here",
    "agent_roles": "who works here",
    "browsers": "who works here",
    "invitations": "who works here",
    "sessions": "who works here",
    "factors": "who works here",
    "recovery_codes": "who works here",
    "challenges": "who works here",
    "identities": "who works here",
    "errands": "who works here",
    "tokens": "who works here",
    "providers": "sealed, or how people sign in",
    "secrets": "sealed",
    "model_keys": "sealed",
    "workspaces": "names of workspaces",
    "erasures": "says itself whom it is of, sealed, until they are erased",
    "erased": "keyed hashes",
    "chain": "salted hashes",
    "holds": "rules",
    "keeping": "rules",
    "purposes": "rules",
    "graph_gone": "kinds and times",
    "graph_terms": "two numbers",
    "graph_state": "figures by kind and channel",
    "decision_sums": "sums by action and day",
    "graph_felt": "numbers of interactions and figures",
    "graph_read": "a number of each workspace",
    "intent_readers": "which model of each workspace",
    "intents_read": "sums by day",
    "rates": "how often callers may try",
    "sweep_found": "hashes",
    "sweep_used": "hashes",
    "sweeps": "times",
    "spending": "sums by agent",
    "budgets": "sums by agent",
    "purses": "sums by run",
    "retention": "rules",
    "retained": "counts",
    "tombstones": "runs that are gone",
    "remit_migrations": "the schema's own",
    "events": "journals, which have their own way (journals.py)",
    "blobs": "journals, which have their own way (journals.py)",
    "archives": "journals, which have their own way (journals.py)",
}
# Columns with words of a few, which are not searched either: what is read of a million rows takes time
WORDS: Mapping[str, tuple[str, ...]] = {
    "graph_interactions": ("source", "channel", "direction", "kind", "currency"),
    "graph_profiles": ("kind", "shared"),
    "graph_links": ("source", "how", "held"),
    "graph_accounts": ("kind", "shared"),
    "graph_account_links": ("source", "how", "held"),
    "graph_memberships": ("source", "how"),
    "graph_relations": ("source", "how", "kind"),
    "contacts": ("channel", "purpose", "state"),
    "decisions": ("playbook", "stage", "action", "does"),
}
# Columns that say who of those who work here has done something
STAFF = ("by", "who", "deputy", "caller")


def says_who(column: str) -> bool:
    return column in STAFF or column.endswith("_by")
