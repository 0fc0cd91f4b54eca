/** The law of the mixer, the same as that of the mix which the service renders. */

export interface Channel {
  /** dB; `SILENT` and below is silence. */
  readonly volume: number;
  /** -1 (left) to 1 (right). */
  readonly pan: number;
  readonly muted: boolean;
  readonly solo: boolean;
}

/** The lowest place of a volume fader, in dB. */
export const SILENT = -60;
export const LOUDEST = 6;
export const UNITY: Channel = { volume: 0, pan: 0, muted: false, solo: false };

/** Return the linear gain of a volume in dB. */
export function gainOf(volume: number): number {
  return volume <= SILENT ? 0 : 10 ** (volume / 20);
}

/** Return the linear gain of every stem: a muted stem is silent, and so is one without solo while another has it. */
export function gains(channels: ReadonlyMap<string, Channel>): Map<string, number> {
  const soloed = [...channels.values()].some((channel) => channel.solo);
  return new Map(
    [...channels].map(([stem, channel]) => [
      stem,
      channel.muted || (soloed && !channel.solo) ? 0 : gainOf(channel.volume),
    ]),
  );
}

/**
 * Return the gains of the left and the right channel at a pan: of constant power for a centred sound, and 1 in the middle.
 */
export function panGains(pan: number): [number, number] {
  const angle = ((pan + 1) * Math.PI) / 4;
  return pan === 0 ? [1, 1] : [Math.SQRT2 * Math.cos(angle), Math.SQRT2 * Math.sin(angle)];
}

/** Return the query of the service's mix: `gain.STEM` and `pan.STEM` of the stems that differ from the default. */
export function mixQuery(channels: ReadonlyMap<string, Channel>, format: string): URLSearchParams {
  const query = new URLSearchParams({ format });
  for (const [stem, gain] of gains(channels)) {
    if (gain !== 1) query.set(`gain.${stem}`, String(Number(gain.toFixed(6))));
    const pan = channels.get(stem)?.pan ?? 0;
    if (pan !== 0 && gain !== 0) query.set(`pan.${stem}`, String(Number(pan.toFixed(3))));
  }
  return query;
}

/** Return whether nothing can be heard. */
export function isSilent(channels: ReadonlyMap<string, Channel>): boolean {
  return [...gains(channels).values()].every((gain) => gain === 0);
}
