import assert from "node:assert/strict";
import { test } from "node:test";
import { levelOf, Tiles, tilesBetween } from "../src/draw/tiles.ts";
import { clamp, fit, follow, ticks, zoom } from "../src/draw/view.ts";

test("zooming keeps the moment under the pointer", () => {
  const before = { start: 10, scale: 20 };
  const after = zoom(before, 2, 100, 600, 1000);
  assert.equal(after.scale, 40);
  assert.equal(after.start + 100 / after.scale, before.start + 100 / before.scale);
});

test("nothing beyond the song is shown", () => {
  assert.deepEqual(clamp({ start: -3, scale: 0.1 }, 100, 1000), fit(100, 1000));
  assert.deepEqual(clamp({ start: 99, scale: 100 }, 100, 1000), { start: 90, scale: 100 });
});

test("the view turns its page when the position leaves it", () => {
  const view = { start: 10, scale: 100 };
  assert.equal(follow(view, 15, 100, 1000), view);
  assert.equal(follow(view, 20, 100, 1000).start, 19.5);
});

test("labels are at round times and far enough apart", () => {
  assert.deepEqual(ticks({ start: 4, scale: 20 }, 400), { step: 5, at: [5, 10, 15, 20] });
  assert.deepEqual(ticks({ start: 0, scale: 1000 }, 250).step, 0.1);
});

test("a tile level has a column for each pixel", () => {
  assert.equal(levelOf(100, -4, 12), 7);
  assert.equal(levelOf(1e9, -4, 12), 12);
  assert.deepEqual(tilesBetween(0, 1000, 2048), [0, 1]);
});

test("a tile is fetched once, and again when more of it is separated", async () => {
  const asked: number[] = [];
  const tiles = new Tiles(
    async ({ end }, columns) => {
      asked.push(end);
      return new Uint8Array(2 * columns);
    },
    () => undefined,
    8,
  );
  const settle = () => new Promise((resolve) => setTimeout(resolve, 0));
  assert.equal(tiles.between(0, 10, 1, 4, 10).length, 0);
  await settle();
  assert.deepEqual(tiles.between(0, 10, 1, 4, 10).map(({ end, known }) => [end, known]), [[8, 4]]);
  await settle();
  assert.deepEqual(asked, [8]);
  tiles.between(0, 10, 1, 10, 10);
  await settle();
  assert.deepEqual(tiles.between(0, 10, 1, 10, 10).map(({ end, known, data }) => [end, known, data.length]), [
    [8, 10, 16],
    [10, 10, 4],
  ]);
  assert.deepEqual(asked, [8, 8, 10]);
});
