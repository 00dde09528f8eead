/*
 * kafka-ws.js: a Kafka topic in the browser, over ngx_kafka_ws_module.
 *
 * One file, no dependency; take it as it is.
 *
 *     <script src="/kafka-ws.js"></script>          global KafkaWS
 *     import "/kafka-ws.js";                        ES module: global KafkaWS
 *     const KafkaWS = require("./kafka-ws.js");     Node.js (or import)
 *
 *     const stream = new KafkaWS("/answers", {
 *         onrecord(record) { console.log(record.value); }
 *     });
 *
 * The stream connects at once, and comes back by itself, with the position
 * of every partition, so that no record is lost or repeated in between.
 *
 * new KafkaWS(url, options)
 *
 *   url       ws:, wss:, http:, https: or relative to the page, or a function
 *             that returns one; it is asked before every connection, so that
 *             it may carry a fresh ticket.
 *
 *   options   all optional:
 *     onrecord(record, position)   a record: the message as the server sent
 *             it, { partition, offset, timestamp, key, value, ... }, and
 *             its position { partition, offset } with a BigInt offset, exact
 *             beyond 2^53; null if the location sends no partition or offset.
 *             stream.cursor already stands behind the record here.
 *     onstart(event)    where the stream starts, once per connection and for
 *             partitions added later: { partitions: [{ partition, offset,
 *             state }] }, state: start, resumed, backfilled, gap or reset.
 *     ongap(event)      records that cannot be had any more: { partition,
 *             from, to, reason }, both offsets included.
 *     onidle(event)     nothing was sent for a while, and the stream is well.
 *     onerror(error)    { type, ... }: "server" (an error event: code,
 *             message), "protocol" (what arrived is no message of ours),
 *             "silence" (nothing heard for too long; reconnecting),
 *             "connect" (cannot be opened at all: message; will be retried),
 *             "stopped" (closed with a code that forbids to come back).
 *     onstate(state, info)   connecting { url, attempt }, open { protocol },
 *             waiting { code, reason, delay, attempt },
 *             stopped { code, reason }, closed {}.
 *     cursor        where to start, as kept from stream.cursor: "0:42,1:7".
 *     cursorParam   name of the query argument that carries it ("cursor").
 *     protocol      the subprotocol ("kafka.json.v1").
 *     minDelay, maxDelay   of the back-off, in ms (500, 30000).
 *     silence       ms without a message before the connection is taken for
 *             dead (100000: three pings of 30 s, and the time to answer one;
 *             0: never).  Browsers do not show pings to scripts, but the
 *             server says {"event":"idle"} once per ping on a quiet stream.
 *     WebSocket     the class to use instead of the global one.
 *
 * Members
 *
 *   cursor        position of the *next* record of each partition, a string;
 *             valid on every host.  Keep it to resume after a page load.
 *             It may be set while the stream is stopped or closed.
 *   state         as told to onstate.
 *   resumes       how many connections were opened with a cursor.
 *   reconnect([delay])   drops the connection, comes back after delay ms.
 *   close()       ends the stream.
 *   open()        starts it again after close() or a stop, from its cursor.
 *
 * Coming back, by close code
 *
 *   1012 (nginx was reloaded)      at once, spread over 100 ms
 *   4400 to 4499, except 4408      never: "stopped".  4401 lifetime over,
 *             4403 topic refused, 4404 topic gone, 4410 position no longer
 *             held; put right what the code says, then call open()
 *   all others, 1006 included      back-off: a random time up to minDelay,
 *             twice that after each failure, up to maxDelay; a connection
 *             that brought a message starts it anew
 *
 * A refused handshake (403, 404, 503 ...) is 1006 to a script: browsers do
 * not tell the status.
 *
 * Copyright (C) the ngx_kafka_ws_module authors, BSD-2-Clause.
 */

