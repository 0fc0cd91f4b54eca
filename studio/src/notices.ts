/** Short messages that go away by themselves. */
import { signal } from "@preact/signals";

export interface Notice {
  readonly key: number;
  readonly text: string;
}

const SECONDS = 6;

export const notices = signal<readonly Notice[]>([]);
let keys = 0;

export function notify(text: string): void {
  const notice = { key: ++keys, text };
  notices.value = [...notices.value.slice(-2), notice];
  setTimeout(() => dismiss(notice.key), 1000 * SECONDS);
}

export function dismiss(key: number): void {
  notices.value = notices.value.filter((notice) => notice.key !== key);
}

/** Run what a button does, and show why it failed. */
export function attempt(action: () => Promise<unknown>): void {
  action().catch((error: unknown) => notify(error instanceof Error ? error.message : String(error)));
}
