"""A site's chat: who a visitor is, what they write and are answered, and the widget that shows it."""
