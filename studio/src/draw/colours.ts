/** Colours on canvases: those of the style sheet, and the colour map of spectrograms. */

const NAMED = ["drums", "bass", "other", "vocals", "guitar", "piano"];

/** Return the class that gives an element the colour of a stem. */
export function stemClass(stem: string, index: number): string {
  const known = NAMED.indexOf(stem);
  return `stem-${known >= 0 ? known : index % NAMED.length}`;
}

/** Return a custom property as an element sees it. */
export function property(element: Element, name: string): string {
  return getComputedStyle(element).getPropertyValue(name).trim();
}

type Rgb = readonly [number, number, number];

const DARK: readonly Rgb[] = [[22, 22, 20], [45, 38, 64], [104, 52, 104], [178, 66, 92], [233, 118, 68], [250, 190, 92], [254, 246, 204]];
const LIGHT: readonly Rgb[] = [[251, 250, 246], [228, 220, 214], [214, 178, 160], [196, 116, 104], [146, 58, 92], [82, 34, 86], [26, 18, 44]];

/** Return a colour map as 256 pixels of RGBA in the byte order of canvases. */
export function colourMap(dark: boolean): Uint32Array {
  const stops = dark ? DARK : LIGHT;
  const pixels = new Uint8ClampedArray(256 * 4);
  for (let level = 0; level < 256; level++) {
    const at = (level / 255) * (stops.length - 1);
    const below = Math.min(Math.floor(at), stops.length - 2);
    for (let part = 0; part < 3; part++) {
      const [from, to] = [stops[below]?.[part] ?? 0, stops[below + 1]?.[part] ?? 0];
      pixels[level * 4 + part] = from + (to - from) * (at - below);
    }
    pixels[level * 4 + 3] = 255;
  }
  return new Uint32Array(pixels.buffer);
}
