/*
 * kafka-ws.js under node, against a WebSocket that obeys the test.
 * Run: node --test t/browser/kafka_ws_js_test.mjs
 */

import { afterEach, beforeEach, test } from "node:test";
import assert from "node:assert/strict";
import { Clock } from "./clock.mjs";
import KafkaWS from "../../conf-examples/demo/kafka-ws.js";

let sockets;
let streams;
let clock;


class FakeWebSocket {

    constructor(url, protocols) {
        this.url = url;
        this.protocols = protocols;
        this.protocol = "";
        this.closedWith = null;
        sockets.push(this);
    }

    close(code) {
        this.closedWith = code;
    }

    /* what the server does */

    accept() {
        this.protocol = this.protocols[0];
        this.onopen({});
    }

    say(text) {
        this.onmessage({ data: text });
    }

    end(code, reason = "") {
        this.onclose({ code, reason });
    }
}


beforeEach(() => {
    sockets = [];
    streams = [];
    clock = new Clock();
});


afterEach(() => {
    streams.forEach((stream) => stream.close());
    clock.restore();
});


/* a stream, and a list of all that it said */

function start(options = {}, url = "ws://host/answers") {
    const heard = [];
    const note = (name) => (...args) => heard.push([name, ...args]);
    const stream = new KafkaWS(url, {
        WebSocket: FakeWebSocket,
        onrecord: note("record"),
        onstart: note("start"),
        ongap: note("gap"),
        onidle: note("idle"),
        onerror: note("error"),
        onstate: note("state"),
        ...options
    });

    streams.push(stream);
    clock.tick(0);

    return { stream, heard, of: (name) => heard.filter((h) => h[0] === name) };
}


function opened(options, url) {
    const all = start(options, url);

    sockets[0].accept();
    sockets[0].say('{"event":"start","partitions":[{"partition":0,'
                   + '"offset":42,"state":"start"},{"partition":3,'
                   + '"offset":7,"state":"start"}]}');
    return all;
}


test("callbacks wait until the caller holds the stream", () => {
    const states = [];
    const stream = new KafkaWS("ws://host/a", {
        WebSocket: FakeWebSocket,
        onstate: (state) => states.push([state, stream.state])
    });

    streams.push(stream);
    assert.equal(sockets.length, 0);
    clock.tick(0);
    assert.deepEqual(states, [["connecting", "connecting"]]);
});


test("the first connection has the subprotocol and no cursor", () => {
    const { heard } = start();

    assert.equal(sockets[0].url, "ws://host/answers");
    assert.deepEqual(sockets[0].protocols, ["kafka.json.v1"]);
    sockets[0].accept();
    assert.deepEqual(heard.at(-1),
                     ["state", "open", { protocol: "kafka.json.v1" }]);
});


test("http and https become ws and wss, a fragment is left out", () => {
    start({}, "http://host/a#b");
    start({}, "https://host:8443/a?x=%20y");
    assert.equal(sockets[0].url, "ws://host/a");
    assert.equal(sockets[1].url, "wss://host:8443/a?x=%20y");
});


test("a relative url is of the page", () => {
    globalThis.location = { href: "https://site/page/index.html" };

    try {
        start({}, "../answers");

    } finally {
        delete globalThis.location;
    }

    assert.equal(sockets[0].url, "wss://site/answers");
});


test("the start event sets the cursor, sorted by partition", () => {
    const { stream, of } = start();

    sockets[0].accept();
    sockets[0].say('{"event":"start","partitions":[{"partition":10,"offset":'
                   + '1,"state":"start"},{"partition":2,"offset":5,'
                   + '"state":"start"}]}');
    assert.equal(stream.cursor, "2:5,10:1");
    assert.equal(of("start")[0][1].partitions.length, 2);
});


test("a record moves its partition behind itself, before onrecord", () => {
    const seen = [];
    const { stream } = opened({
        onrecord(record, position) {
            seen.push([this.cursor, record.value, position]);
        }
    });

    sockets[0].say('{"partition":3,"offset":7,"timestamp":1,"key":null,'
                   + '"value":"v"}');
    assert.deepEqual(seen, [["0:42,3:8", "v", { partition: 3, offset: 7n }]]);
    assert.equal(stream.cursor, "0:42,3:8");
});


