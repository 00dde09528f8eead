/*
 * What every client here is told, what it counts and what it prints.
 *
 *     CLIENT URL COUNT CA DEFLATE SUBPROTOCOL
 *
 * CA is a file of certificates or "-", DEFLATE is "on" or "off": whether to
 * offer permessage-deflate.  The client takes COUNT records, closes with 1000
 * and prints one line of JSON.
 */

import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";


/* of the packages of package.json */

export const require = createRequire(
    new URL("../cache/node/", import.meta.url));


export class Feed {

    constructor() {
        const [url, count, ca, deflate, protocol] = process.argv.slice(2);

        this.url = url;
        this.count = Number(count);
        this.ca = ca === "-" ? undefined : readFileSync(ca);
        this.deflate = deflate === "on";
        this.protocol = protocol;
        this.records = 0;
        this._digests = new Map();
        this._cursor = new Map();
    }


    /* a message: string or Buffer; true once all records are there */

    take(message) {
        if (this.records < this.count) {
            if (this.protocol === "kafka.json.v1") {
                this._takeJson(JSON.parse(message));

            } else {
                this._takeValue(message);
            }
        }

        return this.records >= this.count;
    }


    /* what the library says about the connection and its end */

    report(library, { protocol, extensions, code, clean }) {
        console.log(JSON.stringify({
            library,
            records: this.records,
            digests: Object.fromEntries([...this._digests].map(
                ([partition, digest]) => [partition, digest.digest("hex")])),
            cursor: [...this._cursor].sort().map((pair) => pair.join(":"))
                                     .join(","),
            protocol,
            extensions,
            code,
            clean
        }));
    }


    _takeJson(message) {
        if (message.event !== undefined) {
            for (const { partition, offset } of message.partitions || []) {
                this._cursor.set(partition, offset);
            }

            return;
        }

        const { partition, offset, key, value } = message;

        this._add(partition, `${offset}:${key}:${value}\n`);
        this._cursor.set(partition, offset + 1);
    }


    _takeValue(message) {
        const text = this.protocol === "kafka.text.v1";

        if ((typeof message === "string") !== text) {
            throw new Error(`a ${typeof message} of ${this.protocol}`);
        }

        const value = Buffer.from(message);

        this._add(0, `${value.length}:`, value, "\n");
    }


    _add(partition, ...parts) {
        if (!this._digests.has(partition)) {
            this._digests.set(partition, createHash("sha256"));
        }

        for (const part of parts) {
            this._digests.get(partition).update(part);
        }

        this.records++;
    }
}
