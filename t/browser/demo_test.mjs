/*
 * The demo in Chromium: all panels move, the buttons lose nothing, no console
 * error, readable on a telephone and on a desk.
 *
 *     node demo_test.mjs MODULE.so
 *
 * TAP on the standard output; pictures in pictures/.
 */

import { spawn } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, readdirSync, statSync }
    from "node:fs";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";
import { contrasts, fontSizes, overflows, smallTargets } from "./readable.mjs";

const HERE = dirname(fileURLToPath(import.meta.url));
const DEMO = join(HERE, "../../conf-examples/demo");
const PICTURES = join(HERE, "pictures");
const CHROMIUM = process.env.CHROMIUM || "/usr/bin/chromium";

const PANELS = ["alice", "bruno", "chloe", "dana", "prices"];
const STREAMS = PANELS.length;
const FIRST_RECORD = 15000;             /* ms, from the command to the page */
const START_WAIT = 120000;              /* ms */
const WAIT = 20000;                     /* ms */
const FONT_MIN = 12;                    /* px */
const TARGET_MIN = 40;                  /* px */
const CONTRAST_MIN = 4.5;               /* WCAG 2.2, AA */
const PICTURE_MIN = 20000;              /* bytes: an empty page has less */

let number = 0;
let failed = 0;


function ok(good, name, detail) {
    number++;
    failed += good ? 0 : 1;
    console.log((good ? "ok " : "not ok ") + number + " - " + name);

    if (!good && detail !== undefined) {
        console.log("# " + JSON.stringify(detail).slice(0, 2000));
    }
}


/* true when the condition has come true in time */

async function until(condition, wait = WAIT) {
    const deadline = Date.now() + wait;

    for ( ;; ) {
        if (await condition()) {
            return true;
        }

        if (Date.now() > deadline) {
            return false;
        }

        await new Promise((resolve) => setTimeout(resolve, 50));
    }
}


/* the demo as a user starts it */

class Demo {

    constructor(module) {
        this.begun = Date.now();
        this.lines = [];
        this.ended = null;
        this._sessions = [];
        this._child = spawn("setpriv", ["--pdeathsig", "TERM", "--",
                                        join(DEMO, "run"), module], {
            stdio: ["ignore", "pipe", "pipe"],
            env: { ...process.env, DEMO_SECONDS: "",
                   DEMO_PORT: process.env.DEMO_PORT || "18080" }
        });

        for (const stream of [this._child.stdout, this._child.stderr]) {
            createInterface({ input: stream }).on("line", (line) => {
                this.lines.push(line);
            });
        }

        this._child.on("exit", (code, signal) => {
            this.ended = { code, signal };
        });
    }


    async url() {
        const find = () => /http:\S+/.exec(this.lines.join("\n"));

        await until(() => find() || this.ended, START_WAIT);

        /* the broker, the feed and nginx lead a session each */

        this._sessions = processes()
            .filter(({ parent }) => parent === this._child.pid)
            .map(({ session }) => session);

        return find()?.[0];
    }


    sessions() {
        return this._sessions.length;
    }


    /* what still runs of it */

    left() {
        return processes().filter(({ pid, session }) =>
            pid === this._child.pid || this._sessions.includes(session));
    }


    async stop() {
        if (this.ended === null) {
            this._child.kill("SIGTERM");
            await Promise.race([once(this._child, "exit"),
                new Promise((resolve) => setTimeout(resolve, 90000))]);
        }

        return this.ended;
    }
}


/* pid, parent, session and command line of all that is alive */

function processes() {
    return readdirSync("/proc").filter((name) => /^\d+$/.test(name))
        .map((pid) => {
            try {
                const stat = readFileSync("/proc/" + pid + "/stat", "utf8");
                const [state, parent, , session] =
                    stat.slice(stat.lastIndexOf(")") + 2).split(" ");

                return { pid: Number(pid), state, parent: Number(parent),
                         session: Number(session),
                         command: readFileSync("/proc/" + pid + "/cmdline",
                                     "utf8").replaceAll("\0", " ") };
            } catch {
                return { state: "Z" };  /* it has just ended */
            }
        })
        .filter(({ state }) => state !== "Z");
}


/* what a panel says */

function read(page, name) {
    return page.evaluate((panel) => {
        const element = document.querySelector("[data-panel=" + panel + "]");

        if (element === null) {         /* not yet */
            return { records: 0 };
        }

        const text = (field) => element.querySelector(
            "[data-field=" + field + "]")?.textContent;
        const [records, lost, doubled, resumes] = text("proof").split(" · ")
            .map((part) => parseInt(part.replaceAll(",", ""), 10));

        return { state: text("state"), rate: Number(text("rate")),
                 p50: text("p50"), p99: text("p99"), cursor: text("cursor"),
                 answer: text("answer"), records, lost, doubled, resumes,
                 conf: element.querySelector("pre").textContent };
    }, name);
}


