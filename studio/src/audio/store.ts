/** The segments that are at hand, in as little memory as `limit` says. */
import { parseWav, type Pcm } from "./wav.ts";

/** Fetches the WAV file of a segment; null while it is not computed. */
export type Fetch = (stem: string, segment: number) => Promise<ArrayBuffer | null>;

export class SegmentStore {
  private readonly kept = new Map<string, Pcm>(); // least recently used first
  private readonly coming = new Map<string, Promise<Pcm | null>>();
  private size = 0;

  constructor(
    private readonly fetch: Fetch,
    private readonly limit = 64 * 2 ** 20, // bytes
  ) {}

  get bytes(): number {
    return this.size;
  }

  /** Return a segment of a stem, or null while it is not computed; throw what fetching throws. */
  async get(stem: string, segment: number): Promise<Pcm | null> {
    const key = `${segment}/${stem}`;
    const found = this.kept.get(key);
    if (found !== undefined) {
      this.kept.delete(key);
      this.kept.set(key, found);
      return found;
    }
    let coming = this.coming.get(key);
    if (coming === undefined) {
      coming = this.load(key, stem, segment);
      this.coming.set(key, coming);
    }
    return coming;
  }

  /** Return a segment of all stems, or null while any of them is not computed. */
  async all(stems: readonly string[], segment: number): Promise<Pcm[] | null> {
    const found = await Promise.all(stems.map((stem) => this.get(stem, segment)));
    return found.every((pcm) => pcm !== null) ? found : null;
  }

  private async load(key: string, stem: string, segment: number): Promise<Pcm | null> {
    try {
      const file = await this.fetch(stem, segment);
      if (file === null) return null;
      const pcm = parseWav(file);
      this.kept.set(key, pcm);
      this.size += pcm.samples.byteLength;
      this.shrink();
      return pcm;
    } finally {
      this.coming.delete(key);
    }
  }

  private shrink(): void {
    for (const [key, pcm] of this.kept) {
      if (this.size <= this.limit) return;
      this.kept.delete(key);
      this.size -= pcm.samples.byteLength;
    }
  }
}
