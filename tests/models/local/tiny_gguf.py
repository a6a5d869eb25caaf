"""A real GGUF model of 110 KB: random weights and the control tokens of ChatML. It talks nonsense, quickly."""

from __future__ import annotations

import random
import struct
from pathlib import Path
from typing import Any

WIDTH, INNER, HEADS = 32, 64, 2
SPECIAL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")


def write(path: Path, layers: int = 1) -> Path:
    """`layers`: with many of them it takes its time."""
    tokens = [_printable(byte) for byte in range(256)] + ["ab", *SPECIAL]
    rows = len(tokens)
    facts: dict[str, Any] = {
        "general.architecture": "qwen2",
        "qwen2.block_count": layers,
        "qwen2.context_length": 4096,
        "qwen2.embedding_length": WIDTH,
        "qwen2.feed_forward_length": INNER,
        "qwen2.attention.head_count": HEADS,
        "qwen2.attention.head_count_kv": HEADS,
        "qwen2.attention.layer_norm_rms_epsilon": 1e-6,
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.pre": "qwen2",
        "tokenizer.ggml.tokens": tokens,
        "tokenizer.ggml.token_type": [1] * (rows - len(SPECIAL)) + [3] * len(SPECIAL),
        "tokenizer.ggml.merges": ["a b"],
        "tokenizer.ggml.eos_token_id": rows - 1,
        "tokenizer.ggml.add_bos_token": False,
    }
    names = {
        "token_embd.weight": (WIDTH, rows),
        "output_norm.weight": (WIDTH,),
        "output.weight": (WIDTH, rows),
    }
    block = {
        "attn_norm.weight": (WIDTH,),
        "attn_q.weight": (WIDTH, WIDTH),
        "attn_k.weight": (WIDTH, WIDTH),
        "attn_v.weight": (WIDTH, WIDTH),
        "attn_q.bias": (WIDTH,),
        "attn_k.bias": (WIDTH,),
        "attn_v.bias": (WIDTH,),
        "attn_output.weight": (WIDTH, WIDTH),
        "ffn_norm.weight": (WIDTH,),
        "ffn_gate.weight": (WIDTH, INNER),
        "ffn_up.weight": (WIDTH, INNER),
        "ffn_down.weight": (INNER, WIDTH),
    }
    for layer in range(layers):
        names |= {f"blk.{layer}.{name}": shape for name, shape in block.items()}
    path.write_bytes(_gguf(facts, names))
    return path


def _gguf(facts: dict[str, Any], names: dict[str, tuple[int, ...]]) -> bytes:
    head = b"GGUF" + struct.pack("<IQQ", 3, len(names), len(facts))
    head += b"".join(_text(key) + _value(value) for key, value in facts.items())
    chance = random.Random(0)
    noise = [chance.gauss(0, 0.3) for _ in range(WIDTH * 300)]
    body = b""
    for name, shape in names.items():
        head += _text(name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, 0, len(body))
        count = shape[0] * (shape[1] if len(shape) > 1 else 1)
        start = chance.randrange(len(noise) - count + 1)
        numbers = [1.0] * count if name.endswith("norm.weight") else noise[start : start + count]
        body += struct.pack(f"<{count}f", *numbers)
    return head + b"\0" * (-len(head) % 32) + body


def _value(value: Any) -> bytes:
    """A GGUF value with its type: 4 uint32, 6 float32, 7 bool, 8 string, 9 array."""
    if isinstance(value, bool):
        return struct.pack("<I?", 7, value)
    if isinstance(value, int):
        return struct.pack("<II", 4, value)
    if isinstance(value, float):
        return struct.pack("<If", 6, value)
    if isinstance(value, str):
        return struct.pack("<I", 8) + _text(value)
    items = [_value(one) for one in value]
    kind = struct.pack("<I", 5) if isinstance(value[0], int) else items[0][:4]  # token types are signed
    return struct.pack("<I", 9) + kind + struct.pack("<Q", len(items)) + b"".join(i[4:] for i in items)


def _text(text: str) -> bytes:
    data = text.encode()
    return struct.pack("<Q", len(data)) + data


def _printable(byte: int) -> str:
    """GPT-2's letter for a byte."""
    kept = [*range(33, 127), *range(161, 173), *range(174, 256)]
    return chr(byte) if byte in kept else chr(256 + [b for b in range(256) if b not in kept].index(byte))
