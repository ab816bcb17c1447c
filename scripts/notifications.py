"""notifications.py PATH: plays systemd: prints what a service sends to the socket at PATH (sd_notify(3))."""

import os
import socket
import sys

channel = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
channel.bind(sys.argv[1])
os.chmod(sys.argv[1], 0o777)
while True:
    print(channel.recv(4096).decode(), flush=True)
