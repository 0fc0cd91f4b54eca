/** Files on their way to the service, one at a time. */
import { signal } from "@preact/signals";
import * as api from "./api.ts";
import type { Options } from "./api.ts";
import { songs } from "./drop.ts";
import { size } from "./format.ts";
import { put, settings } from "./jobs.ts";
import { select, selected } from "./mixer.ts";
import { notify } from "./notices.ts";
import { options } from "./preferences.ts";

export interface Sending {
  readonly key: number;
  readonly file: File;
  readonly options: Options;
  readonly state: "waiting" | "sending" | "held" | "failed"; // held: the service has no room at present
  readonly sent: number; // fraction
  readonly error: string | null;
}

export const uploads = signal<readonly Sending[]>([]);

let keys = 0;
let running: { key: number; abort: () => void } | null = null;
let held: ReturnType<typeof setTimeout> | null = null;

function change(key: number, changes: Partial<Sending>): void {
  uploads.value = uploads.value.map((sending) => (sending.key === key ? { ...sending, ...changes } : sending));
}

function forget(key: number): void {
  uploads.value = uploads.value.filter((sending) => sending.key !== key);
}

/** Send the songs among some files, with the options of this moment. */
export function add(files: readonly File[]): void {
  const { songs: found, others } = songs(files);
  if (found.length === 0) {
    notify(files.length === 0 ? "There are no files in this folder." : "There is no audio file among these.");
    return;
  }
  if (others > 0) notify(`${others} ${others === 1 ? "file is" : "files are"} no audio and left out.`);
  const limit = settings.value?.upload_limit ?? Number.POSITIVE_INFINITY;
  const fresh = found.map((file): Sending => {
    const error = file.size > limit ? `The file has ${size(file.size)}; the limit is ${size(limit)}.` : null;
    const state = error === null ? "waiting" : "failed";
    return { key: ++keys, file, options: options.value, state, sent: 0, error };
  });
  uploads.value = [...uploads.value, ...fresh];
  void next();
}

export function retry(key: number): void {
  change(key, { state: "waiting", error: null, sent: 0 });
  void next();
}

/** Stop an upload, or forget one that failed. */
export function dismiss(key: number): void {
  if (running?.key === key) running.abort();
  else forget(key);
}

async function next(): Promise<void> {
  if (running !== null || held !== null) return;
  const sending = uploads.value.find(({ state }) => state === "waiting" || state === "held");
  if (sending === undefined) return;
  const { key } = sending;
  change(key, { state: "sending", sent: 0, error: null });
  const upload = api.upload(sending.file, sending.options, (sent) => change(key, { sent }));
  running = { key, abort: upload.abort };
  try {
    const job = await upload.done;
    put(job);
    if (selected.value === null) select(job.id);
    forget(key);
  } catch (error) {
    if (error instanceof api.Refusal && (error.status === 429 || error.status === 503)) {
      change(key, { state: "held", error: "The queue is full; this song is sent when there is room." });
      held = setTimeout(
        () => {
          held = null;
          void next();
        },
        1000 * (error.retryAfter ?? 5),
      );
    } else if (error instanceof api.Refusal) {
      change(key, { state: "failed", error: error.message });
    } else {
      forget(key); // stopped by the user
    }
  } finally {
    running = null;
  }
  void next();
}

window.addEventListener("beforeunload", (event) => {
  if (uploads.value.some(({ state }) => state !== "failed")) event.preventDefault();
});
