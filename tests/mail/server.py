"""A mail server for tests, by aiosmtpd: writes each mail that it accepts to a folder.

    server.py FOLDER [--auth USER PASSWORD] [--tls CERT KEY]

The first line on stdout is its port. While FOLDER/mood exists, what stands in it says how mails fare:
    rcpt 550    the recipient is refused so
    data 451    the content is refused so
    close       the connection is closed instead of an answer to the content
    greet       the connection is closed at once
    lose        the content is accepted, and the connection closed before the answer
"""

import argparse
import asyncio
import itertools
import pathlib
import ssl

from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword

parser = argparse.ArgumentParser()
parser.add_argument("folder", type=pathlib.Path)
parser.add_argument("--auth", nargs=2)
parser.add_argument("--tls", nargs=2)
options = parser.parse_args()
count = itertools.count(1)


def mood():
    try:
        return (options.folder / "mood").read_text().split()
    except FileNotFoundError:
        return [""]


def keep(envelope):
    name = f"{next(count):06}"
    draft = options.folder / f"{name}.draft"
    head = f"X-Envelope-To: {envelope.rcpt_tos[0]}\r\nX-Envelope-From: {envelope.mail_from}\r\n"
    draft.write_bytes(head.encode() + envelope.content)
    # Whoever looks sees whole mails only.
    draft.rename(options.folder / f"{name}.eml")


class Handler:
    async def handle_RCPT(self, server, session, envelope, address, rcpt_options):
        if mood()[0] == "rcpt":
            return f"{mood()[1]} not this one"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        match mood()[0]:
            case "data":
                return f"{mood()[1]} not now"
            case "close":
                server.transport.abort()
                return "451 closed"
            case "lose":
                keep(envelope)
                server.transport.abort()
                return "451 closed"
        keep(envelope)
        return "250 kept"


class Server(SMTP):
    def connection_made(self, transport):
        if mood()[0] == "greet":
            transport.abort()
            return
        super().connection_made(transport)


def authenticate(server, session, envelope, mechanism, data):
    known = isinstance(data, LoginPassword) and [data.login.decode(), data.password.decode()]
    return AuthResult(success=known == options.auth, handled=False)


def connection():
    tls = None
    if options.tls:
        tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        tls.load_cert_chain(*options.tls)
    return Server(
        Handler(),
        hostname="localhost",
        tls_context=tls,
        require_starttls=bool(tls),
        authenticator=authenticate if options.auth else None,
        auth_required=bool(options.auth),
        auth_require_tls=bool(tls),
    )


async def main():
    server = await asyncio.get_running_loop().create_server(connection, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


asyncio.run(main())
