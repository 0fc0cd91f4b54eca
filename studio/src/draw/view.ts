/** Which part of a song the lanes show. */
export interface View {
  /** Seconds at the left edge. */
  readonly start: number;
  /** Pixels of a second. */
  readonly scale: number;
}

export const CLOSEST = 4000; // pixels of a second

/** Return the view that shows the whole song. */
export function fit(duration: number, width: number): View {
  return { start: 0, scale: width / Math.max(duration, 0.01) };
}

/** Return the nearest view that shows nothing beyond the song. */
export function clamp(view: View, duration: number, width: number): View {
  const least = width / Math.max(duration, 0.01);
  const scale = Math.min(Math.max(view.scale, least), Math.max(CLOSEST, least));
  return { start: Math.min(Math.max(view.start, 0), Math.max(duration - width / scale, 0)), scale };
}

/** Return the view magnified by `factor`, with the moment at `x` pixels staying where it is. */
export function zoom(view: View, factor: number, x: number, duration: number, width: number): View {
  const least = width / Math.max(duration, 0.01);
  const scale = Math.min(Math.max(view.scale * factor, least), Math.max(CLOSEST, least));
  return clamp({ start: view.start + x / view.scale - x / scale, scale }, duration, width);
}

/** Return the view turned to the page on which `seconds` is, a little to the right of its left edge. */
export function follow(view: View, seconds: number, duration: number, width: number): View {
  const x = (seconds - view.start) * view.scale;
  if (x >= 0 && x < width) return view;
  return clamp({ ...view, start: seconds - (0.05 * width) / view.scale }, duration, width);
}

const STEPS = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1200, 3600];

export interface Ticks {
  /** Seconds between two labels. */
  readonly step: number;
  readonly at: readonly number[];
}

/** Return the times to be labelled, at least `apart` pixels from one another. */
export function ticks(view: View, width: number, apart = 80): Ticks {
  const step = STEPS.find((seconds) => seconds * view.scale >= apart) ?? 7200;
  const first = Math.ceil(view.start / step - 1e-9);
  const last = Math.floor((view.start + width / view.scale) / step + 1e-9);
  return { step, at: Array.from({ length: Math.max(last - first + 1, 0) }, (_, index) => (first + index) * step) };
}
