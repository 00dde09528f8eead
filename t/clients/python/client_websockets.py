"""The websockets package; feed.py tells what it is to do."""

import asyncio

import websockets
from websockets.asyncio.client import connect

from feed import Feed


async def main():
    feed = Feed()

    async with connect(feed.url, ssl=feed.tls, subprotocols=[feed.protocol],
                       compression="deflate" if feed.deflate else None) as ws:
        while not feed.take(await ws.recv()):
            pass

        # it does not read on by itself, and so would never see the Close
        closing = asyncio.create_task(ws.close(1000))

        async for _ in ws:
            pass

        await closing

    received = ws.protocol.close_rcvd

    feed.report(f"websockets {websockets.__version__}", ws.subprotocol,
                ws.response.headers.get("Sec-WebSocket-Extensions"),
                received and received.code,
                isinstance(ws.protocol.close_exc,
                           websockets.ConnectionClosedOK))


asyncio.run(main())
