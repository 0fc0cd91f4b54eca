/** Keyboard shortcuts; the help sheet shows this list. */
import { dialog } from "./dialogs.ts";
import { LOUDEST, SILENT } from "./audio/mix.ts";
import { jobs } from "./jobs.ts";
import { mixer, select, selected, type Mixer } from "./mixer.ts";
import { shortcuts, volume } from "./preferences.ts";

export interface Shortcut {
  /** As `KeyboardEvent.key` has it, with `Shift+` in front where a letter or digit is meant with it. */
  readonly keys: readonly string[];
  /** As the help sheet shows it. */
  readonly shown: string;
  readonly text: string;
  readonly run: (desk: Mixer, key: string) => void;
}

export interface Group {
  readonly title: string;
  readonly shortcuts: readonly Shortcut[];
}

const digits = (prefix = "") => Array.from({ length: 9 }, (_, index) => `${prefix}${index + 1}`);
const stemOf = (desk: Mixer, key: string) => desk.stems[Number(key.at(-1)) - 1] ?? "";

function step(direction: number): void {
  const index = jobs.value.findIndex((job) => job.id === selected.value);
  const job = jobs.value[index + direction];
  if (job !== undefined) select(job.id);
}

export const GROUPS: readonly Group[] = [
  {
    title: "Play",
    shortcuts: [
      { keys: [" "], shown: "Space", text: "Play or pause", run: (desk) => desk.toggle() },
      {
        keys: ["ArrowLeft", "ArrowRight"],
        shown: "← →",
        text: "5 seconds back or forward",
        run: (desk, key) => desk.seek(desk.position() + (key === "ArrowLeft" ? -5 : 5)),
      },
      {
        keys: ["Shift+ArrowLeft", "Shift+ArrowRight"],
        shown: "Shift ← →",
        text: "1 second back or forward",
        run: (desk, key) => desk.seek(desk.position() + (key.endsWith("Left") ? -1 : 1)),
      },
      {
        keys: ["Home", "End"],
        shown: "Home End",
        text: "To the start or the end",
        run: (desk, key) => desk.seek(key === "Home" ? 0 : desk.duration.value),
      },
      { keys: ["o"], shown: "O", text: "Original or stems", run: (desk) => desk.compare() },
      {
        keys: ["ArrowUp", "ArrowDown"],
        shown: "↑ ↓",
        text: "Listening level",
        run: (_, key) => {
          const next = volume.value + (key === "ArrowUp" ? 1.5 : -1.5);
          volume.value = Math.min(Math.max(next, SILENT), LOUDEST);
        },
      },
    ],
  },
  {
    title: "Mix",
    shortcuts: [
      {
        keys: digits(),
        shown: "1 … 9",
        text: "Solo a stem",
        run: (desk, key) => {
          const stem = stemOf(desk, key);
          desk.set(stem, { solo: !(desk.channels.value.get(stem)?.solo ?? false) });
        },
      },
      {
        keys: digits("Shift+"),
        shown: "Shift 1 … 9",
        text: "Mute a stem",
        run: (desk, key) => {
          const stem = stemOf(desk, key);
          desk.set(stem, { muted: !(desk.channels.value.get(stem)?.muted ?? false) });
        },
      },
      { keys: ["0"], shown: "0", text: "Reset the mix", run: (desk) => desk.reset() },
    ],
  },
  {
    title: "Loop",
    shortcuts: [
      {
        keys: ["a", "b"],
        shown: "A B",
        text: "Loop starts or ends here",
        run: (desk, key) => desk.setPoint(key === "a" ? "a" : "b", desk.position()),
      },
      { keys: ["l"], shown: "L", text: "Loop on or off", run: (desk) => desk.toggleLoop() },
      { keys: ["x"], shown: "X", text: "Remove the loop", run: (desk) => desk.clearLoop() },
    ],
  },
  {
    title: "View",
    shortcuts: [
      {
        keys: ["+", "=", "-"],
        shown: "+ −",
        text: "Zoom in or out",
        run: (desk, key) => desk.zoom(key === "-" ? 1 / 1.6 : 1.6),
      },
      { keys: ["f"], shown: "F", text: "Show the whole song", run: (desk) => desk.fit() },
      {
        keys: ["s"],
        shown: "S",
        text: "Spectrograms or waveforms",
        run: (desk) => {
          desk.spectrogram.value = !desk.spectrogram.value;
        },
      },
    ],
  },
  {
    title: "Songs",
    shortcuts: [
      {
        keys: ["d"],
        shown: "D",
        text: "Download",
        run: (desk) => {
          dialog.value = { kind: "download", job: desk.id };
        },
      },
      { keys: ["j", "k"], shown: "J K", text: "Next or previous song", run: (_, key) => step(key === "j" ? 1 : -1) },
    ],
  },
];

/** Return the name of a key press; letters and digits are those printed on the key, whatever Shift makes of them. */
function named(event: KeyboardEvent): string {
  const digit = /^(?:Digit|Numpad)([0-9])$/.exec(event.code)?.[1];
  if (digit !== undefined) return event.shiftKey ? `Shift+${digit}` : digit;
  if (event.shiftKey && event.key.startsWith("Arrow")) return `Shift+${event.key}`;
  return event.key.length === 1 ? event.key.toLowerCase() : event.key;
}

/** Return whether an element uses the key itself. */
function takes(target: EventTarget | null, key: string): boolean {
  if (!(target instanceof HTMLElement)) return false;
  if (target instanceof HTMLInputElement && target.type === "range") return /Arrow|Home|End|Page/.test(key);
  if (target.matches("input:not([type=checkbox], [type=radio]), select, textarea")) return true;
  if (target.getAttribute("role") === "slider") return /Arrow|Home|End/.test(key);
  if (target instanceof HTMLInputElement && target.type === "radio") return key === " " || key.includes("Arrow");
  return key === " " && target.matches("button, a, summary, input[type=checkbox]");
}

export function handleKey(event: KeyboardEvent): void {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || dialog.value !== null) return;
  if (event.key === "?") {
    dialog.value = { kind: "help" };
    event.preventDefault();
    return;
  }
  const key = named(event);
  if (!shortcuts.value || takes(event.target, key)) return;
  const desk = mixer.value;
  if (desk === null) return;
  for (const group of GROUPS) {
    const shortcut = group.shortcuts.find(({ keys }) => keys.includes(key));
    if (shortcut === undefined) continue;
    event.preventDefault();
    shortcut.run(desk, key);
    return;
  }
}
