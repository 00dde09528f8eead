"""aiohttp's client; feed.py tells what it is to do."""

import asyncio

import aiohttp

from feed import Feed


async def main():
    feed = Feed()
    answers = []
    trace = aiohttp.TraceConfig()

    async def answered(session, context, params):
        answers.append(params.response.headers)

    trace.on_request_end.append(answered)

    async with aiohttp.ClientSession(trace_configs=[trace]) as session:
        async with session.ws_connect(feed.url, ssl=feed.tls or True,
                                      protocols=[feed.protocol],
                                      compress=15 if feed.deflate else 0
                                      ) as ws:
            while True:
                message = await ws.receive()

                if message.type not in (aiohttp.WSMsgType.TEXT,
                                        aiohttp.WSMsgType.BINARY):
                    raise ConnectionError(message)

                if feed.take(message.data):
                    break

            clean = await ws.close(code=1000)

    feed.report(f"aiohttp {aiohttp.__version__}", ws.protocol,
                answers[0].get("Sec-WebSocket-Extensions"), ws.close_code,
                clean and ws.exception() is None)


asyncio.run(main())