test("a record with its topic counts too", () => {
    const { stream } = opened();

    sockets[0].say('{"topic":"a.b-c","partition":0,"offset":42,"value":"v"}');
    assert.equal(stream.cursor, "0:43,3:7");
});


test("positions in the value of a record mean nothing", () => {
    const { stream } = opened();

    sockets[0].say('{"partition":0,"offset":42,"value":{"partition":3,'
                   + '"offset":99,"event":"start"}}');
    assert.equal(stream.cursor, "0:43,3:7");
    sockets[0].say('{"value":{"partition":3,"offset":99,"event":"x"}}');
    assert.equal(stream.cursor, "0:43,3:7");
});


test("a record without a position is told as such", () => {
    const { stream, of } = opened();

    sockets[0].say('{"timestamp":1,"value":"v"}');
    assert.deepEqual(of("record")[0],
                     ["record", { timestamp: 1, value: "v" }, null]);
    assert.equal(stream.cursor, "0:42,3:7");
});


test("offsets beyond 2^53 stay exact: start, record and gap", () => {
    const { stream, of } = start();

    sockets[0].accept();
    sockets[0].say('{"event":"start","partitions":[{"partition":0,'
                   + '"offset":9007199254740993,"state":"start"}]}');
    assert.equal(stream.cursor, "0:9007199254740993");
    sockets[0].say('{"partition":0,"offset":9223372036854775805,"value":1}');
    assert.equal(stream.cursor, "0:9223372036854775806");
    assert.equal(of("record")[0][2].offset, 9223372036854775805n);
    sockets[0].say('{"event":"gap","partition":0,"from":9007199254740993,'
                   + '"to":9223372036854775806,"reason":"lapped"}');
    assert.equal(stream.cursor, "0:9223372036854775807");
});


test("a gap moves the cursor behind it and is told", () => {
    const { stream, of } = opened();

    sockets[0].say('{"event":"gap","partition":0,"from":42,"to":60,'
                   + '"reason":"retention"}');
    assert.equal(stream.cursor, "0:61,3:7");
    assert.equal(of("gap")[0][1].reason, "retention");
    sockets[0].say('{"event":"gap","topic":"t","partition":3,"from":7,"to":8,'
                   + '"reason":"lapped"}');
    assert.equal(stream.cursor, "0:61,3:9");
});


test("idle and error events are told, unknown ones are not records", () => {
    const { heard } = opened();
    const before = heard.length;

    sockets[0].say('{"event":"idle"}');
    sockets[0].say('{"event":"error","code":4404,"message":"gone"}');
    sockets[0].say('{"event":"of-a-later-version"}');
    assert.deepEqual(heard.slice(before), [
        ["idle", { event: "idle" }],
        ["error", { type: "server", code: 4404, message: "gone" }]
    ]);
});


test("what is no JSON is an error, and the stream goes on", () => {
    const { stream, of } = opened();

    sockets[0].say("hello");
    assert.equal(of("error")[0][1].type, "protocol");
    sockets[0].say('{"partition":0,"offset":42,"value":"v"}');
    assert.equal(stream.cursor, "0:43,3:7");
});


test("1012 comes back within 100 ms, with the cursor", () => {
    const { stream } = opened();

    sockets[0].say('{"partition":0,"offset":42,"value":"v"}');
    sockets[0].end(1012, "0:43,3:7");
    assert.equal(stream.state, "waiting");
    clock.tick(100);
    assert.equal(sockets[1].url, "ws://host/answers?cursor=0:43,3:7");
    assert.equal(stream.resumes, 0);
    sockets[1].accept();
    assert.equal(stream.resumes, 1);
});


test("1012 again before any message backs off", () => {
    clock.random(0.999);
    opened({ minDelay: 1000 });

    sockets[0].end(1012);
    clock.tick(100);
    sockets[1].accept();
    sockets[1].end(1012);
    clock.tick(1900);
    assert.equal(sockets.length, 2);
    clock.tick(100);
    assert.equal(sockets.length, 3);
});


