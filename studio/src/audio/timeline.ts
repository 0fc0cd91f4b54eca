/**
 * When each part of a song is played.
 *
 * The service hands out a song in segments of equal length. Positions are samples of the song; frames are samples of the
 * audio context, which runs at the song's sample rate, so that both advance together. Everything here is whole numbers.
 */

export interface Layout {
  readonly segmentSamples: number;
  readonly totalSamples: number;
}

/** The range that is repeated, in samples; `end` is not part of it. */
export interface Loop {
  readonly start: number;
  readonly end: number;
}

/** What comes next: `position` is to sound at `frame`. */
export interface Cursor {
  readonly frame: number;
  readonly position: number;
}

/** A stretch of one segment that is played in one go. */
export interface Piece extends Cursor {
  readonly segment: number;
  /** Samples of the segment before the piece. */
  readonly offset: number;
  readonly length: number;
  /** The piece ends where the loop ends, so the start of the loop follows. */
  readonly wraps: boolean;
}

/** Return the piece to be played at the cursor, or null at the end of the song. */
export function nextPiece(cursor: Cursor, layout: Layout, loop: Loop | null): Piece | null {
  const { frame, position } = cursor;
  if (position >= layout.totalSamples) return null;
  const segment = Math.floor(position / layout.segmentSamples);
  let end = Math.min((segment + 1) * layout.segmentSamples, layout.totalSamples);
  const wraps = loop !== null && position < loop.end && loop.end <= end;
  if (wraps) end = loop.end;
  const offset = position - segment * layout.segmentSamples;
  return { segment, offset, length: end - position, frame, position, wraps };
}

/** Return the cursor after a piece. */
export function after(piece: Piece, loop: Loop | null): Cursor {
  return {
    frame: piece.frame + piece.length,
    position: piece.wraps && loop !== null ? loop.start : piece.position + piece.length,
  };
}

/** Return the position that sounds at a frame, given the pieces in the order of their frames; null without pieces. */
export function positionAt(frame: number, pieces: readonly Piece[]): number | null {
  const [first] = pieces;
  if (first === undefined) return null;
  let sounding = first;
  for (const piece of pieces) {
    if (piece.frame > frame) break;
    sounding = piece;
  }
  return sounding.position + Math.min(Math.max(frame - sounding.frame, 0), sounding.length);
}

export interface Rescheduled {
  /** How many pieces stay. */
  readonly keep: number;
  /** The frame at which the last piece that stays has to stop, or null if it plays to its end. */
  readonly stopAt: number | null;
  readonly cursor: Cursor;
}

/**
 * Return what stays of the scheduled pieces when the loop changes: those that have begun at `now`, the last of them cut
 * where the new loop ends. `now` is the first frame that can still be changed.
 */
export function reschedule(pieces: readonly Piece[], now: number, loop: Loop | null): Rescheduled | null {
  const begun = pieces.filter((piece) => piece.frame < now);
  const last = begun.at(-1);
  if (last === undefined) return null;
  const ends = last.position + last.length;
  const playing = last.position + (now - last.frame); // at `now`
  if (loop !== null && playing <= loop.end && loop.end < ends && last.position < loop.end) {
    const stopAt = last.frame + (loop.end - last.position);
    return { keep: begun.length, stopAt, cursor: { frame: stopAt, position: loop.start } };
  }
  const wraps = loop !== null && last.position < loop.end && loop.end === ends;
  return {
    keep: begun.length,
    stopAt: null,
    cursor: { frame: last.frame + last.length, position: wraps ? loop.start : ends },
  };
}

/** Return the loop between two points in seconds, in whichever order, or null if it is shorter than `minimum` seconds. */
export function loopBetween(a: number, b: number, sampleRate: number, totalSamples: number, minimum = 0.05): Loop | null {
  const clamp = (seconds: number) => Math.min(Math.max(Math.round(seconds * sampleRate), 0), totalSamples);
  const [start, end] = a < b ? [clamp(a), clamp(b)] : [clamp(b), clamp(a)];
  return end - start < minimum * sampleRate ? null : { start, end };
}
