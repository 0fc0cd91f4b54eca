/** Samples of 16 bits, interleaved. */
export interface Pcm {
  readonly sampleRate: number;
  readonly channels: number;
  readonly samples: Int16Array;
}

const PCM = 1;
const EXTENSIBLE = 0xfffe;

/** Return the samples of a WAV file of 16 bits; throw a RangeError for anything else. */
export function parseWav(file: ArrayBuffer): Pcm {
  const view = new DataView(file);
  const tag = (at: number) => String.fromCharCode(...new Uint8Array(file, at, 4));
  if (file.byteLength < 12 || tag(0) !== "RIFF" || tag(8) !== "WAVE") throw new RangeError("not a WAV file");
  let format: { sampleRate: number; channels: number } | null = null;
  for (let at = 12; at + 8 <= file.byteLength; ) {
    const size = view.getUint32(at + 4, true);
    const body = at + 8;
    if (tag(at) === "fmt ") {
      const code = view.getUint16(body, true);
      const bits = view.getUint16(body + 14, true);
      if ((code !== PCM && code !== EXTENSIBLE) || bits !== 16) throw new RangeError("not a WAV file of 16 bits");
      format = { channels: view.getUint16(body + 2, true), sampleRate: view.getUint32(body + 4, true) };
    } else if (tag(at) === "data") {
      if (format === null) throw new RangeError("a WAV file without a format");
      const bytes = Math.min(size, file.byteLength - body);
      const frames = Math.floor(bytes / (2 * format.channels));
      return { ...format, samples: new Int16Array(file, body, frames * format.channels) };
    }
    at = body + size + (size % 2);
  }
  throw new RangeError("a WAV file without samples");
}

/** Return one channel of a stretch of samples as floats in [-1, 1). */
export function channelOf(pcm: Pcm, channel: number, offset: number, length: number): Float32Array<ArrayBuffer> {
  const out = new Float32Array(length);
  const from = Math.min(channel, pcm.channels - 1); // mono is played on both sides
  for (let index = 0, at = offset * pcm.channels + from; index < length; index++, at += pcm.channels) {
    out[index] = (pcm.samples[at] ?? 0) / 32768;
  }
  return out;
}
