/** Draws waveforms, spectrograms and the ruler; every picture is of the same range of time. */
import { clock } from "../format.ts";
import { colourMap } from "./colours.ts";
import type { Placed } from "./tiles.ts";
import { ticks, type View } from "./view.ts";

/** Give a canvas the pixels of the screen and return its context, with CSS pixels as its unit. */
export function prepare(canvas: HTMLCanvasElement, width: number, height: number): CanvasRenderingContext2D | null {
  const ratio = window.devicePixelRatio || 1;
  const [columns, rows] = [Math.max(Math.round(width * ratio), 1), Math.max(Math.round(height * ratio), 1)];
  if (canvas.width !== columns || canvas.height !== rows) {
    canvas.width = columns;
    canvas.height = rows;
  }
  const context = canvas.getContext("2d");
  context?.setTransform(ratio, 0, 0, ratio, 0, 0);
  context?.clearRect(0, 0, width, height);
  return context;
}

/** Draw pairs of least and greatest samples, int8, a column of the screen at a time. */
export function drawWaveform(
  context: CanvasRenderingContext2D,
  tiles: readonly Placed[],
  view: View,
  width: number,
  height: number,
  colour: string,
): void {
  const ratio = window.devicePixelRatio || 1;
  const columns = Math.round(width * ratio);
  const low = new Int8Array(columns);
  const high = new Int8Array(columns);
  const drawn = new Uint8Array(columns);
  for (const tile of tiles) {
    const pairs = new Int8Array(tile.data.buffer, tile.data.byteOffset, tile.data.byteLength);
    const count = pairs.length / 2;
    const perColumn = count / ((tile.end - tile.start) * view.scale * ratio);
    const left = (tile.start - view.start) * view.scale * ratio;
    const first = Math.max(Math.floor(left), 0);
    const last = Math.min(Math.ceil((Math.min(tile.end, tile.known) - view.start) * view.scale * ratio), columns);
    for (let column = first; column < last; column++) {
      const from = Math.min(Math.max(Math.floor((column - left) * perColumn), 0), count - 1);
      const to = Math.min(Math.max(Math.ceil((column + 1 - left) * perColumn), from + 1), count);
      let [least, greatest] = [pairs[2 * from] ?? 0, pairs[2 * from + 1] ?? 0];
      for (let pair = from + 1; pair < to; pair++) {
        least = Math.min(least, pairs[2 * pair] ?? 0);
        greatest = Math.max(greatest, pairs[2 * pair + 1] ?? 0);
      }
      low[column] = least;
      high[column] = greatest;
      drawn[column] = 1;
    }
  }
  context.fillStyle = colour;
  const [middle, reach] = [height / 2, height / 2 - 1];
  context.beginPath();
  for (let column = 0; column < columns; column++) {
    if (drawn[column] === 0) continue;
    const top = middle - ((high[column] ?? 0) / 127) * reach;
    const bottom = middle - ((low[column] ?? 0) / 127) * reach;
    context.rect(column / ratio, top, 1 / ratio, Math.max(bottom - top, 1 / ratio));
  }
  context.fill();
}

const maps = new Map<boolean, Uint32Array>();
const pictures = new WeakMap<Uint8Array, { dark: boolean; canvas: HTMLCanvasElement }>();

/** Return the picture of a tile of `rows` rows, made once for each theme. */
function picture(data: Uint8Array, rows: number, dark: boolean): HTMLCanvasElement {
  const made = pictures.get(data);
  if (made?.dark === dark) return made.canvas;
  const canvas = document.createElement("canvas");
  canvas.width = Math.floor(data.length / rows);
  canvas.height = rows;
  const map = maps.get(dark) ?? colourMap(dark);
  maps.set(dark, map);
  const image = new ImageData(canvas.width, rows);
  const pixels = new Uint32Array(image.data.buffer);
  for (let index = 0; index < pixels.length; index++) pixels[index] = map[data[index] ?? 0] ?? 0;
  canvas.getContext("2d")?.putImageData(image, 0, 0);
  pictures.set(data, { dark, canvas });
  return canvas;
}

/** Draw levels of frequencies, uint8, with `rows` rows. */
export function drawSpectrogram(
  context: CanvasRenderingContext2D,
  tiles: readonly Placed[],
  view: View,
  height: number,
  rows: number,
  dark: boolean,
): void {
  for (const tile of tiles) {
    const canvas = picture(tile.data, rows, dark);
    const known = Math.max(Math.min(tile.end, tile.known) - tile.start, 0) / (tile.end - tile.start);
    const columns = canvas.width * known;
    if (columns < 1) continue;
    const [left, length] = [(tile.start - view.start) * view.scale, (tile.end - tile.start) * known * view.scale];
    context.drawImage(canvas, 0, 0, columns, rows, left, 0, length + 0.5, height);
  }
}

/** Draw what is not separated yet: a line in the middle, and hatching. */
export function drawPending(
  context: CanvasRenderingContext2D,
  from: number,
  width: number,
  height: number,
  colour: string,
): void {
  if (from >= width) return;
  context.save();
  context.beginPath();
  context.rect(from, 0, width - from, height);
  context.clip();
  context.strokeStyle = colour;
  context.lineWidth = 1;
  context.beginPath();
  for (let x = Math.floor(from / 8) * 8 - height; x < width; x += 8) {
    context.moveTo(x, height);
    context.lineTo(x + height, 0);
  }
  context.stroke();
  context.restore();
}

/** Draw the times above the lanes. */
export function drawRuler(
  context: CanvasRenderingContext2D,
  view: View,
  width: number,
  height: number,
  ink: string,
  line: string,
): void {
  const { step, at } = ticks(view, width);
  context.strokeStyle = line;
  context.fillStyle = ink;
  context.font = `500 11px ${getComputedStyle(context.canvas).fontFamily}`;
  context.textBaseline = "middle";
  context.beginPath();
  const minor = step / 5;
  for (let time = (at[0] ?? 0) - step; time < (at.at(-1) ?? 0) + step; time += minor) {
    const x = Math.round((time - view.start) * view.scale) + 0.5;
    if (time < 0) continue;
    context.moveTo(x, height);
    context.lineTo(x, height - 4);
  }
  for (const time of at) {
    const x = Math.round((time - view.start) * view.scale) + 0.5;
    context.moveTo(x, height);
    context.lineTo(x, height - 10);
    context.fillText(clock(time, step < 1 ? Math.ceil(-Math.log10(step)) : 0), x + 5, height / 2 - 2);
  }
  context.stroke();
}