test("the cursor joins other arguments and replaces a former one", () => {
    start({ cursor: "0:5" }, "ws://host/a?x=1");
    start({ cursor: "0:5" }, "ws://host/a?cursor=0:1&x=1");
    start({ cursor: "0:5", cursorParam: "from" }, "ws://host/a");
    assert.deepEqual(sockets.map((s) => s.url), [
        "ws://host/a?x=1&cursor=0:5",
        "ws://host/a?x=1&cursor=0:5",
        "ws://host/a?from=0:5"
    ]);
});


test("a url function is asked before every connection", () => {
    let n = 0;

    start({}, () => "ws://host/a?ticket=" + ++n);
    sockets[0].end(1012);
    clock.tick(100);
    assert.deepEqual(sockets.map((s) => s.url),
                     ["ws://host/a?ticket=1", "ws://host/a?ticket=2"]);
});


for (const code of [1000, 1001, 1006, 1008, 1011, 1013, 3000, 4000, 4399,
                    4408, 4500])
{
    test(code + " is retried after a back-off", () => {
        clock.random(0.5);

        const { stream, heard } = opened({ minDelay: 500 });

        sockets[0].end(code, "why");
        assert.equal(stream.state, "waiting");
        assert.deepEqual(heard.at(-1), ["state", "waiting",
            { code, reason: "why", delay: 250, attempt: 1 }]);
        clock.tick(249);
        assert.equal(sockets.length, 1);
        clock.tick(1);
        assert.equal(sockets.length, 2);
    });
}


for (const code of [4400, 4401, 4403, 4404, 4410, 4499]) {
    test(code + " stops the stream until open()", () => {
        const { stream, of } = opened();

        sockets[0].end(code, "why");
        assert.equal(stream.state, "stopped");
        assert.deepEqual(of("error")[0][1],
                         { type: "stopped", code, reason: "why" });
        clock.tick(3600000);
        assert.equal(sockets.length, 1);

        stream.open();
        clock.tick(0);
        assert.equal(sockets[1].url, "ws://host/answers?cursor=0:42,3:7");
    });
}


test("the back-off doubles, is capped, and a message ends it", () => {
    clock.random(0.5);

    const { of } = start({ minDelay: 500, maxDelay: 3000 });
    const delays = () => of("state").filter((h) => h[1] === "waiting")
                                    .map((h) => h[2].delay);

    for (let i = 0; i < 6; i++) {
        sockets.at(-1).end(1006);
        clock.tick(delays().at(-1));
    }

    assert.deepEqual(delays(), [250, 500, 1000, 1500, 1500, 1500]);

    sockets.at(-1).accept();
    sockets.at(-1).say('{"event":"start","partitions":[]}');
    sockets.at(-1).end(1006);
    assert.equal(delays().at(-1), 250);
});


test("an accepted connection that brings nothing does not end it", () => {
    clock.random(0.5);

    const { of } = start({ minDelay: 500 });

    sockets[0].accept();
    sockets[0].end(1006);
    clock.tick(250);
    sockets[1].accept();
    sockets[1].end(1006);
    assert.equal(of("state").at(-1)[2].delay, 500);
});


test("the back-off is spread over its whole range", () => {
    const delays = [];

    for (let i = 0; i < 200; i++) {
        const { stream, of } = start({ minDelay: 1000 });

        sockets.at(-1).end(1006);
        delays.push(of("state").at(-1)[2].delay);
        stream.close();
    }

    assert.ok(Math.min(...delays) < 250, "some are short");
    assert.ok(Math.max(...delays) > 750, "some are long");
    assert.ok(Math.max(...delays) <= 1000, "none is longer");
});


