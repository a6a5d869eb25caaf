"""Receipts: what was erased where, what was kept and why, signed by this installation, without a word of whom it was of.

The signature is Ed25519 over the canonical JSON of all the rest. Its key is derived from the installation's key for secrets, which is
never in the database. Whom a receipt is of is in it as keyed hashes: who has that key, and knows an address, is told whether it was erased.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from remit.errors import UserError
from remit.settings import Settings
from remit.store.secrets import key_of

if TYPE_CHECKING:  # loaded where something is signed
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

Json = Any
Receipt = Mapping[str, Json]
WHAT = "erasure of a person"
FORMAT = 1


class NotGenuine(UserError):
    """A receipt that is none, that was changed, or that another installation has signed."""


@dataclass(frozen=True, slots=True)
class Signer:
    """What this installation signs with. `name`: its public key, in base64."""

    key: Ed25519PrivateKey

    @property
    def name(self) -> str:
        from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

        return base64.b64encode(self.key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)).decode()


def signer(settings: Settings) -> Signer:
    """Raises UserError where the key cannot be had."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    seed = HKDF(SHA256(), 32, None, b"remit receipts").derive(key_of(settings, make=True))
    return Signer(Ed25519PrivateKey.from_private_bytes(seed))


def sign(by: Signer, said: Receipt) -> dict[str, Json]:
    whole = {"receipt": WHAT, "format": FORMAT, **said, "key": by.name}
    return {**whole, "signature": base64.b64encode(by.key.sign(canonical(whole))).decode()}


def verify(receipt: Json, key: str) -> None:
    """Raises NotGenuine unless whoever has this public key has signed it as it is."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    if not isinstance(receipt, dict) or receipt.get("receipt") != WHAT or receipt.get("format") != FORMAT:
        raise NotGenuine("this is no receipt of an erasure, or one of a newer Remit")
    if receipt.get("key") != key:
        raise NotGenuine(
            f"it was signed by another key ({str(receipt.get('key'))[:44]}) than {key}; where you know that one to be right, give it with --key"
        )
    said = {name: value for name, value in receipt.items() if name != "signature"}
    try:
        public = Ed25519PublicKey.from_public_bytes(base64.b64decode(key, validate=True))
        public.verify(base64.b64decode(str(receipt.get("signature")), validate=True), canonical(said))
    except (InvalidSignature, binascii.Error, ValueError) as error:
        raise NotGenuine("its signature is not of what it says: it was changed, or is none") from error


def canonical(said: Receipt) -> bytes:
    return json.dumps(said, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode()


def sealed_form(receipt: Receipt) -> bytes:
    """As it stands in the chain."""
    return hashlib.sha256(canonical(receipt)).digest()
