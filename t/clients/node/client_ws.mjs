/* npm's ws; feed.mjs tells what it is to do */

import { Feed, require } from "./feed.mjs";

const WebSocket = require("ws");
const feed = new Feed();
const ws = new WebSocket(feed.url, [feed.protocol],
                         { ca: feed.ca, perMessageDeflate: feed.deflate });
let extensions;

ws.on("upgrade", ({ headers }) => {
    extensions = headers["sec-websocket-extensions"] || "";
});

ws.on("message", (data, isBinary) => {
    if (feed.take(isBinary ? data : data.toString())) {
        ws.close(1000);
    }
});

/* ws makes up 1005 and 1006 when there was no Close, or none with a code */

ws.on("close", (code) => {
    feed.report(`ws ${require("ws/package.json").version}`,
                { protocol: ws.protocol, extensions, code,
                  clean: code === 1000 });
});
