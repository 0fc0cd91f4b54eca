/**
 * Plays all stems of a song in time, from segments that arrive while the song is still being separated.
 *
 * All stems of a piece are started at the same frame of the audio context. Pieces are scheduled some seconds ahead, so
 * that neither a busy page nor a slow reply is heard, and only those pieces and the store's segments are in memory.
 */
import { signal } from "@preact/signals";
import { gains, panGains, type Channel } from "./mix.ts";
import type { SegmentStore } from "./store.ts";
import { after, nextPiece, positionAt, reschedule, type Cursor, type Layout, type Loop, type Piece } from "./timeline.ts";
import { channelOf, type Pcm } from "./wav.ts";

export const ORIGINAL = "original";

export type Playing = "stopped" | "playing" | "waiting";

export interface Song {
  readonly stems: readonly string[];
  readonly sampleRate: number;
  readonly layout: Layout;
  /** Return how many samples are separated. */
  readonly available: () => number;
}

/** The way of a track through the mixer: a gain for each side. */
interface Strip {
  readonly input: AudioNode;
  readonly sides: readonly [GainNode, GainNode];
  readonly output: AudioNode;
}

interface Scheduled extends Piece {
  readonly sources: AudioBufferSourceNode[];
}

const AHEAD = 8; // seconds that are scheduled
const TICK = 100; // ms between two looks at what to schedule
const LEAD = 0.03; // seconds between the decision to play and the first sample
const FADE = 0.006; // seconds of a fade where playing starts or stops
const GLIDE = 0.012; // time constant of a change of the mixer, in seconds
const SEAM = 96; // samples of the fades where a loop jumps

export class Player {
  readonly state = signal<Playing>("stopped");
  readonly original = signal(false);
  /** How often playing had to stop although the next segment was separated. */
  readonly underruns = signal(0);
  context: AudioContext | null = null;

  private readonly tracks: readonly string[]; // the stems, then the original
  private strips: Strip[] = []; // of the tracks
  private buses: { stems: GainNode; original: GainNode; master: GainNode } | null = null;
  private meters: AnalyserNode[] = [];
  private channels: ReadonlyMap<string, Channel> = new Map();
  private volume = 1;

  private gates: GainNode[] = [];
  private pieces: Scheduled[] = [];
  private cursor: Cursor | null = null;
  private loop: Loop | null = null;
  private rest = 0; // position while stopped
  private run = 0; // counts the starts, so that a late segment of an old one is dropped
  private filling = false;
  private timer: ReturnType<typeof setInterval> | null = null;

  constructor(
    readonly song: Song,
    private readonly store: SegmentStore,
  ) {
    this.tracks = [...song.stems, ORIGINAL];
  }

  /** Start at the present position; resolves once the first piece is scheduled. */
  async play(): Promise<void> {
    if (this.state.value !== "stopped") return;
    const context = this.wake();
    const ended = this.rest >= this.song.layout.totalSamples;
    await this.start(ended ? (this.loop?.start ?? 0) : this.rest, context);
  }

  pause(): void {
    if (this.state.value === "stopped") return;
    this.rest = this.position();
    this.silence();
    this.state.value = "stopped";
    if (this.timer !== null) clearInterval(this.timer);
    this.timer = null;
  }

  /** Go to a position, in samples, and keep playing if it plays. */
  seek(position: number): void {
    this.rest = Math.min(Math.max(Math.round(position), 0), this.song.layout.totalSamples);
    if (this.state.value === "stopped") this.prefetch();
    else void this.start(this.rest, this.wake());
  }

  setLoop(loop: Loop | null): void {
    this.loop = loop;
    if (this.state.value === "stopped" || this.context === null) return;
    const plan = reschedule(this.pieces, this.frame() + 128, loop);
    if (plan === null) return; // the first piece is still being fetched, and will be cut by the new loop
    for (const dropped of this.pieces.splice(plan.keep)) for (const source of dropped.sources) source.stop();
    const last = this.pieces.at(-1);
    if (plan.stopAt !== null && last !== undefined) {
      for (const source of last.sources) source.stop(plan.stopAt / this.song.sampleRate);
      this.pieces[this.pieces.length - 1] = { ...last, length: plan.stopAt - last.frame, wraps: true };
    }
    this.cursor = plan.cursor;
    this.run++;
    void this.fill();
  }

