/** One song on the desk: what is heard, what is shown, and how the stems are mixed. */
import { batch, computed, effect, signal, untracked } from "@preact/signals";
import * as api from "./api.ts";
import { gainOf, UNITY, type Channel } from "./audio/mix.ts";
import { ORIGINAL, Player, type Playing } from "./audio/player.ts";
import { SegmentStore } from "./audio/store.ts";
import { loopBetween, type Loop } from "./audio/timeline.ts";
import { COLUMNS, Tiles } from "./draw/tiles.ts";
import { clamp, fit, follow, zoom, type View } from "./draw/view.ts";
import { find } from "./jobs.ts";
import { mixes, volume } from "./preferences.ts";

export const ROWS = 128; // of a spectrogram

export interface Points {
  readonly a: number | null; // seconds
  readonly b: number | null;
}

export class Mixer {
  readonly job = computed(() => find(this.id));
  readonly duration = computed(() => this.job.value?.duration ?? 0);
  readonly stems: readonly string[];
  readonly channels;
  readonly width = signal(0); // of the lanes, in pixels
  readonly spectrogram = signal(false);
  readonly points = signal<Points>({ a: null, b: null });
  readonly looping = signal(false);
  readonly player = signal<Player | null>(null);
  readonly state = computed<Playing>(() => this.player.value?.state.value ?? "stopped");
  readonly original = computed(() => this.player.value?.original.value ?? false);
  /** Counts the changes of the pictures' data. */
  readonly pictures = signal(0);

  private readonly wanted = signal<View | null>(null); // null: the whole song
  readonly view = computed<View>(() =>
    this.wanted.value === null
      ? fit(this.duration.value, this.width.value)
      : clamp(this.wanted.value, this.duration.value, this.width.value),
  );

  private readonly waves = new Map<string, Tiles>();
  private readonly spectra = new Map<string, Tiles>();
  private readonly listeners = new Set<(seconds: number) => void>();
  private readonly stop: (() => void)[] = [];
  private frame = 0;
  private following = true;

  constructor(readonly id: string) {
    const job = find(id);
    this.stems = job?.stems ?? [];
    const before = untracked(() => mixes.value[id]) ?? {};
    this.channels = signal<ReadonlyMap<string, Channel>>(
      new Map(this.stems.map((stem) => [stem, { ...UNITY, ...before[stem] }])),
    );
    this.stop.push(
      effect(() => this.open()),
      effect(() => {
        const channels = this.channels.value;
        this.player.value?.mix(channels);
        untracked(() => this.remember(channels));
      }),
      effect(() => this.player.value?.level(gainOf(volume.value))),
      effect(() => this.player.value?.setLoop(this.loop.value)),
      effect(() => {
        if (this.state.value !== "stopped") this.animate();
      }),
      effect(() => {
        this.view.value; // the position moves on the screen
        this.points.value;
        untracked(() => this.show());
      }),
    );
  }

  /** Whether the audio of the song can be had at all. */
  readonly playable = computed(() => {
    const job = this.job.value;
    return job !== undefined && (job.state === "running" || job.state === "done") && job.duration !== null;
  });

  /** Seconds that can be played. */
  readonly available = computed(() => {
    const job = this.job.value;
    return job === undefined || !this.playable.value ? 0 : job.state === "done" ? this.duration.value : job.available;
  });

  readonly loop = computed<Loop | null>(() => {
    const { a, b } = this.points.value;
    const player = this.player.value;
    if (!this.looping.value || a === null || b === null || player === null) return null;
    return loopBetween(a, b, player.song.sampleRate, player.song.layout.totalSamples);
  });

  /** Make the player as soon as the length of the song is known. */
  private open(): void {
    const job = this.job.value;
    if (untracked(() => this.player.value) !== null || !this.playable.value) return;
    if (job?.sample_rate == null || job.duration === null) return;
    const rate = job.sample_rate;
    const layout = {
      segmentSamples: Math.round(job.segment_seconds * rate),
      totalSamples: Math.round(job.duration * rate),
    };
    const available = () => {
      const now = untracked(() => this.job.value);
      if (now === undefined || now.state === "done") return layout.totalSamples;
      const samples = Math.floor(now.available * rate + 0.5);
      return samples - (samples % layout.segmentSamples); // a segment can be had when all of it is separated
    };
    const store = new SegmentStore((stem, segment) => api.readSegment(this.id, stem, segment));
    const player = new Player({ stems: this.stems, sampleRate: rate, layout, available }, store);
    player.prefetch();
    this.player.value = player;
  }

  private remember(channels: ReadonlyMap<string, Channel>): void {
    const same = [...channels.values()].every((channel) => JSON.stringify(channel) === JSON.stringify(UNITY));
    if (same && mixes.value[this.id] === undefined) return;
    const { [this.id]: _, ...others } = mixes.value;
    const recent = Object.entries(others).slice(-99);
    mixes.value = { ...Object.fromEntries(recent), ...(same ? {} : { [this.id]: Object.fromEntries(channels) }) };
  }

  // hearing

  /** Return the position that is heard, in seconds. */
  position(): number {
    const player = untracked(() => this.player.value);
    return player === null ? 0 : player.position() / player.song.sampleRate;
  }

  toggle(): void {
    const player = this.player.value;
    if (player === null) return;
    this.following = true;
    if (player.state.value === "stopped") void player.play();
    else player.pause();
    this.show();
  }

  seek(seconds: number): void {
    const player = this.player.value;
    if (player === null) return;
    this.following = true;
    player.seek(seconds * player.song.sampleRate);
    this.wanted.value = untracked(() => follow(this.view.value, seconds, this.duration.value, this.width.value));
    this.show();
  }