(function (root) {
    "use strict";

    const RELOADED = 1012;                  /* RFC 6455 registry: restart */
    const RELOADED_SPREAD = 100;            /* ms */
    const GIVEN_UP = 4000;                  /* our own close on silence */
    const TOO_SLOW = 4408;

    const DEFAULTS = {
        cursor: "",
        cursorParam: "cursor",
        protocol: "kafka.json.v1",
        minDelay: 500,
        maxDelay: 30000,
        silence: 100000
    };

    /*
     * JSON.parse() rounds integers beyond 2^53, so positions are taken from
     * the text of the message.  The server writes the members of a record in
     * one order, these first, and topic names need no escapes.
     */
    const RECORD =
        /^\{(?:"topic":"[^"\\]*",)?"partition":(\d+),"offset":(\d+)[,}]/;
    const STARTS = /"partition":(\d+),"offset":(\d+)/g;
    const GAP = /"partition":(\d+),"from":\d+,"to":(\d+)/;
    const CURSOR = /^\d+:\d+(,\d+:\d+)*$/;


    class KafkaWS {

        constructor(url, options) {
            this._options = Object.assign({}, DEFAULTS, options);
            this._url = url;
            this._positions = new Map();    /* partition: next offset */
            this._ws = null;
            this._timer = null;
            this._watch = null;
            this._heard = 0;                /* ms, when a message came last */
            this._attempt = 0;              /* failures in a row */
            this._online = () => this._hurry();

            this.state = "closed";
            this.resumes = 0;
            this.cursor = this._options.cursor;

            /* not before the caller holds the stream: callbacks use it */

            this._begin();
        }


        get cursor() {
            return [...this._positions]
                .sort((a, b) => a[0] - b[0])
                .map(([partition, offset]) => partition + ":" + offset)
                .join(",");
        }


        set cursor(text) {
            if (text && !CURSOR.test(text)) {
                throw new TypeError("KafkaWS: bad cursor \"" + text + "\"");
            }

            this._positions.clear();

            for (const pair of text ? text.split(",") : []) {
                const [partition, offset] = pair.split(":");

                this._positions.set(Number(partition), BigInt(offset));
            }
        }


        open() {
            if (this.state === "closed" || this.state === "stopped") {
                this._begin();
            }
        }


        close() {
            if (this.state !== "closed") {
                this._leave(1000);
                this._rest("closed", {});
            }
        }


        reconnect(delay) {
            if (this.state === "closed" || this.state === "stopped") {
                this.open();
                return;
            }

            this._leave(1000);
            this._attempt = 0;
            this._wait({ code: 1000, reason: "reconnect" }, delay || 0);
        }


        _begin() {
            if (root.addEventListener) {
                root.addEventListener("online", this._online);
            }

            this.state = "connecting";
            this._attempt = 0;
            this._timer = setTimeout(() => this._connect(), 0);
        }


        _connect() {
            const options = this._options;
            const Socket = options.WebSocket || root.WebSocket;
            let ws;

            this._timer = null;

            try {
                const url = this._address();

                this._enter("connecting", { url, attempt: this._attempt });

                if (this.state !== "connecting") {
                    return;                 /* closed by onstate */
                }

                ws = new Socket(url, [options.protocol]);

            } catch (error) {
                this._wait({ code: 1006, reason: "" }, this._backoff());
                this._call("onerror", { type: "connect",
                                        message: error.message });
                return;
            }

            this._ws = ws;
            this._heard = Date.now();

            /* a socket that was left has no say any more */

            ws.onopen = () => {
                if (this._ws === ws) {
                    this._opened(ws);
                }
            };

            ws.onmessage = (event) => {
                if (this._ws === ws) {
                    this._message(event.data);
                }
            };

            ws.onclose = (event) => {
                if (this._ws === ws) {
                    this._closed(event);
                }
            };

            this._listen();
        }


        _address() {
            const url = typeof this._url === "function" ? this._url()
                                                        : this._url;
            const base = root.location ? root.location.href : undefined;
            const full = new URL(url, base);

            full.protocol = full.protocol.replace(/^http/, "ws");
            full.hash = "";

            if (this._positions.size) {
                if (full.searchParams.has(this._options.cursorParam)) {
                    full.searchParams.delete(this._options.cursorParam);
                }

                full.search += (full.search ? "&" : "?")
                               + this._options.cursorParam + "="
                               + this.cursor;
            }

            return full.href;
        }


        _opened(ws) {
            if (this._positions.size) {
                this.resumes++;
            }

            this._heard = Date.now();
            this._enter("open", { protocol: ws.protocol });
        }


        _message(text) {
            let message;

            this._heard = Date.now();

            try {
                message = JSON.parse(text);

            } catch (error) {
                this._call("onerror", { type: "protocol",
                                        message: error.message });
                return;
            }

            this._attempt = 0;

            if (typeof message.event === "string") {
                this._event(message, text);
                return;
            }

            const found = RECORD.exec(text);

            if (found === null) {
                this._call("onrecord", message, null);
                return;
            }

            const partition = Number(found[1]);
            const offset = BigInt(found[2]);

            this._positions.set(partition, offset + 1n);
            this._call("onrecord", message, { partition, offset });
        }


        _event(message, text) {
            switch (message.event) {

            case "start":
                for (const found of text.matchAll(STARTS)) {
                    this._positions.set(Number(found[1]), BigInt(found[2]));
                }

                this._call("onstart", message);
                break;

            case "gap": {
                const found = GAP.exec(text);

                if (found !== null) {
                    this._positions.set(Number(found[1]),
                                        BigInt(found[2]) + 1n);
                }

                this._call("ongap", message);
                break;
            }

            case "idle":
                this._call("onidle", message);
                break;

            case "error":
                this._call("onerror", { type: "server", code: message.code,
                                        message: message.message });
                break;

            default:                        /* a later server's: not ours */
                break;
            }
        }


        _closed(event) {
            const info = { code: event.code, reason: event.reason };
            const code = event.code;

            this._forget();

            if (code >= 4400 && code < 4500 && code !== TOO_SLOW) {
                this._rest("stopped", info);
                this._call("onerror", Object.assign({ type: "stopped" },
                                                    info));
                return;
            }

            if (code === RELOADED && this._attempt === 0) {
                this._attempt++;
                this._wait(info, Math.random() * RELOADED_SPREAD);
                return;
            }

            this._wait(info, this._backoff());
        }


        /* full jitter: clients that fell together do not return together */

        _backoff() {
            const { minDelay, maxDelay } = this._options;
            const most = Math.min(maxDelay, minDelay * 2 ** this._attempt);

            this._attempt++;

            return Math.random() * most;
        }


        _wait(info, delay) {
            delay = Math.round(delay);

            this._timer = setTimeout(() => this._connect(), delay);
            this._enter("waiting", Object.assign({ delay,
                                         attempt: this._attempt }, info));
        }


        /* the network is back: do not sit out the back-off */

        _hurry() {
            if (this.state === "waiting") {
                clearTimeout(this._timer);
                this._timer = setTimeout(() => this._connect(),
                                         Math.random() * RELOADED_SPREAD);
            }
        }


        _listen() {
            const silence = this._options.silence;
            const ws = this._ws;

            if (!silence) {
                return;
            }

            this._watch = setInterval(() => {
                const quiet = Date.now() - this._heard;

                if (this._ws !== ws || quiet < silence) {
                    return;
                }

                this._leave(GIVEN_UP);
                this._wait({ code: 1006, reason: "silence" },
                           this._backoff());
                this._call("onerror", { type: "silence", quiet });
            }, Math.max(10, silence / 10));
        }


        _leave(code) {
            const ws = this._ws;

            this._forget();

            if (ws !== null) {
                ws.close(code);
            }
        }


        _forget() {
            clearTimeout(this._timer);
            clearInterval(this._watch);
            this._timer = null;
            this._watch = null;
            this._ws = null;
        }


        _rest(state, info) {
            if (root.removeEventListener) {
                root.removeEventListener("online", this._online);
            }

            this._enter(state, info);
        }


        _enter(state, info) {
            this.state = state;
            this._call("onstate", state, info);
        }


        _call(name, ...args) {
            const callback = this._options[name];

            if (callback) {
                callback.apply(this, args);
            }
        }
    }


    root.KafkaWS = KafkaWS;

    if (typeof module === "object" && module.exports) {
        module.exports = KafkaWS;
    }

})(typeof globalThis === "object" ? globalThis : self);
