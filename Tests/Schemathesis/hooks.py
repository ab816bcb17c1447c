"""What schemathesis cannot know from the interface's description; scripts/schemathesis sets the environment."""

import functools
import os
import secrets
import subprocess

import requests
import schemathesis


@schemathesis.auth(refresh_interval=None, retry_on=[401, 403])
class Admin:
    """An admin's token. Some of the calls log this admin out, disable, delete or degrade it: then there is another."""

    def __init__(self):
        self.password, self.token = secrets.token_urlsafe(16), None

    def get(self, case, context):
        # A call may be refused although the token is valid.
        if not self.token or not self.is_admin():
            self.token = self.log_in_as_another()
        return self.token

    def is_admin(self):
        return requests.get(address("/api/users?limit=1"), headers=self.header(), timeout=10).status_code == 200

    def set(self, case, data, context):
        case.headers = {**(case.headers or {}), **self.header()}

    def header(self):
        return {"Authorization": f"Bearer {self.token}"}

    def log_in_as_another(self):
        name = f"admin-{secrets.token_hex(8)}@example.com"
        command = [os.environ["PROGRAM"], "user", "add", name, "--admin", "--env-file", os.environ["SETTINGS"]]
        subprocess.run(command, input=self.password, text=True, check=True, stdout=subprocess.DEVNULL)
        body = {"email": name, "password": self.password}
        return requests.post(address("/login"), json=body, timeout=10).json()["access_token"]


def address(path):
    return os.environ["ADDRESS"] + path


@functools.cache
def longest_cursor():
    """The maximum length of a cursor, as the interface's description states it."""
    paths = requests.get(address("/openapi.json"), timeout=10).json()["paths"]
    return next(parameter["schema"]["maxLength"] for operations in paths.values() for operation in operations.values()
                for parameter in operation.get("parameters", []) if parameter.get("name") == "cursor")


@schemathesis.hook
def before_call(context, case, kwargs):
    """Leaves out cursors that could be valid, for only the `next_cursor` of a page is; makes each valid Idempotency-Key
    unique, for no two generated calls are meant as one; and keeps flows that wait from being waited for."""
    if len(str((case.query or {}).get("cursor", ""))) <= longest_cursor():
        (case.query or {}).pop("cursor", None)
    key = (case.headers or {}).get("Idempotency-Key")
    if isinstance(key, str) and 1 <= len(key) <= 200 and all("!" <= character <= "~" for character in key):
        case.headers["Idempotency-Key"] = key + secrets.token_hex(8)
    if case.path == "/flow-manager":
        case.headers = {**(case.headers or {}), "Prefer": "wait=1"}