async function readAll(page) {
    const all = await Promise.all(PANELS.map((name) => read(page, name)));

    return Object.fromEntries(PANELS.map((name, i) => [name, all[i]]));
}


const every = (all, test) => Object.values(all).every(test);
const milliseconds = (text) => Number(text.replace(/[^\d.]/g, "") || NaN);


async function open(browser, url, width, scheme) {
    const page = await browser.newPage({
        viewport: { width, height: width < 600 ? 780 : 900 },
        colorScheme: scheme
    });
    const seen = { errors: [], requests: [] };

    page.on("console", (message) => {
        if (["error", "warning"].includes(message.type())) {
            seen.errors.push(message.text());
        }
    });
    page.on("pageerror", (error) => seen.errors.push(error.message));
    page.on("requestfailed", (request) => seen.errors.push(
        request.url() + ": " + request.failure()?.errorText));
    page.on("request", (request) => seen.requests.push(request.url()));
    page.on("websocket", (socket) => seen.requests.push(socket.url()));

    const response = await page.goto(url);

    return { page, seen, status: response.status() };
}


async function testMoves(page, demo) {
    let before, after;

    ok(await until(async () => every(await readAll(page),
                                     (p) => p.records > 0)),
       "every panel has records", await readAll(page));

    const took = Date.now() - demo.begun;

    console.log("# records on the page after " + took + " ms");
    ok(took < FIRST_RECORD, "that is within " + FIRST_RECORD
       + " ms of the command", took);

    ok(every(await readAll(page), (p) => p.state === "live"),
       "every panel says that it is live");

    before = await readAll(page);

    const picture = () => page.$eval("#chart", (c) => c.toDataURL());
    const chart = await picture();

    ok(await until(async () => {
        after = await readAll(page);
        return PANELS.every((n) => after[n].records > before[n].records + 10);
    }), "every panel moves", { before, after });

    ok(await until(async () => {
        after = await readAll(page);
        return PANELS.slice(0, 4).every(
            (n) => after[n].answer && after[n].answer !== before[n].answer);
    }), "every answer grows", after);

    ok(await until(async () => await picture() !== chart), "the chart moves");

    ok(await until(async () => every(await readAll(page),
        (p) => p.rate > 1 && milliseconds(p.p50) >= 0
               && milliseconds(p.p99) >= milliseconds(p.p50))),
       "every panel has a rate, p50 and p99", await readAll(page));

    after = await readAll(page);
    ok(every(after, (p) => /^\d+:\d+(,\d+:\d+)*$/.test(p.cursor)),
       "every panel has its last cursor", after);
    ok(after.prices.cursor.split(",").length === 3,
       "that of the prices has three partitions", after.prices.cursor);
}


async function testConfiguration(page) {
    const words = (line) => line.trim().replace(/\s+/g, " ");
    const conf = readFileSync(join(DEMO, "nginx.conf"), "utf8")
                 .split("\n").map(words);

    for (const [name, panel] of Object.entries(await readAll(page))) {
        const lines = panel.conf.split("\n").map(words).filter(Boolean);

        ok(lines.length === 5 && lines.every((l) => conf.includes(l)),
           name + ": its three lines are those of nginx.conf", lines);
    }
}


async function testButton(page, id, word) {
    const before = await readAll(page);
    const status = () => page.textContent("#log");

    await page.click("#" + id);

    ok(await until(async () => (await status()).includes(word
        + ": all " + STREAMS + " streams back")),
       word + ": all streams come back", await status());
    console.log("# " + await status());
    ok((await status()).endsWith("nothing lost"),
       word + ": the page says that nothing was lost", await status());

    let after;

    ok(await until(async () => {
        after = await readAll(page);
        return PANELS.every((n) => after[n].records > before[n].records + 10
                                   && after[n].resumes === before[n].resumes
                                                           + 1);
    }), word + ": every panel resumed once, and moves on", { before, after });
    ok(every(after, (p) => p.lost === 0 && p.doubled === 0
                               && p.resumes > 0),
       word + ": 0 lost, 0 doubled in every panel", after);
}


async function testReadable(page, name, texts = 30) {
    ok((await page.evaluate(overflows)).length === 0,
       name + ": nothing is wider than the screen",
       await page.evaluate(overflows));

    const sizes = await page.evaluate(fontSizes);

    ok(sizes.length >= texts && sizes.every((s) => s.px >= FONT_MIN),
       name + ": no text is smaller than " + FONT_MIN + " px",
       sizes.filter((s) => s.px < FONT_MIN));

    const poor = await page.evaluate(contrasts, CONTRAST_MIN);

    ok(poor.length === 0, name + ": every text has a contrast of "
       + CONTRAST_MIN, poor);

    const small = await page.evaluate(smallTargets, TARGET_MIN);

    ok(small.length === 0, name + ": every button is " + TARGET_MIN
       + " px high", small);

    const file = join(PICTURES, "demo-" + name + ".png");

    await page.screenshot({ path: file, fullPage: true });
    ok(existsSync(file) && statSync(file).size > PICTURE_MIN,
       name + ": picture taken");
    console.log("# " + file);
}


