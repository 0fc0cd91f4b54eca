import assert from "node:assert/strict";
import { test } from "node:test";
import { SegmentStore } from "../src/audio/store.ts";
import { channelOf, parseWav } from "../src/audio/wav.ts";

function wav(samples: readonly number[], channels: number, bits = 16): ArrayBuffer {
  const view = new DataView(new ArrayBuffer(44 + 2 * samples.length));
  const text = (at: number, tag: string) => [...tag].forEach((letter, index) => view.setUint8(at + index, letter.charCodeAt(0)));
  text(0, "RIFF");
  text(8, "WAVEfmt ");
  view.setUint32(16, 16, true);
  view.setUint16(20, 1, true);
  view.setUint16(22, channels, true);
  view.setUint32(24, 44100, true);
  view.setUint16(34, bits, true);
  text(36, "data");
  view.setUint32(40, 2 * samples.length, true);
  samples.forEach((sample, index) => view.setInt16(44 + 2 * index, sample, true));
  return view.buffer as ArrayBuffer;
}

test("samples of a WAV file become floats", () => {
  const pcm = parseWav(wav([0, 16384, -32768, 1, 2, 3], 2));
  assert.equal(pcm.sampleRate, 44100);
  assert.deepEqual([...channelOf(pcm, 0, 0, 3)], [0, -1, 2 / 32768]);
  assert.deepEqual([...channelOf(pcm, 1, 1, 2)], [1 / 32768, 3 / 32768]);
});

test("mono is on both sides", () => {
  const pcm = parseWav(wav([16384, 0], 1));
  assert.deepEqual(channelOf(pcm, 0, 0, 2), channelOf(pcm, 1, 0, 2));
});

test("other files are refused", () => {
  assert.throws(() => parseWav(new ArrayBuffer(4)), RangeError);
  assert.throws(() => parseWav(wav([0], 1, 24)), RangeError);
});

test("the store fetches a segment once, and forgets the oldest beyond its limit", async () => {
  const asked: string[] = [];
  const store = new SegmentStore(async (stem, segment) => {
    asked.push(`${stem}${segment}`);
    return segment > 8 ? null : wav(new Array<number>(100).fill(1), 1);
  }, 450);
  await Promise.all([store.all(["a", "b"], 0), store.get("a", 0)]);
  assert.deepEqual(asked, ["a0", "b0"]);
  await store.get("a", 1);
  assert.equal(store.bytes, 400); // two of 200 bytes
  await store.get("b", 0);
  assert.deepEqual(asked, ["a0", "b0", "a1"]);
  await store.get("a", 0);
  assert.deepEqual(asked, ["a0", "b0", "a1", "a0"]);
  assert.equal(await store.all(["a", "b"], 9), null);
});
