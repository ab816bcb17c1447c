"""names.py NAME: a name server on 127.0.0.1, port 53, which knows one name: that of 127.0.0.1 (RFC 1035)."""

import socket
import struct
import sys

known = b"".join(bytes([len(part)]) + part for part in sys.argv[1].encode().split(b".")) + b"\0"
channel = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
channel.bind(("127.0.0.1", 53))
while True:
    query, client = channel.recvfrom(512)
    end = query.index(b"\0", 12) + 1
    name, kind = query[12:end].lower(), struct.unpack("!H", query[end : end + 2])[0]
    answer = b""
    if name == known and kind == 1:
        # A pointer to the name, type A, class IN, 60 s, four bytes.
        answer = b"\xc0\x0c" + struct.pack("!HHIH", 1, 1, 60, 4) + bytes([127, 0, 0, 1])
    flags = 0x8580 if name == known else 0x8583
    head = query[:2] + struct.pack("!HHHHH", flags, 1, 1 if answer else 0, 0, 0)
    channel.sendto(head + query[12 : end + 4] + answer, client)
