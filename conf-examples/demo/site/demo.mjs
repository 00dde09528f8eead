/*
 * The demo page: five streams by kafka-ws.js, drawn once per animation frame.
 */

import { Chart } from "./chart.mjs";
import { Meter, clockOffset, percentile } from "./meter.mjs";

const { KafkaWS } = globalThis;

const USERS = ["alice", "bruno", "chloe", "dana"];
const NAMES = { alice: "Alice", bruno: "Bruno", chloe: "Chlo\u00e9",
                dana: "Dana" };

const AWAY = 1500;                      /* ms, between drop and return */
const NUMBERS_EVERY = 400;              /* ms */
const HIDDEN_EVERY = 500;               /* ms: no animation frames then */
const NEIGHBOUR_EVERY = 2000;           /* ms */
const CLOCK_EVERY = 60000;              /* ms */

let offset = 0;                         /* ms to the clock of the records */

const now = () => Date.now() + offset;
const byId = (id) => document.getElementById(id);
const count = (n) => n.toLocaleString("en-US");


/* writes only what has changed: the page is read by machines too */

function put(element, text) {
    if (element.textContent !== text) {
        element.textContent = text;
    }
}


function ms(number) {
    return number === null ? "\u2013"
           : number < 1 ? "<1 ms"
           : count(Math.round(number)) + " ms";
}


function proof(element, meter, resumes) {
    const parts = [count(meter.records) + " records"];

    for (const name of ["lost", "doubled"]) {
        const mark = document.createElement("b");

        mark.textContent = count(meter[name]) + " " + name;
        mark.classList.toggle("bad", meter[name] > 0);
        parts.push(" \u00b7 ", mark);
    }

    parts.push(" \u00b7 " + count(resumes)
               + (resumes === 1 ? " resume" : " resumes"));

    element.replaceChildren(...parts);
}


/* a stream, its element, and how a record is shown in it */

class Panel {

    constructor(name, url, element, show) {
        this.name = name;
        this.meter = new Meter();

        this._element = element;
        this._show = show;
        this._pending = [];
        this._opened = Infinity;        /* records from then on are live */

        this.stream = new KafkaWS(url, {
            minDelay: 200,
            maxDelay: 3000,
            onrecord: (record) => this._pending.push(record),
            onstart: () => {
                this._opened = Math.min(this._opened, now());
            },
            ongap: (gap) => log(name + ": records " + gap.from + " to "
                                + gap.to + " are gone (" + gap.reason + ")"),
            onerror: (error) => log(name + ": " + error.type + " "
                                    + (error.code || "") + " "
                                    + (error.message || "")),
            onstate: (state, info) => this._state(state, info)
        });
    }


    field(name) {
        return this._element.querySelector("[data-field=" + name + "]");
    }


    _state(state, info) {
        const words = { open: "live", connecting: "connecting",
                        waiting: "away", stopped: "stopped" };

        this._element.dataset.state = state;

        if (state === "waiting") {
            this._opened = Infinity;
            episodes.forEach((episode) => episode.away(this, info.code));
        }

        put(this.field("state"), words[state] || state);
    }


    /* all that has come since the last frame */

    flush(visible) {
        const records = this._pending;

        if (records.length === 0) {
            return;
        }

        this._pending = [];

        for (const record of records) {
            const { run, seq, symbol } = record.value;

            this.meter.count(run, symbol || this.name, seq);
            this._show(this, record);
        }

        const shown = now();
        const live = records.filter((r) => r.timestamp >= this._opened);
        const latencies = visible
            ? live.map((r) => Math.max(0, shown - r.timestamp)) : [];

        this.meter.shown(performance.now(), live.length,
                         records.length - live.length, latencies);
        episodes.forEach((episode) => episode.back(this));
    }


    numbers(time) {
        const latencies = this.meter.latencies(time);

        put(this.field("rate"), this.meter.rate(time).toFixed(1));
        put(this.field("p50"), ms(percentile(latencies, 0.5)));
        put(this.field("p99"), ms(percentile(latencies, 0.99)));
        put(this.field("cursor"), this.stream.cursor || "\u2013");
        proof(this.field("proof"), this.meter, this.stream.resumes);

        return latencies;
    }
}


/* from a click until every stream that broke off moves again */

class Episode {

    constructor(what) {
        this._what = what;
        this._begun = performance.now();
        this._gone = new Set();
        this._late = total("late");
        this._wrong = total("lost") + total("doubled");
    }

    away(panel) {
        this._gone.add(panel);
    }

    back(panel) {
        if (!this._gone.delete(panel)) {
            return;
        }

        this._returned = (this._returned || new Set()).add(panel);

        if (this._returned.size === panels.length) {
            this._end();
        }
    }

    _end() {
        const wrong = total("lost") + total("doubled") - this._wrong;
        const seconds = (performance.now() - this._begun) / 1000;

        episodes.delete(this);
        log(this._what + ": all " + panels.length + " streams back after "
            + seconds.toFixed(1) + " s, "
            + count(total("late") - this._late) + " records caught up, "
            + (wrong ? wrong + " lost or doubled" : "nothing lost"));
        enable(true);
    }
}


const panels = [];
const episodes = new Set();
const chart = new Chart(byId("chart"), now);


