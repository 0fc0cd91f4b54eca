/** The jobs of the service, kept up to date by its events. */
import { batch, computed, signal } from "@preact/signals";
import * as api from "./api.ts";
import type { Disk, Job, Model, Settings } from "./api.ts";

export type Connection = "connecting" | "online" | "offline" | "denied";

const PAGE = 50;

export const connection = signal<Connection>("connecting");
export const models = signal<readonly Model[]>([]);
export const settings = signal<Settings | null>(null);
export const disk = signal<Disk | null>(null);
export const more = signal(false); // there are older jobs

const known = signal<ReadonlyMap<string, Job>>(new Map());

/** All known jobs, the newest first. */
export const jobs = computed(() => [...known.value.values()].sort((a, b) => b.created - a.created));

export const isActive = (job: Job) => job.state === "running" || job.state === "queued";
export const active = computed(() => jobs.value.filter(isActive).reverse());
export const finished = computed(() => jobs.value.filter((job) => !isActive(job)));

export const find = (id: string | null) => (id === null ? undefined : known.value.get(id));

export function put(...changed: readonly Job[]): void {
  const next = new Map(known.value);
  for (const job of changed) next.set(job.id, job);
  known.value = next;
}

function drop(id: string): void {
  const next = new Map(known.value);
  next.delete(id);
  known.value = next;
}

export async function remove(id: string): Promise<void> {
  await api.deleteJob(id);
  drop(id);
}

export async function cancel(id: string): Promise<void> {
  put(await api.cancelJob(id));
}

export async function retry(id: string): Promise<void> {
  put(await api.retryJob(id));
}

export async function showMore(): Promise<void> {
  const oldest = jobs.value.at(-1);
  const list = await api.listJobs(PAGE, oldest?.id);
  put(...list.jobs);
  more.value = list.jobs.length === PAGE;
}

let source: EventSource | null = null;
let attempts = 0;

/** Read everything, then listen; after an interruption, again from the start. */
export async function connect(): Promise<void> {
  source?.close();
  try {
    const [list, facts, offered] = await Promise.all([api.listJobs(PAGE), api.readSettings(), api.listModels()]);
    batch(() => {
      known.value = new Map(list.jobs.map((job) => [job.id, job]));
      more.value = list.jobs.length === PAGE;
      settings.value = facts;
      disk.value = facts.disk;
      models.value = offered;
      connection.value = "online";
    });
    attempts = 0;
    listen(list.revision);
  } catch (error) {
    if (error instanceof api.Refusal && (error.status === 401 || error.status === 403)) {
      connection.value = "denied";
      return;
    }
    connection.value = "offline";
    again();
  }
}

function again(): void {
  setTimeout(() => void connect(), Math.min(500 * 1.6 ** attempts++, 5000));
}

function listen(revision: number | undefined): void {
  const events = new EventSource(`api/events${revision === undefined ? "" : `?after=${revision}`}`);
  source = events;
  events.addEventListener("job", (event) => put(JSON.parse(event.data as string) as Job));
  events.addEventListener("deleted", (event) => drop((JSON.parse(event.data as string) as { id: string }).id));
  events.addEventListener("disk", (event) => {
    disk.value = JSON.parse(event.data as string) as Disk;
  });
  events.onerror = () => {
    // What was missed is read anew, so that it does not matter how long the service was away.
    events.close();
    if (source !== events) return;
    source = null;
    connection.value = "offline";
    again();
  };
}
