/** Which dialog is open. */
import { signal } from "@preact/signals";
import type { Job } from "./api.ts";

export type Dialog =
  | { readonly kind: "help" }
  | { readonly kind: "download"; readonly job: string }
  | { readonly kind: "delete"; readonly jobs: readonly Job[] };

export const dialog = signal<Dialog | null>(null);