function total(name) {
    return panels.reduce((sum, panel) => sum + panel.meter[name], 0);
}


function log(text) {
    const time = document.createElement("time");

    time.textContent = new Date().toLocaleTimeString("en-GB");
    byId("log").replaceChildren(time, " " + text);
}


function enable(yes) {
    byId("drop").disabled = !yes;
    byId("reload").disabled = !yes;
}


function addUser(user) {
    const card = byId("card").content.cloneNode(true).firstElementChild;

    card.dataset.panel = user;
    card.dataset.writing = "no";
    card.querySelector("h3").textContent = NAMES[user];
    card.querySelector(".face").textContent = NAMES[user][0];
    card.querySelector(".address").textContent = "/answers/" + user;
    byId("cards").append(card);
    panels.push(new Panel(user, "/answers/" + user, card, showToken));
}


function showToken(panel, record) {
    const { run, answer, token, question, text, last } = record.value;
    const name = run + "/" + answer;
    const card = panel.field("question").closest(".card");

    if (panel.answer !== name) {        /* a new one, or we came amid it */
        panel.answer = name;
        put(panel.field("question"), "\u2026");
        put(panel.field("answer"), "");
    }

    if (token === 0) {
        put(panel.field("question"), question);

    } else {
        panel.field("answer").append(text);
    }

    card.dataset.writing = last ? "no" : "yes";
}


function showPrice(panel, record) {
    chart.add(record.value.symbol, record.timestamp, record.value.price);
}


function quotes() {
    const list = byId("quotes");

    for (const { name, index, price, change } of chart.quotes()) {
        let item = list.children[index];

        if (item === undefined) {
            item = document.createElement("div");
            item.append(document.createElement("dt"),
                        document.createElement("dd"));
            list.append(item);
        }

        const small = document.createElement("small");

        item.style.setProperty("--swatch", "var(--series-" + index + ")");
        small.textContent = (change < 0 ? "\u2212" : "+")
                            + Math.abs(change).toFixed(2) + "%";
        put(item.children[0], name);
        item.children[1].replaceChildren(price.toFixed(2) + " ", small);
    }
}


function numbers() {
    const time = performance.now();
    const latencies = panels.flatMap((panel) => panel.numbers(time));
    const rate = panels.reduce((sum, panel) => sum + panel.meter.rate(time),
                               0);
    const values = {
        records: count(total("records")),
        rate: rate.toFixed(0),
        p50: ms(percentile(latencies, 0.5)),
        p99: ms(percentile(latencies, 0.99)),
        lost: count(total("lost")),
        doubled: count(total("doubled")),
        resumes: count(panels.reduce((sum, panel) =>
                                     sum + panel.stream.resumes, 0))
    };

    for (const [name, text] of Object.entries(values)) {
        const element = document.querySelector("[data-total=" + name + "]");

        put(element, text);

        if (name === "lost" || name === "doubled") {
            element.classList.toggle("bad", text !== "0");
        }
    }

    quotes();
}


/* true when the whole answer has come, and is a good one */

async function answers(url, options) {
    try {
        const response = await fetch(url, options);

        await response.text();

        return response.ok;

    } catch {
        return false;
    }
}


function drop() {
    enable(false);
    log("All connections are dropped for " + AWAY / 1000 + " s");
    episodes.add(new Episode("Drop"));
    panels.forEach((panel) => panel.stream.reconnect(AWAY));
}


async function reload() {
    const episode = new Episode("Reload");

    enable(false);
    episodes.add(episode);

    if (await answers("/demo/reload", { method: "POST",
                                        headers: { "X-Demo": "1" } }))
    {
        log("nginx reloads, its old workers say goodbye");
        return;
    }

    episodes.delete(episode);
    log("nginx could not be told to reload");
    enable(true);
}


/* the plain site must not notice any of it */

function askNeighbour() {
    let asked = 0;
    let failed = 0;

    async function ask() {
        const good = await answers("plain/", { cache: "no-store" });

        asked++;
        failed += good ? 0 : 1;
        put(document.querySelector("[data-field=neighbour]"),
            "answered " + count(asked - failed) + " of " + count(asked)
            + " requests");
        setTimeout(ask, NEIGHBOUR_EVERY);
    }

    ask();
}


async function setClock() {
    offset = await clockOffset().catch(() => offset);
    setTimeout(setClock, CLOCK_EVERY);
}


function frame(time) {
    panels.forEach((panel) => panel.flush(true));
    chart.draw(time);
    requestAnimationFrame(frame);
}


async function start() {
    await setClock();

    USERS.forEach(addUser);
    panels.push(new Panel("prices", "/prices",
                          document.querySelector("[data-panel=prices]"),
                          showPrice));

    byId("drop").addEventListener("click", drop);
    byId("reload").addEventListener("click", reload);

    requestAnimationFrame(frame);
    setInterval(numbers, NUMBERS_EVERY);
    setInterval(() => {
        if (document.hidden) {
            panels.forEach((panel) => panel.flush(false));
        }
    }, HIDDEN_EVERY);

    askNeighbour();
    put(byId("log"), "Try either while the answers are being written: each"
        + " stream comes back at the record where it broke off.");
    enable(true);
}


start();
