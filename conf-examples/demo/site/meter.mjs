/*
 * What is counted of a stream: rate, latency, and whether anything was lost.
 */

const RATE_SPAN = 5000;                 /* ms */
const LATENCY_SPAN = 30000;             /* ms */


/* numbers of the last so many ms, oldest first */

class Recent {

    constructor(span) {
        this.span = span;
        this.items = [];
    }

    add(time, value) {
        this.items.push([time, value]);
    }

    values(now) {
        const first = this.items.findIndex(([time]) => time > now - this.span);

        this.items.splice(0, first === -1 ? this.items.length : first);

        return this.items.map(([, value]) => value);
    }
}


export class Meter {

    constructor() {
        this.records = 0;
        this.lost = 0;
        this.doubled = 0;
        this.late = 0;                  /* caught up after an absence */
        this.born = performance.now();

        this._run = null;
        this._next = new Map();         /* source: number that comes next */
        this._arrivals = new Recent(RATE_SPAN);
        this._latencies = new Recent(LATENCY_SPAN);
    }


    /* one record, by the numbers inside its value */

    count(run, source, seq) {
        if (run !== this._run) {        /* the feed was started anew */
            this._run = run;
            this._next.clear();
        }

        const next = this._next.get(source);

        this.records++;

        if (next !== undefined && seq < next) {
            this.doubled++;
            return;
        }

        if (next !== undefined) {
            this.lost += seq - next;
        }

        this._next.set(source, seq + 1);
    }


    /* records came at once: so many live, so many that had been waiting */

    shown(now, live, late, latencies) {
        this._arrivals.add(now, live);
        this.late += late;

        for (const latency of latencies) {
            this._latencies.add(now, latency);
        }
    }


    rate(now) {
        const n = this._arrivals.values(now).reduce((a, b) => a + b, 0);
        const span = Math.min(RATE_SPAN, Math.max(1000, now - this.born));

        return n * 1000 / span;
    }


    latencies(now) {
        return this._latencies.values(now);
    }
}


export function percentile(numbers, share) {
    if (numbers.length === 0) {
        return null;
    }

    const sorted = Float64Array.from(numbers).sort();

    return sorted[Math.ceil(share * sorted.length) - 1];
}


/*
 * The clock that stamps the records may not be the one of this machine.
 * Resolves to what must be added to Date.now().
 */

export async function clockOffset() {
    let best = { rtt: Infinity, offset: 0 };

    for (let i = 0; i < 5; i++) {
        const begin = performance.now();
        const response = await fetch("/demo/clock", { cache: "no-store" });
        const { now } = await response.json();
        const rtt = performance.now() - begin;

        if (rtt < best.rtt) {
            best = { rtt, offset: now + rtt / 2 - Date.now() };
        }
    }

    /* the same clock, as far as one can tell */

    return Math.abs(best.offset) <= best.rtt / 2 + 1 ? 0 : best.offset;
}
