import assert from "node:assert/strict";
import { test } from "node:test";
import { after, loopBetween, nextPiece, positionAt, reschedule, type Cursor, type Loop, type Piece } from "../src/audio/timeline.ts";

const LAYOUT = { segmentSamples: 100, totalSamples: 250 };

function play(from: Cursor, loop: Loop | null, count: number): Piece[] {
  const pieces: Piece[] = [];
  let cursor = from;
  while (pieces.length < count) {
    const piece = nextPiece(cursor, LAYOUT, loop);
    if (piece === null) break;
    pieces.push(piece);
    cursor = after(piece, loop);
  }
  return pieces;
}

const spans = (pieces: readonly Piece[]) => pieces.map(({ frame, position, length }) => [frame, position, length]);

test("pieces follow one another without a gap and end with the song", () => {
  const pieces = play({ frame: 1000, position: 30 }, null, 9);
  assert.deepEqual(spans(pieces), [
    [1000, 30, 70],
    [1070, 100, 100],
    [1170, 200, 50],
  ]);
  assert.deepEqual(
    pieces.map(({ segment, offset }) => [segment, offset]),
    [
      [0, 30],
      [1, 0],
      [2, 0],
    ],
  );
});

test("a loop jumps back at its end, again and again, without a gap", () => {
  const loop = { start: 80, end: 120 };
  assert.deepEqual(spans(play({ frame: 0, position: 60 }, loop, 6)), [
    [0, 60, 40],
    [40, 100, 20],
    [60, 80, 20],
    [80, 100, 20],
    [100, 80, 20],
    [120, 100, 20],
  ]);
});

test("a loop that ends with a segment or with the song jumps there", () => {
  assert.deepEqual(spans(play({ frame: 0, position: 90 }, { start: 50, end: 100 }, 3)), [
    [0, 90, 10],
    [10, 50, 50],
    [60, 50, 50],
  ]);
  assert.deepEqual(spans(play({ frame: 0, position: 240 }, { start: 230, end: 250 }, 3)), [
    [0, 240, 10],
    [10, 230, 20],
    [30, 230, 20],
  ]);
});

test("what is after a loop is played to the end of the song", () => {
  assert.deepEqual(spans(play({ frame: 0, position: 150 }, { start: 50, end: 100 }, 9)), [
    [0, 150, 50],
    [50, 200, 50],
  ]);
});

test("the position follows the pieces, through loops and gaps", () => {
  const pieces = play({ frame: 1000, position: 60 }, { start: 80, end: 120 }, 4);
  const at = [900, 1000, 1039, 1040, 1059, 1060, 1085, 5000].map((frame) => positionAt(frame, pieces));
  assert.deepEqual(at, [60, 60, 99, 100, 119, 80, 105, 120]);
  assert.equal(positionAt(0, []), null);
});

test("a new loop cuts the piece that sounds", () => {
  const pieces = play({ frame: 0, position: 0 }, null, 3);
  assert.deepEqual(reschedule(pieces, 20, { start: 10, end: 60 }), {
    keep: 1,
    stopAt: 60,
    cursor: { frame: 60, position: 10 },
  });
});

test("a loop that is taken away lets the song go on after the piece that sounds", () => {
  const pieces = play({ frame: 0, position: 60 }, { start: 80, end: 120 }, 4);
  assert.deepEqual(reschedule(pieces, 50, null), { keep: 2, stopAt: null, cursor: { frame: 60, position: 120 } });
});

test("a loop elsewhere changes nothing of what sounds, and one that ends with it jumps", () => {
  const pieces = play({ frame: 0, position: 0 }, null, 3);
  const rest = { keep: 2, stopAt: null };
  assert.deepEqual(reschedule(pieces, 150, { start: 10, end: 60 }), { ...rest, cursor: { frame: 200, position: 200 } });
  assert.deepEqual(reschedule(pieces, 150, { start: 10, end: 200 }), { ...rest, cursor: { frame: 200, position: 10 } });
  assert.equal(reschedule(pieces, 0, null), null);
});

test("loops are whole samples within the song, and not too short", () => {
  assert.deepEqual(loopBetween(2, 1, 10, 250), { start: 10, end: 20 });
  assert.deepEqual(loopBetween(-1, 99, 10, 250), { start: 0, end: 250 });
  assert.equal(loopBetween(1, 1.01, 1000, 5000), null);
});
