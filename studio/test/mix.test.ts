import assert from "node:assert/strict";
import { test } from "node:test";
import { gainOf, gains, isSilent, mixQuery, panGains, SILENT, UNITY, type Channel } from "../src/audio/mix.ts";

const desk = (channels: Record<string, Partial<Channel>>) =>
  new Map(Object.entries(channels).map(([stem, change]) => [stem, { ...UNITY, ...change }]));

test("volumes are decibels, and the lowest place of a fader is silence", () => {
  assert.equal(gainOf(0), 1);
  assert.ok(Math.abs(gainOf(-6) - 0.501187) < 1e-6);
  assert.equal(gainOf(SILENT), 0);
});

test("mute wins over solo, and solo silences the others", () => {
  assert.deepEqual([...gains(desk({ drums: {}, bass: { muted: true } }))], [["drums", 1], ["bass", 0]]);
  assert.deepEqual([...gains(desk({ drums: {}, bass: { solo: true } }))], [["drums", 0], ["bass", 1]]);
  assert.ok(isSilent(desk({ drums: {}, bass: { solo: true, muted: true } })));
});

test("the pan is of constant power, and changes nothing in the middle", () => {
  assert.deepEqual(panGains(0), [1, 1]);
  for (const pan of [-1, -0.4, 0.1, 0.7, 1]) {
    const [left, right] = panGains(pan);
    assert.ok(Math.abs(left ** 2 + right ** 2 - 2) < 1e-12);
    assert.deepEqual(panGains(-pan).map((gain) => gain.toFixed(9)), [right, left].map((gain) => gain.toFixed(9)));
  }
  assert.ok(Math.abs(panGains(-1)[0] - Math.SQRT2) < 1e-12 && Math.abs(panGains(-1)[1]) < 1e-12);
});

test("a mix names what differs from the default", () => {
  const query = mixQuery(desk({ drums: { volume: -6, pan: -0.5 }, bass: {}, vocals: { muted: true, pan: 1 } }), "flac");
  assert.equal(query.toString(), "format=flac&gain.drums=0.501187&pan.drums=-0.5&gain.vocals=0");
});
