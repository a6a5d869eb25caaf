"""What the page says where readers say what they want, by language. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Words:
    """`{what}` stands for a purpose and a channel, `{to}` for whose address it is."""

    lang: str
    title: str
    ask: str
    left: str
    more: str
    gone: str
    leave: str
    choose: str
    keep: str
    kept: str
    all: str
    nothing: str
    cut_off: str
    not_now: str
    too_many: str
    purposes: Mapping[str, str]
    channels: Mapping[str, str]
    choices: Mapping[str, str]
    tracking: Mapping[str, str]

    def purpose(self, name: str) -> str:
        return self.purposes.get(name, name)

    def channel(self, name: str) -> str:
        return self.channels.get(name, name)

    def choice(self, purpose: str, name: str) -> str:
        return (self.tracking if purpose == "tracking" else self.choices)[name]


EN = Words(
    lang="en", title="What you get from us", ask="Unsubscribe?", left="Unsubscribed",
    more="This ends {what} to {to}.", gone="There will be no more {what} to {to}.", leave="Unsubscribe", choose="Or choose what you get",
    keep="Save", kept="Saved. It holds from the next message on.", all="Only service messages from now on",
    nothing="Nothing here", cut_off="This link was cut off or changed. Copy all of it from the message.",
    not_now="Not now", too_many="Too many links that are none came from here.",
    purposes={
        "marketing": "marketing", "service": "service messages, such as about your orders,",
        "tracking": "whether we may see that you open our mail and follow its links",
    },
    channels={"email": "by email", "sms": "by SMS", "whatsapp": "by WhatsApp", "phone": "by telephone", "slack": "by Slack", "": "on any channel"},
    choices={"yes": "whenever there is something", "week": "at most once a week", "month": "at most once a month", "no": "never"},
    tracking={"yes": "yes", "no": "no"},
)  # fmt: skip
DE = Words(
    lang="de", title="Was Sie von uns bekommen", ask="Abmelden?", left="Abgemeldet",
    more="Damit enden {what} an {to}.", gone="Es kommen keine {what} mehr an {to}.", leave="Abmelden",
    choose="Oder wählen Sie, was Sie bekommen", keep="Speichern", kept="Gespeichert. Es gilt ab der nächsten Nachricht.", all="Ab jetzt nur noch Servicenachrichten",
    nothing="Hier ist nichts", cut_off="Dieser Link wurde abgeschnitten oder verändert. Kopieren Sie ihn ganz aus der Nachricht.",
    not_now="Nicht jetzt", too_many="Von hier kamen zu viele Links, die keine sind.",
    purposes={
        "marketing": "Angebote und Neuigkeiten", "service": "Servicenachrichten, etwa zu Bestellungen,",
        "tracking": "ob wir sehen dürfen, dass Sie unsere Mails öffnen und Links darin folgen",
    },
    channels={"email": "per E-Mail", "sms": "per SMS", "whatsapp": "per WhatsApp", "phone": "per Telefon", "slack": "per Slack", "": "auf jedem Weg"},
    choices={"yes": "wann immer es etwas gibt", "week": "höchstens einmal in der Woche", "month": "höchstens einmal im Monat", "no": "nie"},
    tracking={"yes": "ja", "no": "nein"},
)  # fmt: skip
