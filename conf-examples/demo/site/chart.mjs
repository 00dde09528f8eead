/*
 * The last minute of a few prices, as lines, in per cent of where each was
 * at its left end.
 */

const SPAN = 60000;                     /* ms, on the whole width */
const STEPS = [0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20];     /* per cent */
const HOLE = 3000;                      /* ms, no line across */
const FRAME = 33;                       /* ms from picture to picture */
const FRAME_STILL = 1000;               /* where motion is not wanted */


export class Chart {

    constructor(canvas, now) {
        this._canvas = canvas;
        this._now = now;                /* function: the records' clock */
        this._series = new Map();       /* name: [{ time, price }] */
        this._drawn = 0;
        this._pointer = null;
        this._scale = 0;                /* per cent, half of the height */

        canvas.addEventListener("pointermove", (event) => {
            this._pointer = event.offsetX;
        });
        canvas.addEventListener("pointerleave", () => {
            this._pointer = null;
        });
    }


    add(name, time, price) {
        let points = this._series.get(name);

        if (points === undefined) {
            points = [];
            this._series.set(name, points);
        }

        points.push({ time, price });

        while (points.length > 2 && points[1].time < time - SPAN) {
            points.shift();
        }
    }


    /* name, colour index, last price and its change in per cent */

    quotes() {
        return [...this._series].sort().map(([name, points], index) => {
            const last = points.at(-1).price;

            return { name, index, price: last,
                     change: (last / points[0].price - 1) * 100 };
        });
    }


    draw(frame) {
        const still = matchMedia("(prefers-reduced-motion: reduce)").matches;

        if (frame - this._drawn < (still ? FRAME_STILL : FRAME)) {
            return;
        }

        this._drawn = frame;
        this._paint();
    }


    _paint() {
        const canvas = this._canvas;
        const css = getComputedStyle(canvas);
        const pad = parseFloat(css.paddingLeft);
        const width = canvas.clientWidth - 2 * pad;
        const height = canvas.clientHeight;
        const ratio = window.devicePixelRatio || 1;

        if (width <= 0) {
            return;
        }

        if (canvas.width !== Math.round(width * ratio)
            || canvas.height !== Math.round(height * ratio))
        {
            canvas.width = Math.round(width * ratio);
            canvas.height = Math.round(height * ratio);
        }

        const context = canvas.getContext("2d");
        const root = getComputedStyle(document.documentElement);
        const colour = (name) => root.getPropertyValue(name).trim();
        const now = this._now();
        const narrow = width < 480;
        const box = { left: 60, top: 12,
                      right: width - (narrow ? 10 : 68),
                      bottom: height - 26 };

        context.setTransform(ratio, 0, 0, ratio, 0, 0);
        context.clearRect(0, 0, width, height);
        context.font = "13px " + css.fontFamily;

        const lines = this._lines(now);
        const half = this._range(lines);
        const x = (time) => box.right
                            - (now - time) / SPAN * (box.right - box.left);
        const y = (change) => (box.top + box.bottom) / 2
                              - change / half * (box.bottom - box.top) / 2;

        this._grid(context, box, x, y, half, now, colour, narrow);

        for (const line of lines) {
            this._line(context, box, x, y, line, colour, !narrow);
        }

        if (this._pointer !== null) {
            this._cross(context, box, x, y, lines, this._pointer - pad, now,
                        colour);
        }
    }


    _lines(now) {
        return [...this._series].sort().map(([name, points], index) => {
            const seen = points.filter((p) => p.time >= now - SPAN);
            const base = seen.length ? seen[0].price : 1;

            return { name, index, points: seen.map((p) => ({
                time: p.time, price: p.price,
                change: (p.price / base - 1) * 100
            })) };
        });
    }


    /* widens at once, narrows slowly: the picture must not jump */

