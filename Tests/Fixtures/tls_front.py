"""TLS in front of servers on the loopback address, until standard input ends.

Usage: tls_front.py FOLDER PORT... writes FOLDER/certificate, a self-signed certificate for 127.0.0.1, and prints one
free port for each PORT: connections to it are passed on, decrypted, to that PORT.
"""

import os
import pathlib
import socket
import ssl
import subprocess
import sys
import threading


def copy(source, target):
    """Passes bytes on until the source ends."""
    try:
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        target.close()


def serve(connection, context, port):
    """Passes one connection on in both directions."""
    try:
        client = context.wrap_socket(connection, server_side=True)
        server = socket.create_connection(("127.0.0.1", port))
    except OSError:
        connection.close()
        return
    threading.Thread(target=copy, args=(client, server), daemon=True).start()
    copy(server, client)


def listen(listener, context, port):
    """Accepts connections until the process ends."""
    while True:
        connection = listener.accept()[0]
        threading.Thread(target=serve, args=(connection, context, port), daemon=True).start()


def main():
    """Announces the ports and serves them."""
    folder = pathlib.Path(sys.argv[1])
    key, certificate = str(folder / "key"), str(folder / "certificate")
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 -subj /CN=x"
    options = ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", certificate]
    subprocess.run(command.split() + options, check=True, stderr=subprocess.DEVNULL)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    for port in sys.argv[2:]:
        listener = socket.create_server(("127.0.0.1", 0))
        print(listener.getsockname()[1], flush=True)
        threading.Thread(target=listen, args=(listener, context, int(port)), daemon=True).start()
    os.close(1)
    sys.stdin.read()


main()