  /** Set the gains, pans, mutes and solos of the stems. */
  mix(channels: ReadonlyMap<string, Channel>): void {
    this.channels = channels;
    this.settle();
  }

  /** Set the listening level, linear. */
  level(volume: number): void {
    this.volume = volume;
    this.settle();
  }

  /** Hear the original instead of the stems, or the stems again. */
  compare(original: boolean): void {
    this.original.value = original;
    this.settle();
  }

  /** Return the position that can be heard now, in samples. */
  position(): number {
    if (this.state.value === "stopped" || this.context === null) return this.rest;
    const heard = this.frame() - Math.round((this.context.outputLatency || 0) * this.song.sampleRate);
    return positionAt(heard, this.pieces) ?? this.rest;
  }

  /** Return the peaks of the left and the right channel of the output, linear. */
  levels(into: Float32Array<ArrayBuffer>): [number, number] {
    const [left = 0, right = 0] = this.meters.map((meter) => {
      meter.getFloatTimeDomainData(into);
      let peak = 0;
      for (const sample of into) peak = Math.max(peak, Math.abs(sample));
      return peak;
    });
    return [left, right];
  }

  /** Fetch what a start at the present position needs. */
  prefetch(): void {
    const segment = Math.floor(this.rest / this.song.layout.segmentSamples);
    if (!this.isAvailable(segment)) return;
    this.store.all(this.tracks, segment).catch(() => undefined); // playing asks again, and shows what fails
  }

  /** Return the node that carries a track as it is mixed, for measurements. */
  tap(track: string): AudioNode | null {
    return this.strips[this.tracks.indexOf(track)]?.output ?? null;
  }

  async close(): Promise<void> {
    this.pause();
    await this.context?.close();
    this.context = null;
  }

  /** Return the context, made on the first call: browsers want a gesture before it may sound. */
  private wake(): AudioContext {
    if (this.context === null) {
      this.context = new AudioContext({ sampleRate: this.song.sampleRate, latencyHint: "interactive" });
      this.connect(this.context);
      this.settle(true);
    }
    if (this.context.state === "suspended") void this.context.resume();
    return this.context;
  }

  private connect(context: AudioContext): void {
    const gain = () => context.createGain();
    const buses = { stems: gain(), original: gain(), master: gain() };
    this.buses = buses;
    this.strips = this.tracks.map((track) => {
      const splitter = context.createChannelSplitter(2);
      const merger = context.createChannelMerger(2);
      const sides = [gain(), gain()] as const;
      sides.forEach((side, channel) => splitter.connect(side, channel).connect(merger, 0, channel));
      merger.connect(track === ORIGINAL ? buses.original : buses.stems);
      return { input: splitter, sides, output: merger };
    });
    buses.stems.connect(buses.master);
    buses.original.connect(buses.master);
    buses.master.connect(context.destination);
    const splitter = context.createChannelSplitter(2);
    buses.master.connect(splitter);
    this.meters = [0, 1].map((channel) => {
      const meter = context.createAnalyser();
      meter.fftSize = 2048;
      splitter.connect(meter, channel);
      return meter;
    });
  }

  /** Bring every gain and pan to what is set, gliding unless `now`. */
  private settle(now = false): void {
    const { context, buses } = this;
    if (context === null || buses === null) return;
    const set = (parameter: AudioParam, value: number) => {
      if (now) parameter.value = value;
      else parameter.setTargetAtTime(value, context.currentTime, GLIDE);
    };
    const linear = gains(this.channels);
    this.strips.forEach(({ sides }, index) => {
      const track = this.tracks[index] ?? "";
      const gain = linear.get(track) ?? 1;
      const pans = panGains(this.channels.get(track)?.pan ?? 0);
      sides.forEach((side, channel) => set(side.gain, gain * (pans[channel] ?? 1)));
    });
    set(buses.stems.gain, this.original.value ? 0 : 1);
    set(buses.original.gain, this.original.value ? 1 : 0);
    set(buses.master.gain, this.volume);
  }

  /** Return the next frame of the context. */
  private frame(): number {
    return this.context === null ? 0 : Math.round(this.context.currentTime * this.song.sampleRate);
  }