test("silence: dropped, reconnected with the cursor, late frames ignored",
     () => {
    clock.random(0.5);

    const { stream, of } = opened({ silence: 1000, minDelay: 500 });

    clock.tick(900);
    sockets[0].say('{"event":"idle"}');
    clock.tick(900);
    assert.equal(sockets[0].closedWith, null);
    clock.tick(200);
    assert.equal(sockets[0].closedWith, 4000);
    assert.equal(of("error")[0][1].type, "silence");
    assert.equal(stream.state, "waiting");

    sockets[0].say('{"partition":0,"offset":42,"value":"late"}');
    sockets[0].end(1006);
    assert.equal(stream.cursor, "0:42,3:7");
    clock.tick(250);
    assert.equal(sockets.length, 2);
    assert.equal(of("record").length, 0);
});


test("silence also ends a handshake that hangs; 0 waits for ever", () => {
    start({ silence: 1000 });
    start({ silence: 0 });
    clock.tick(1100);
    assert.equal(sockets[0].closedWith, 4000);
    assert.equal(sockets[1].closedWith, null);
});


test("reconnect() drops now and comes back after the delay", () => {
    const { stream, of } = opened();

    stream.reconnect(2000);
    assert.equal(sockets[0].closedWith, 1000);
    assert.equal(of("state").at(-1)[1], "waiting");
    sockets[0].say('{"partition":0,"offset":42,"value":"late"}');
    sockets[0].end(1000);
    clock.tick(1999);
    assert.equal(sockets.length, 1);
    clock.tick(1);
    assert.equal(sockets[1].url, "ws://host/answers?cursor=0:42,3:7");
});


test("close() is final, in any state", () => {
    for (const state of ["connecting", "open", "waiting", "stopped"]) {
        const { stream } = start();
        const ws = sockets.at(-1);
        const before = sockets.length;

        if (state !== "connecting") {
            ws.accept();
        }

        if (state === "waiting" || state === "stopped") {
            ws.end(state === "waiting" ? 1006 : 4403);
        }

        assert.equal(stream.state, state);
        stream.close();
        assert.equal(stream.state, "closed");
        clock.tick(3600000);
        assert.equal(sockets.length, before, state);
    }
});


test("close() before the first connection makes none", () => {
    const stream = new KafkaWS("ws://host/a", { WebSocket: FakeWebSocket });

    stream.close();
    clock.tick(1000);
    assert.equal(sockets.length, 0);
});


test("close() from a callback makes no further connection", () => {
    const { stream } = start({ onstate(state) {
        if (state === "waiting") {
            this.close();
        }
    } });

    sockets[0].end(1006);
    clock.tick(3600000);
    assert.equal(sockets.length, 1);
    assert.equal(stream.state, "closed");
});


test("the network coming back shortens the back-off", () => {
    const target = new EventTarget();

    globalThis.addEventListener = target.addEventListener.bind(target);
    globalThis.removeEventListener = target.removeEventListener.bind(target);

    try {
        clock.random(0.9);
        start({ minDelay: 30000 });
        sockets[0].end(1006);
        clock.tick(1000);
        target.dispatchEvent(new Event("online"));
        clock.tick(100);
        assert.equal(sockets.length, 2);

    } finally {
        streams.forEach((stream) => stream.close());
        delete globalThis.addEventListener;
        delete globalThis.removeEventListener;
    }
});


test("a socket that cannot be made is told and retried", () => {
    let broken = true;
    const { of } = start({ minDelay: 100, WebSocket: class {
        constructor(url, protocols) {
            if (broken) {
                throw new SyntaxError("bad");
            }

            return new FakeWebSocket(url, protocols);
        }
    } });

    assert.equal(of("error")[0][1].type, "connect");
    broken = false;
    clock.tick(100);
    assert.equal(sockets.length, 1);
});


test("the cursor is checked, and may be set while stopped", () => {
    const { stream } = start({ cursor: "1:2,0:1" });

    assert.equal(stream.cursor, "0:1,1:2");
    sockets[0].accept();
    sockets[0].end(4410);

    for (const bad of ["x", "0:", "0:1,", "0:-1", "0:1;1:2", "0:1.5"]) {
        assert.throws(() => { stream.cursor = bad; }, TypeError, bad);
    }

    stream.cursor = "";
    stream.open();
    clock.tick(0);
    assert.equal(sockets[1].url, "ws://host/answers");
});
