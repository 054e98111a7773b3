"""An SMTP server that keeps what it takes in a Maildir: smtpd.py PORT MAILDIR [TLS CERTIFICATE KEY USER PASSWORD].

TLS is "starttls", or "smtps" for TLS from the start; with either it asks for a login. It refuses some
readers: nobody@ for good, full@ for now.
"""

import asyncio
import ssl
import sys

from aiosmtpd.handlers import Mailbox
from aiosmtpd.smtp import SMTP, AuthResult


class Handler(Mailbox):
    async def handle_RCPT(self, server, session, envelope, address, options):
        if address.startswith("nobody@"):
            return "550 no such mailbox"
        if address.startswith("full@"):
            return "452 mailbox is full"
        envelope.rcpt_tos.append(address)
        return "250 OK"


async def main(port, maildir, tls=None, certificate=None, key=None, user="", password=""):
    settings = {}
    from_the_start = None
    if tls:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(certificate, key)

        def authenticate(server, session, envelope, mechanism, data):
            fits = (data.login, data.password) == (user.encode(), password.encode())
            return AuthResult(success=fits, handled=False)

        settings = {
            "auth_required": True,
            "authenticator": authenticate,
        }
        if tls == "starttls":
            settings |= {"tls_context": context, "require_starttls": True}
        else:
            # It knows of no TLS but what it began itself.
            settings |= {"auth_require_tls": False}
            from_the_start = context
    handler = Handler(maildir)
    server = await asyncio.get_running_loop().create_server(
        lambda: SMTP(handler, hostname="localhost", **settings),
        "127.0.0.1",
        int(port),
        ssl=from_the_start,
    )
    async with server:
        await server.serve_forever()


asyncio.run(main(*sys.argv[1:]))