  private async start(position: number, context: AudioContext): Promise<void> {
    this.silence();
    this.rest = position;
    this.gates = this.strips.map(({ input }) => {
      const gate = context.createGain();
      gate.gain.value = 0;
      gate.connect(input);
      return gate;
    });
    this.cursor = { frame: -1, position }; // the frame is set when the first piece is at hand
    this.state.value = "playing";
    this.timer ??= setInterval(() => this.tick(), TICK);
    await this.fill();
  }

  /** Stop what sounds, with a short fade. */
  private silence(): void {
    const { context } = this;
    this.run++;
    if (context !== null) {
      const now = context.currentTime;
      for (const gate of this.gates) {
        gate.gain.cancelScheduledValues(now);
        gate.gain.setTargetAtTime(0, now, FADE / 3);
      }
      for (const piece of this.pieces) for (const source of piece.sources) source.stop(now + 2 * FADE);
    }
    this.gates = [];
    this.pieces = [];
    this.cursor = null;
  }

  private tick(): void {
    const now = this.frame();
    const last = this.pieces.at(-1);
    const over = last === undefined || now >= last.frame + last.length;
    if (over && this.cursor !== null && this.cursor.position >= this.song.layout.totalSamples) {
      this.pause();
      this.rest = this.song.layout.totalSamples;
      return;
    }
    if (over && last !== undefined) this.rest = last.position + last.length;
    this.state.value = over ? "waiting" : "playing";
    while (this.pieces.length > 2 && (this.pieces[1]?.frame ?? now) < now - this.song.sampleRate) this.pieces.shift();
    void this.fill();
  }

  private isAvailable(segment: number): boolean {
    const { segmentSamples, totalSamples } = this.song.layout;
    return this.song.available() >= Math.min((segment + 1) * segmentSamples, totalSamples);
  }

  /** Schedule pieces until `AHEAD` seconds are covered or the next segment is not separated yet. */
  private async fill(): Promise<void> {
    if (this.filling) return;
    this.filling = true;
    try {
      while (this.cursor !== null) {
        const { cursor, run } = this;
        if (cursor.frame > this.frame() + AHEAD * this.song.sampleRate) return;
        const piece = nextPiece(cursor, this.song.layout, this.loop);
        if (piece === null || !this.isAvailable(piece.segment)) return;
        const pcm = await this.store.all(this.tracks, piece.segment);
        if (run !== this.run) continue; // stopped, sought or looped meanwhile
        if (pcm === null) return;
        this.schedule(piece, pcm);
      }
    } catch {
      // The service cannot be reached: the next tick tries again, and the page shows that it is offline.
    } finally {
      this.filling = false;
    }
  }

  private schedule(piece: Piece, pcm: readonly Pcm[]): void {
    const { context } = this;
    if (context === null) return;
    const rate = this.song.sampleRate;
    const first = this.pieces.length === 0;
    const jumped = this.pieces.at(-1)?.wraps ?? false;
    const sources = pcm.map((samples, track) => {
      const buffer = context.createBuffer(2, piece.length, rate);
      for (const side of [0, 1]) {
        const data = channelOf(samples, side, piece.offset, piece.length);
        if (jumped) fade(data, false);
        if (piece.wraps) fade(data, true);
        buffer.copyToChannel(data, side);
      }
      const source = context.createBufferSource();
      source.buffer = buffer;
      const gate = this.gates[track];
      if (gate !== undefined) source.connect(gate);
      return source;
    });
    // Converting samples takes time, so the clock is read after it: a source that is started late would be out of step.
    let { frame } = piece;
    if (first || frame < this.frame() + 256) {
      if (!first && this.state.value === "playing") this.underruns.value++;
      frame = this.frame() + Math.ceil(LEAD * rate);
    }
    for (const source of sources) source.start(frame / rate);
    if (first) {
      for (const gate of this.gates) {
        gate.gain.setValueAtTime(0, frame / rate);
        gate.gain.linearRampToValueAtTime(1, frame / rate + FADE);
      }
    }
    const placed = { ...piece, frame, sources };
    this.pieces.push(placed);
    this.cursor = after(placed, this.loop);
    this.state.value = "playing";
  }
}

/** Fade the first or the last samples of a stretch, in place. */
function fade(data: Float32Array, out: boolean): void {
  const count = Math.min(SEAM, data.length);
  for (let index = 0; index < count; index++) {
    const at = out ? data.length - 1 - index : index;
    data[at] = ((data[at] ?? 0) * (index + 0.5)) / count;
  }
}
