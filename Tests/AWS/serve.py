"""Runs a command beside moto's server, a fake of AWS, which the command reaches at AWS_TEST_URL.

Usage: serve.py COMMAND... moto does not look at signatures, so a proxy in front of it refuses each request if
its signature is not the one that botocore computes, and the command fails if one was refused or none was made.
"""

import http.client
import http.server
import os
import subprocess
import sys
import threading

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from moto.server import ThreadedMotoServer

# Those of CredentialStoreTests.
KEYS = Credentials("AKIDEXAMPLE", "secret/key+", "tok/en+==")
verdicts = []


def expected(handler, body):
    """The Authorization field that botocore computes for the request, over the fields that were signed."""
    given = handler.headers["Authorization"]
    scope = given.split("Credential=")[1].split(",")[0].split("/")
    names = given.split("SignedHeaders=")[1].split(",")[0].split(";")
    own = ("host", "x-amz-date", "x-amz-security-token")
    fields = {name: handler.headers[name] for name in names if name not in own}
    url = f"http://{handler.headers['Host']}{handler.path}"
    request = AWSRequest(handler.command, url, headers=fields, data=body)
    request.context["timestamp"] = handler.headers["X-Amz-Date"]
    request.headers["X-Amz-Date"] = handler.headers["X-Amz-Date"]
    request.headers["X-Amz-Security-Token"] = KEYS.token
    signer = SigV4Auth(KEYS, scope[3], scope[2])
    names = signer.signed_headers(signer.headers_to_sign(request))
    signature = signer.signature(signer.string_to_sign(request, signer.canonical_request(request)), request)
    return f"AWS4-HMAC-SHA256 Credential={signer.scope(request)}, SignedHeaders={names}, Signature={signature}"


class Proxy(http.server.BaseHTTPRequestHandler):
    """Checks the signature of each request and passes it on."""

    protocol_version = "HTTP/1.1"
    port = 0

    def do_POST(self):
        """Answers as moto does."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        is_right = self.headers["Authorization"] == expected(self, body)
        verdicts.append(is_right)
        status, answer = 403, b'{"__type":"SignatureDoesNotMatch"}'
        if is_right:
            connection = http.client.HTTPConnection("127.0.0.1", self.port)
            connection.request("POST", self.path, body, dict(self.headers))
            response = connection.getresponse()
            status, answer = response.status, response.read()
        self.send_response(status)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *arguments):
        """Prints nothing for each request."""


def main():
    """Returns the status of the command, or 1."""
    moto = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    moto.start()
    Proxy.port = moto.get_host_and_port()[1]
    proxy = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Proxy)
    threading.Thread(target=proxy.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{proxy.server_port}"
    status = subprocess.run(sys.argv[1:], env={**os.environ, "AWS_TEST_URL": url}, check=False).returncode
    print(f"{len(verdicts)} signed requests, {verdicts.count(False)} with another signature than botocore's")
    moto.stop()
    return status or int(not verdicts or not all(verdicts))


sys.exit(main())
