/*
 * Debian's chromium, headless.  Its arguments are those of node/feed.mjs, five
 * for each connection, and it prints a line for each, in their order, as it
 * takes seconds to start.  DEFLATE has no effect: chromium always offers it.
 */

import { X509Certificate, createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const { chromium } = createRequire(
    new URL("../../browser/", import.meta.url))("playwright-core");


/* runs in the page; counts and hashes as node/feed.mjs does */

async function client({ url, count, protocol }) {
    const ws = new WebSocket(url, [protocol]);
    const encoder = new TextEncoder();
    const parts = {};
    const cursor = {};
    let records = 0;

    function add(partition, ...added) {
        for (const part of added) {
            (parts[partition] ??= []).push(typeof part === "string"
                                           ? encoder.encode(part) : part);
        }

        records++;
    }

    function take(data) {
        if (protocol !== "kafka.json.v1") {
            const text = protocol === "kafka.text.v1";

            if ((typeof data === "string") !== text) {
                throw new Error(`a ${typeof data} of ${protocol}`);
            }

            const value = text ? encoder.encode(data) : new Uint8Array(data);

            add(0, `${value.length}:`, value, "\n");

            return;
        }

        const message = JSON.parse(data);

        if (message.event !== undefined) {
            for (const { partition, offset } of message.partitions || []) {
                cursor[partition] = offset;
            }

            return;
        }

        const { partition, offset, key, value } = message;

        add(partition, `${offset}:${key}:${value}\n`);
        cursor[partition] = offset + 1;
    }

    async function digest(list) {
        const hash = await crypto.subtle.digest("SHA-256",
                                     await new Blob(list).arrayBuffer());

        return [...new Uint8Array(hash)]
            .map((byte) => byte.toString(16).padStart(2, "0")).join("");
    }

    ws.binaryType = "arraybuffer";

    const { code, wasClean } = await new Promise((resolve, reject) => {
        ws.onclose = resolve;

        ws.onmessage = ({ data }) => {
            try {
                if (records < count) {
                    take(data);
                }

            } catch (error) {
                reject(error);
            }

            if (records >= count) {
                ws.close(1000);
            }
        };
    });

    const digests = {};

    for (const partition of Object.keys(parts)) {
        digests[partition] = await digest(parts[partition]);
    }

    return { records, digests, code, clean: wasClean,
             protocol: ws.protocol, extensions: ws.extensions,
             cursor: Object.entries(cursor).sort()
                           .map((pair) => pair.join(":")).join(",") };
}


function* cases(args) {
    for (let i = 0; i < args.length; i += 5) {
        const [url, count, ca, , protocol] = args.slice(i, i + 5);

        yield { url, count: Number(count), ca, protocol };
    }
}


/* certificates of this authority are trusted, no others */

function fingerprint(ca) {
    return createHash("sha256").update(
        new X509Certificate(readFileSync(ca)).publicKey
            .export({ type: "spki", format: "der" })).digest("base64");
}


const all = [...cases(process.argv.slice(2))];
const trusted = all.filter(({ ca }) => ca !== "-")
                   .map(({ ca }) => fingerprint(ca));
const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM || "/usr/bin/chromium",
    args: ["--no-sandbox",
           ...trusted.slice(0, 1).map((spki) =>
               `--ignore-certificate-errors-spki-list=${spki}`)]
});

try {
    const library = "chromium " + browser.version();

    const lines = await Promise.all(all.map(async (one) => {
        const page = await browser.newPage();

        /* of the stream's own origin, as kafka_ws_origin wants it */

        await page.goto(new URL("/page.html", one.url.replace(/^ws/, "http"))
                            .href);

        return { library, ...await page.evaluate(client, one) };
    }));

    lines.forEach((line) => console.log(JSON.stringify(line)));

} finally {
    await browser.close();
}
