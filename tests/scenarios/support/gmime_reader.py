"""Reads messages from its input (the length on a line, then the octets) and says as JSON how GMime understands each."""

import json
import sys

import gi

gi.require_version("GMime", "3.0")
from gi.repository import GMime  # noqa: E402  (the version is chosen first)


def parts(entity):
    yield entity
    if isinstance(entity, GMime.Multipart):
        for index in range(entity.get_count()):
            yield from parts(entity.get_part(index))
    elif isinstance(entity, GMime.MessagePart):
        inner = entity.get_message()
        if inner is not None and inner.get_mime_part() is not None:
            yield from parts(inner.get_mime_part())


def type_of(part):
    return part.get_content_type().get_mime_type().lower()


def text_of(part):
    memory = GMime.StreamMem.new()
    part.get_content().write_to_stream(memory)
    content = bytes(memory.get_byte_array())
    try:
        text = content.decode(part.get_content_type_parameter("charset") or "us-ascii")
    except (LookupError, UnicodeDecodeError):
        text = content.decode("utf-8", "surrogateescape")
    return text.replace("\r\n", "\n")


def describe(raw):
    message = GMime.Parser.new_with_stream(GMime.StreamMem.new_with_buffer(raw)).construct_message(None)
    top = message.get_mime_part() if message is not None else None
    all_parts = list(parts(top)) if top is not None else []
    texts = [(type_of(part), text_of(part)) for part in all_parts if isinstance(part, GMime.TextPart)]
    return {"structure": [type_of(part) for part in all_parts], "texts": texts}


def main():
    GMime.init()
    while line := sys.stdin.buffer.readline():
        print(json.dumps(describe(sys.stdin.buffer.read(int(line)))), flush=True)


if __name__ == "__main__":
    main()
