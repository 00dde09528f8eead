/*
 * Time and chance in the hands of a test: setTimeout, setInterval, Date.now
 * and Math.random of this process, until restore().
 */

export class Clock {

    constructor() {
        this._now = 0;
        this._timers = new Map();
        this._last = 0;
        this._saved = [];

        this._replace(globalThis, "setTimeout",
                      (f, delay) => this._add(f, delay, false));
        this._replace(globalThis, "setInterval",
                      (f, delay) => this._add(f, delay, true));
        this._replace(globalThis, "clearTimeout",
                      (id) => this._timers.delete(id));
        this._replace(globalThis, "clearInterval",
                      (id) => this._timers.delete(id));
        this._replace(Date, "now", () => this._now);
    }


    /* from now on Math.random() is that number */

    random(number) {
        this._replace(Math, "random", () => number);
    }


    /* runs what is due in the next so many ms, in order */

    tick(ms) {
        const until = this._now + ms;

        for ( ;; ) {
            const [id, timer] = [...this._timers]
                .filter(([, t]) => t.due <= until)
                .sort(([, a], [, b]) => a.due - b.due)[0] || [];

            if (timer === undefined) {
                break;
            }

            this._now = timer.due;

            if (timer.repeats) {
                timer.due += timer.delay;

            } else {
                this._timers.delete(id);
            }

            timer.f();
        }

        this._now = until;
    }


    restore() {
        for (const [object, name, value] of this._saved.reverse()) {
            object[name] = value;
        }
    }


    _add(f, delay, repeats) {
        const id = ++this._last;

        this._timers.set(id, { f, delay, repeats, due: this._now + delay });

        return id;
    }


    _replace(object, name, value) {
        this._saved.push([object, name, object[name]]);
        object[name] = value;
    }
}
