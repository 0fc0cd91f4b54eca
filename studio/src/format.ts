/** Figures as people read them. */

/** Return a time as `m:ss` or `h:mm:ss`, with `decimals` digits of a second. */
export function clock(seconds: number, decimals = 0): string {
  const unit = 10 ** decimals;
  const whole = Math.round(Math.max(seconds, 0) * unit);
  const [hours, minutes] = [Math.floor(whole / (3600 * unit)), Math.floor(whole / (60 * unit)) % 60];
  const rest = ((whole % (60 * unit)) / unit).toFixed(decimals).padStart(decimals > 0 ? 3 + decimals : 2, "0");
  return hours > 0 ? `${hours}:${String(minutes).padStart(2, "0")}:${rest}` : `${minutes}:${rest}`;
}

/** Return a time for screen readers: `1 minute 2 seconds`. */
export function spoken(seconds: number): string {
  const whole = Math.round(seconds);
  const [minutes, rest] = [Math.floor(whole / 60), whole % 60];
  const count = (number: number, unit: string) => `${number} ${unit}${number === 1 ? "" : "s"}`;
  return minutes > 0 ? `${count(minutes, "minute")} ${count(rest, "second")}` : count(rest, "second");
}

/** Return the time left: `8 s`, `3 min`, `1 h 20 min`. */
export function left(seconds: number): string {
  if (seconds < 60) return `${Math.max(Math.round(seconds), 1)} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** Return a size in decimal units: `980 kB`, `8.4 MB`, `12 GB`. */
export function size(bytes: number): string {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let unit = 0;
  let value = bytes;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${value < 9.95 && unit > 1 ? value.toFixed(1) : Math.round(value)} ${units[unit] ?? ""}`;
}

/** Return a volume: `+1.5 dB`, `−6.0 dB`, `off`. */
export function decibels(volume: number, silent: number): string {
  if (volume <= silent) return "off";
  const text = Math.abs(volume).toFixed(1);
  return `${volume > 0.04 ? "+" : volume < -0.04 ? "−" : ""}${text} dB`;
}

/** Return a pan: `centre`, `30 left`, `100 right`. */
export function side(pan: number): string {
  const percent = Math.round(Math.abs(pan) * 100);
  return percent === 0 ? "centre" : `${percent} ${pan < 0 ? "left" : "right"}`;
}

/** Return when something happened: the time today, else the date. */
export function when(unix: number, now = new Date()): string {
  const date = new Date(unix * 1000);
  return date.toDateString() === now.toDateString()
    ? date.toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" })
    : date.toLocaleDateString("en-GB", {
        day: "numeric",
        month: "short",
        ...(date.getFullYear() === now.getFullYear() ? {} : { year: "numeric" }),
      });
}

/** Return a name with a capital letter and spaces. */
export function title(name: string): string {
  const text = name.replaceAll("_", " ");
  return text.charAt(0).toUpperCase() + text.slice(1);
}
