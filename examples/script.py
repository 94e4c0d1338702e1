"""Connects a number, sends one message and reads the conversation: the gateway without a web server.

    python examples/script.py 5511988887777 "Your order is ready."

It reads the settings of the environment or `.env`. `fivapp-whatsapp simulate` gives it somebody to talk to, at
http://localhost:3001 with the key of CONNECTION_SERVICE_API_KEY; the code is scanned on that page.
"""

import asyncio
import sys
from pathlib import Path

from fivapp_whatsapp import GatewayError, OutgoingMessage, SessionStatus, load_settings, open_gateway
from fivapp_whatsapp.logs import configure_logging

TENANT = "acme"


async def main(to: str, text: str) -> None:
    settings = load_settings()
    configure_logging(settings)  # to stderr, without phones, texts and secrets
    async with open_gateway(settings) as gateway:
        if await gateway.store.tenant(TENANT) is None:
            await gateway.store.add_tenant(TENANT, "Acme")

        view = await gateway.connect(TENANT)
        while view.session.status is not SessionStatus.CONNECTED:
            if view.qr_code:
                Path("qr.html").write_text(f'<img src="{view.qr_code}">')
                print("Scan the code in qr.html")
            await asyncio.sleep(1)
            view = await gateway.status(TENANT)
        print("Connected as", view.session.phone)

        conversation = await gateway.open_conversation(TENANT, to)
        sent = await gateway.send(TENANT, conversation.id, OutgoingMessage(text=text))
        print("The message is", sent.message.status)

        page = await gateway.messages(TENANT, conversation.id)
        for message in reversed(page.items):
            print(f"{message.at:%H:%M} {message.author.kind}: {message.text}")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit('Usage: python examples/script.py 5511988887777 "Your order is ready."')
    try:
        asyncio.run(main(*sys.argv[1:3]))
    except GatewayError as error:
        sys.exit(error.detail)
