/*
 * The demo's own counting under node: what is lost or doubled must show.
 */

import { test } from "node:test";
import assert from "node:assert/strict";
import { Meter, percentile } from "../../conf-examples/demo/site/meter.mjs";


function counted(...numbers) {
    const meter = new Meter();

    numbers.forEach((n) => meter.count("run", "source", n));

    return [meter.records, meter.lost, meter.doubled];
}


test("numbers without holes, from any on: nothing lost, nothing doubled",
     () => {
    assert.deepEqual(counted(7, 8, 9, 10), [4, 0, 0]);
});


test("a hole is lost, by its size", () => {
    assert.deepEqual(counted(7, 8, 12), [3, 3, 0]);
});


test("a number again, or one too late, is doubled", () => {
    assert.deepEqual(counted(7, 8, 8, 9), [4, 0, 1]);
    assert.deepEqual(counted(7, 9, 8, 10), [4, 1, 1]);
    assert.deepEqual(counted(7, 8, 9, 7, 8, 9, 10), [7, 0, 3]);
});


test("each source counts for itself", () => {
    const meter = new Meter();

    meter.count("run", "a", 1);
    meter.count("run", "b", 100);
    meter.count("run", "a", 2);
    meter.count("run", "b", 102);
    assert.deepEqual([meter.lost, meter.doubled], [1, 0]);
});


test("a feed that was started anew counts anew", () => {
    const meter = new Meter();

    meter.count("one", "a", 100);
    meter.count("two", "a", 0);
    meter.count("two", "a", 1);
    assert.deepEqual([meter.lost, meter.doubled], [0, 0]);
});


test("the rate is of the live records of the last five seconds", () => {
    const meter = new Meter();
    const begin = meter.born;

    meter.shown(begin + 100, 50, 0, []);
    assert.equal(meter.rate(begin + 200), 50);
    meter.shown(begin + 5000, 50, 1000, []);
    assert.equal(meter.rate(begin + 5000), 20);
    assert.equal(meter.rate(begin + 6000), 10);
    assert.equal(meter.rate(begin + 20000), 0);
    assert.equal(meter.late, 1000);
});


test("latencies are those of the last 30 seconds", () => {
    const meter = new Meter();

    meter.shown(1000, 2, 0, [5, 6]);
    meter.shown(20000, 1, 0, [7]);
    assert.deepEqual(meter.latencies(21000), [5, 6, 7]);
    assert.deepEqual(meter.latencies(40000), [7]);
});


test("percentiles are values that occurred", () => {
    const numbers = Array.from({ length: 100 }, (_, i) => 100 - i);

    assert.equal(percentile(numbers, 0.5), 50);
    assert.equal(percentile(numbers, 0.99), 99);
    assert.equal(percentile([3], 0.99), 3);
    assert.equal(percentile([], 0.5), null);
});
