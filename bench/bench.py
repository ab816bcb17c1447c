"""The stand of the benchmarks: the program and what is measured beside it, nginx before all, users with tokens."""

import base64
import hashlib
import hmac
import json
import time
import uuid

import processes
import records
import servers
import stand
import transcript


class Bench(stand.Stand):
    """Everything runs and answers once it is made."""

    def __init__(self, binary, beside, user_count, cleanup, through=()):
        super().__init__(binary, cleanup)
        self.through = through  # a command that runs the program
        self.beside = {server.name: server for server in beside}
        names = ["nginx", *self.beside]
        self.ports = {"ours": self.port} | dict(zip(names, stand.free_ports(len(names))))
        self.sql(f"ALTER SYSTEM SET log_line_prefix = '{transcript.PREFIX}'", "SELECT pg_reload_conf()")
        self.environment |= {
            "RESPONDERS": str(servers.RESPONDERS), "THREADS": str(servers.THREADS), "WORKERS": "0",
            "LOG_FORMAT": "json"}
        self.emails = [f"user{number}@example.com" for number in range(user_count)]
        self.tokens = self.make_users()

        self.processes = {"ours": self.start([*self.through, self.binary, "serve"], "ours")}
        self.processes |= {name: server.start(self) for name, server in self.beside.items()}
        folder = self.folder / "nginx/conf"
        site = folder / "flow-manager.conf"
        site.write_text(servers.sites(self, site.read_text(), (folder / "program.conf").read_text()))
        self.processes["nginx"] = self.start_nginx()
        for server, port in self.ports.items():
            self.wait_until_ready(server, port, self.processes[server])

    def responders(self, server):
        """The processes that answer; of the program, its supervisor is none."""
        pid = self.processes[server].pid
        is_program = server == "ours" or isinstance(self.beside.get(server), servers.Program)
        return processes.children(pid) if is_program else processes.family(pid)

    def memory(self, server):
        """MB of all processes of the server."""
        return processes.megabytes(processes.family(self.processes[server].pid))

    def database(self):
        """The processes of Postgres."""
        return processes.family(self.postmaster)

    def services(self):
        """All other processes that belong to the measurement, but for the load generator."""
        return [pid for process in self.processes.values() for pid in processes.family(process.pid)]

    def record(self, server):
        return getattr(self.beside.get(server), "record", records.PROGRAM)

    def empty(self, server):
        """Each round finds the tables as the one before did."""
        record = self.record(server)
        self.sql(*record.empty, "CHECKPOINT", database=record.database)

    def recorded(self, server):
        """How many runs were completed, how many were not (yet), and how many steps are on record."""
        record = self.record(server)
        completed, others, steps = self.sql(record.count, database=record.database).split("|")
        return int(completed), int(others), int(steps)

    def make_users(self):
        """Accounts with a session each; returns a token for each."""
        ids = [(uuid.uuid4(), uuid.uuid4()) for _ in self.emails]
        users = ", ".join(f"('{user}', '{email}', '')" for (user, _), email in zip(ids, self.emails))
        sessions = ", ".join(f"('{session}', '{user}', now() + interval '1 day')" for user, session in ids)
        self.sql(f"INSERT INTO users (id, email, password_hash) VALUES {users}",
                 f"INSERT INTO sessions (id, user_id, expires_at) VALUES {sessions}", "ANALYZE")
        return [self.token(user, session) for user, session in ids]

    def token(self, user, session):
        """An access token as the program signs it."""
        now = int(time.time())
        header = {"alg": "HS256", "typ": "at+jwt", "kid": self.mac(b"access token key id")[:8].hex()}
        claims = {"iss": "flow-manager", "aud": "flow-manager", "sub": str(user), "sid": str(session),
                  "iat": now, "nbf": now, "exp": now + 24 * 3600}
        message = b".".join(base64url(json.dumps(part, separators=(",", ":")).encode()) for part in (header, claims))
        return (message + b"." + base64url(self.mac(message))).decode()

    def mac(self, message):
        return hmac.digest(self.environment["JWT_SECRET_KEY"].encode(), message, hashlib.sha256)


def base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=")