    _range(lines) {
        let most = 0.1;

        for (const { points } of lines) {
            for (const { change } of points) {
                most = Math.max(most, Math.abs(change));
            }
        }

        most *= 1.12;
        this._scale = most > this._scale ? most
                                         : this._scale * 0.97 + most * 0.03;

        return this._scale;
    }


    _grid(context, box, x, y, half, now, colour, narrow) {
        const step = STEPS.find((s) => half / s <= 3) || 50;
        const decimals = step < 0.1 ? 2 : step < 1 ? 1 : 0;

        context.lineWidth = 1;
        context.strokeStyle = colour("--line");
        context.fillStyle = colour("--soft");
        context.textBaseline = "middle";
        context.textAlign = "right";

        for (let i = -Math.floor(half / step); i * step <= half; i++) {
            const level = Math.round(y(i * step)) + 0.5;
            const text = (i > 0 ? "+" : i < 0 ? "\u2212" : "")
                         + Math.abs(i * step).toFixed(decimals) + "%";

            context.globalAlpha = i === 0 ? 1 : 0.7;
            context.beginPath();
            context.moveTo(box.left, level);
            context.lineTo(box.right, level);
            context.stroke();
            context.globalAlpha = 1;
            context.fillText(text, box.left - 8, level);
        }

        context.textBaseline = "alphabetic";

        for (const seconds of narrow ? [60, 30, 0] : [60, 45, 30, 15, 0]) {
            context.textAlign = seconds === 60 ? "left"
                                : seconds === 0 ? "right" : "center";
            context.fillText(seconds === 0 ? "now" : "\u2212" + seconds + " s",
                             x(now - seconds * 1000), box.bottom + 20);
        }
    }


    _line(context, box, x, y, line, colour, named) {
        const points = line.points;
        const stroke = colour("--series-" + line.index);

        if (points.length === 0) {
            return;
        }

        context.save();
        context.beginPath();
        context.rect(box.left, 0, box.right - box.left + 6, box.bottom + 6);
        context.clip();
        context.beginPath();

        let before = -Infinity;

        for (const { time, change } of points) {
            if (time - before > HOLE) {
                context.moveTo(x(time), y(change));
            }

            context.lineTo(x(time), y(change));
            before = time;
        }

        context.strokeStyle = stroke;
        context.lineWidth = 2;
        context.lineJoin = "round";
        context.stroke();
        context.restore();

        const last = points.at(-1);
        const end = { x: Math.min(x(last.time), box.right), y: y(last.change) };

        context.fillStyle = stroke;
        context.beginPath();
        context.arc(end.x, end.y, 4, 0, 2 * Math.PI);
        context.fill();

        if (named) {
            context.textAlign = "left";
            context.textBaseline = "middle";
            context.fillText(line.name, box.right + 12, end.y);
        }
    }


    _cross(context, box, x, y, lines, left, now, colour) {
        if (left < box.left || left > box.right) {
            return;
        }

        const time = now - (box.right - left) / (box.right - box.left) * SPAN;

        context.strokeStyle = colour("--soft");
        context.lineWidth = 1;
        context.beginPath();
        context.moveTo(Math.round(left) + 0.5, box.top);
        context.lineTo(Math.round(left) + 0.5, box.bottom);
        context.stroke();

        for (const { index, points } of lines) {
            const point = points.findLast((p) => p.time <= time);

            if (point === undefined) {
                continue;
            }

            const text = point.price.toFixed(2);
            const back = left > box.right - 80;

            context.fillStyle = colour("--series-" + index);
            context.beginPath();
            context.arc(left, y(point.change), 3.5, 0, 2 * Math.PI);
            context.fill();
            context.textAlign = back ? "right" : "left";
            context.textBaseline = "bottom";
            context.strokeStyle = colour("--card");
            context.lineWidth = 4;
            context.strokeText(text, left + (back ? -8 : 8),
                               y(point.change) - 4);
            context.fillText(text, left + (back ? -8 : 8),
                             y(point.change) - 4);
        }
    }
}
