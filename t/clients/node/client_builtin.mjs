/*
 * Node's own WebSocket, or the one of the package that Node took it from;
 * feed.mjs tells what it is to do.  It cannot be told to offer no deflate,
 * and takes its certificates from NODE_EXTRA_CA_CERTS.
 */

import { Feed, require } from "./feed.mjs";

const own = globalThis.WebSocket;
const WebSocket = own || require("undici").WebSocket;
const library = own ? `node ${process.version} undici ${
                          process.versions.undici}`
                    : `undici ${require("undici/package.json").version}`;
const feed = new Feed();
const ws = new WebSocket(feed.url, [feed.protocol]);

ws.binaryType = "arraybuffer";

ws.onmessage = ({ data }) => {
    if (feed.take(typeof data === "string" ? data : Buffer.from(data))) {
        ws.close(1000);
    }
};

ws.onerror = ({ message, error }) => {
    console.error("error", message, error);
};

ws.onclose = ({ code, wasClean }) => {
    feed.report(library, { protocol: ws.protocol, extensions: ws.extensions,
                           code, clean: wasClean });
};