  compare(): void {
    const player = this.player.value;
    player?.compare(!player.original.value);
  }

  set(stem: string, change: Partial<Channel>): void {
    const channel = this.channels.value.get(stem);
    if (channel === undefined) return;
    this.channels.value = new Map(this.channels.value).set(stem, { ...channel, ...change });
  }

  /** Mute these stems and no others, and end all solos. */
  mute(silent: readonly string[]): void {
    this.channels.value = new Map(
      [...this.channels.value].map(([stem, channel]) => [
        stem,
        { ...channel, solo: false, muted: silent.includes(stem) },
      ]),
    );
  }

  reset(): void {
    this.channels.value = new Map(this.stems.map((stem) => [stem, UNITY]));
  }

  // the loop

  setPoint(name: "a" | "b", seconds: number): void {
    const value = Math.min(Math.max(seconds, 0), this.duration.value);
    const points = { ...this.points.value, [name]: value };
    batch(() => {
      this.points.value = points;
      if (points.a !== null && points.b !== null) this.looping.value = true;
    });
  }

  setLoop(from: number, to: number): void {
    batch(() => {
      this.points.value = { a: Math.max(Math.min(from, to), 0), b: Math.min(Math.max(from, to), this.duration.value) };
      this.looping.value = true;
    });
  }

  clearLoop(): void {
    batch(() => {
      this.points.value = { a: null, b: null };
      this.looping.value = false;
    });
  }

  /** Turn the loop on or off; without points, the part that is shown becomes the loop. */
  toggleLoop(): void {
    const { a, b } = this.points.value;
    if (this.looping.value) this.looping.value = false;
    else if (a !== null && b !== null) this.looping.value = true;
    else {
      const { start, scale } = this.view.value;
      this.setLoop(a ?? start, b ?? start + this.width.value / scale);
    }
  }

  // seeing

  /** Magnify around `x` pixels, by default around the position if it is shown. */
  zoom(factor: number, x?: number): void {
    const { start, scale } = this.view.value;
    const here = (this.position() - start) * scale;
    const middle = here >= 0 && here <= this.width.value ? here : this.width.value / 2;
    this.look(zoom(this.view.value, factor, x ?? middle, this.duration.value, this.width.value));
  }

  /** Move what is shown by `pixels`. */
  scroll(pixels: number): void {
    const { start, scale } = this.view.value;
    this.following = false;
    this.look({ start: start + pixels / scale, scale });
  }

  look(view: View): void {
    const next = clamp(view, this.duration.value, this.width.value);
    const whole = fit(this.duration.value, this.width.value);
    this.wanted.value = next.scale <= whole.scale * 1.0001 ? null : next;
  }

  fit(): void {
    this.wanted.value = null;
  }

  wave(stem: string): Tiles {
    return tiles(this.waves, stem, () => {
      const fetch = ({ start, end }: { start: number; end: number }, columns: number) =>
        api.readPeaks(this.id, stem, start, end, columns);
      return new Tiles(fetch, () => this.pictures.value++);
    });
  }

  spectrum(stem: string): Tiles {
    return tiles(this.spectra, stem, () => {
      const fetch = ({ start, end }: { start: number; end: number }, columns: number) =>
        api.readSpectrogram(this.id, stem, start, end, columns, ROWS);
      return new Tiles(fetch, () => this.pictures.value++, COLUMNS / 2, -3, 8, 48);
    });
  }

  /** Call back with the position in seconds whenever it moves; returns how to stop. */
  onPosition(listener: (seconds: number) => void): () => void {
    this.listeners.add(listener);
    listener(this.position());
    return () => this.listeners.delete(listener);
  }

  private show(): void {
    const seconds = this.position();
    for (const listener of this.listeners) listener(seconds);
  }

  private animate(): void {
    if (this.frame !== 0) return;
    const step = () => {
      this.frame = 0;
      const seconds = this.position();
      if (this.following) {
        const next = follow(this.view.value, seconds, this.duration.value, this.width.value);
        if (next !== this.view.value) this.wanted.value = next;
      }
      this.show();
      if (this.state.value !== "stopped") this.frame = requestAnimationFrame(step);
    };
    this.frame = requestAnimationFrame(step);
  }

  async close(): Promise<void> {
    for (const stop of this.stop) stop();
    cancelAnimationFrame(this.frame);
    await this.player.value?.close();
  }
}

function tiles(made: Map<string, Tiles>, stem: string, make: () => Tiles): Tiles {
  const found = made.get(stem) ?? make();
  made.set(stem, found);
  return found;
}

export { ORIGINAL };

/** The song whose page is open, from the address. */
export const selected = signal<string | null>(null);

const readAddress = () => {
  const match = /^#\/(.+)$/.exec(location.hash);
  selected.value = match?.[1] === undefined ? null : decodeURIComponent(match[1]);
};
readAddress();
window.addEventListener("hashchange", readAddress);

export function select(id: string | null): void {
  location.hash = id === null ? "#/" : `#/${encodeURIComponent(id)}`;
}

/** The mixer of the open song; null while no song is open. */
export const mixer = signal<Mixer | null>(null);

const known = computed(() => (selected.value !== null && find(selected.value) !== undefined ? selected.value : null));
effect(() => {
  const id = known.value;
  untracked(() => {
    if (mixer.value?.id === id) return;
    void mixer.value?.close();
    mixer.value = id === null ? null : new Mixer(id);
  });
});