async function testAccessible(page) {
    const facts = await page.evaluate(() => ({
        lang: document.documentElement.lang,
        h1: document.querySelectorAll("h1").length,
        main: document.querySelectorAll("main").length,
        noAlt: document.querySelectorAll("img:not([alt])").length,
        unnamed: [...document.querySelectorAll("button, [role=img], section")]
            .filter((e) => !e.textContent.trim()
                           && !e.getAttribute("aria-label")).length,
        live: document.querySelectorAll("[role=status]").length,
        levels: [...document.querySelectorAll("h1, h2, h3")]
            .map((e) => Number(e.tagName[1]))
    }));

    ok(facts.lang === "en" && facts.h1 === 1 && facts.main === 1
       && facts.live === 1, "language, title, main part and status", facts);
    ok(facts.noAlt === 0 && facts.unnamed === 0, "everything has a name",
       facts);
    ok(facts.levels.every((l, i) => i === 0 || l <= facts.levels[i - 1] + 1),
       "no level of headings is skipped", facts.levels);

    await page.focus("#drop");
    await page.keyboard.press("Tab");
    ok(await page.evaluate(() => document.activeElement.id === "reload"
        && document.activeElement.matches(":focus-visible")),
       "the keyboard reaches the buttons");
}


async function testPages(browser, url, demo) {
    const { page, seen, status } = await open(browser, url, 1440, "light");

    ok(status === 200, "the page opens");
    await testMoves(page, demo);
    await testConfiguration(page);
    await testReadable(page, "1440-light");
    await testAccessible(page);
    await testButton(page, "drop", "Drop");
    await testButton(page, "reload", "Reload");
    await testButton(page, "drop", "Drop");
    await testButton(page, "reload", "Reload");
    await page.screenshot({ path: join(PICTURES, "demo-after.png") });

    const neighbour = await page.textContent("[data-field=neighbour]");

    ok(/^answered (\d+) of \1 requests$/.test(neighbour),
       "the plain site noticed nothing", neighbour);

    const origin = new URL(url).host;

    ok(seen.requests.length > 10
       && seen.requests.every((r) => new URL(r).host === origin),
       "nothing is loaded from elsewhere",
       seen.requests.filter((r) => new URL(r).host !== origin));
    ok(seen.errors.length === 0, "no console error", seen.errors);
    await page.close();

    for (const [width, scheme] of [[360, "light"], [360, "dark"],
                                   [1440, "dark"]])
    {
        const name = width + "-" + scheme;
        const other = await open(browser, url, width, scheme);

        ok(await until(async () => every(await readAll(other.page),
            (p) => p.records > 0 && p.rate > 1 && milliseconds(p.p50) >= 0)),
           name + ": every panel moves", await readAll(other.page));
        await testReadable(other.page, name);
        ok(other.seen.errors.length === 0, name + ": no console error",
           other.seen.errors);
        await other.page.close();
    }

    const plain = await open(browser, url + "plain/", 360, "light");

    ok(plain.status === 200, "the plain site opens");
    await testReadable(plain.page, "plain", 5);
    ok(plain.seen.errors.length === 0, "plain: no console error",
       plain.seen.errors);
    await plain.page.close();
}


async function main(module) {
    mkdirSync(PICTURES, { recursive: true });

    const demo = new Demo(module);
    let browser;

    try {
        browser = await chromium.launch({
            executablePath: CHROMIUM,
            args: ["--no-sandbox", "--disable-gpu", "--disable-quic",
                   "--no-first-run", "--disable-background-networking",
                   "--disable-component-update", "--disable-sync"]
        });

        const url = await demo.url();

        ok(url !== undefined && demo.sessions() >= 2, "the demo starts",
           demo.lines);

        if (url !== undefined) {
            console.log("# " + url);
            await testPages(browser, url, demo);
        }

    } catch (error) {
        ok(false, "the test runs to its end", error.stack);

    } finally {
        await browser?.close();
    }

    const end = await demo.stop();

    ok(end?.code === 0, "the demo ends in order", [end, demo.lines]);
    ok(await until(() => demo.left().length === 0, 5000),
       "no process is left", demo.left());
    console.log("1.." + number);

    return failed ? 1 : 0;
}


process.exit(await main(process.argv[2]));
