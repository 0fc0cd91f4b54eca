/**
 * Data of a lane in tiles, at as many resolutions as zooming needs.
 *
 * At level k a second has 2^k columns, and a tile has `COLUMNS` of them. While a finer tile is on its way, a coarser one
 * is drawn. A tile that was fetched before all of its seconds were separated is fetched again when there is more.
 */
export const COLUMNS = 1024;

export interface Span {
  readonly start: number; // seconds
  readonly end: number;
}

/** Fetches `columns` columns of data. */
export type FetchTile = (span: Span, columns: number) => Promise<Uint8Array>;

interface Tile {
  data: Uint8Array | null;
  /** How many seconds of the song were separated when the data was asked for. */
  known: number;
  busy: boolean;
  retryAt: number;
}

export interface Placed extends Span {
  readonly data: Uint8Array;
  readonly key: string;
  /** Seconds of the song that were separated when the data was asked for. */
  readonly known: number;
}

/** Return the level with at least one column for each of `scale` pixels of a second. */
export function levelOf(scale: number, least: number, most: number): number {
  return Math.min(Math.max(Math.ceil(Math.log2(scale)), least), most);
}

/** Return the seconds of a tile; the last one ends with the song. */
export function spanOf(level: number, index: number, duration: number, columns = COLUMNS): Span {
  const seconds = columns / 2 ** level;
  return { start: index * seconds, end: Math.min((index + 1) * seconds, duration) };
}

/** Return the first and the last tile that show something between two times. */
export function tilesBetween(level: number, start: number, end: number, columns = COLUMNS): [number, number] {
  const seconds = columns / 2 ** level;
  return [Math.max(Math.floor(start / seconds), 0), Math.max(Math.ceil(end / seconds) - 1, 0)];
}

export class Tiles {
  private readonly tiles = new Map<string, Tile>(); // least recently used first

  constructor(
    private readonly fetch: FetchTile,
    /** Called when there is more to draw. */
    private readonly changed: () => void,
    private readonly columns = COLUMNS,
    private readonly least = -4,
    private readonly most = 12,
    private readonly limit = 160, // tiles
  ) {}

  /** Return what can be drawn of a range now, coarse before fine, and fetch what is missing. */
  between(start: number, end: number, scale: number, available: number, duration: number): Placed[] {
    const level = levelOf(scale, this.least, this.most);
    const [first, last] = tilesBetween(level, start, Math.min(end, duration), this.columns);
    const fine: Placed[] = [];
    let missing = false;
    for (let index = first; index <= last; index++) {
      const placed = this.at(level, index, available, duration);
      if (placed === null) missing ||= (index * this.columns) / 2 ** level < available;
      else fine.push(placed);
    }
    return missing ? [...this.coarser(level, start, end, duration), ...fine] : fine;
  }

  /** Return the tiles at hand of the nearest coarser level that has any in the range. */
  private coarser(level: number, start: number, end: number, duration: number): Placed[] {
    for (let below = level - 1; below >= this.least; below--) {
      const [first, last] = tilesBetween(below, start, end, this.columns);
      const found: Placed[] = [];
      for (let index = first; index <= last; index++) {
        const key = `${below}/${index}`;
        const tile = this.tiles.get(key);
        if (tile?.data) found.push({ ...spanOf(below, index, duration, this.columns), data: tile.data, key, known: tile.known });
      }
      if (found.length > 0) return found;
    }
    return [];
  }

  private at(level: number, index: number, available: number, duration: number): Placed | null {
    const span = spanOf(level, index, duration, this.columns);
    const key = `${level}/${index}`;
    const ready = Math.min(available, duration);
    let tile = this.tiles.get(key);
    if (tile === undefined) {
      tile = { data: null, known: 0, busy: false, retryAt: 0 };
    } else {
      this.tiles.delete(key);
    }
    this.tiles.set(key, tile);
    const more = tile.known < Math.min(span.end, ready) - 1e-6 && ready > span.start;
    if (more && !tile.busy && performance.now() >= tile.retryAt) {
      void this.load(tile, span, Math.max(Math.round((span.end - span.start) * 2 ** level), 1), ready);
    }
    return tile.data === null ? null : { ...span, data: tile.data, key, known: tile.known };
  }

  private async load(tile: Tile, span: Span, columns: number, known: number): Promise<void> {
    tile.busy = true;
    try {
      tile.data = await this.fetch(span, columns);
      tile.known = known;
      this.shrink();
    } catch {
      tile.retryAt = performance.now() + 2000; // drawn again with the next change
    } finally {
      tile.busy = false;
    }
    this.changed();
  }

  private shrink(): void {
    for (const key of this.tiles.keys()) {
      if (this.tiles.size <= this.limit) return;
      this.tiles.delete(key);
    }
  }
}
