/** The service's HTTP interface. */

export type State = "queued" | "running" | "done" | "failed" | "cancelled";

export interface Job {
  readonly id: string;
  readonly name: string;
  readonly state: State;
  readonly model: string;
  readonly quality: string;
  readonly format: string;
  readonly stems: readonly string[];
  readonly created: number;
  readonly finished: number | null;
  readonly progress: number;
  readonly speed: number | null;
  readonly remaining: number | null;
  readonly position: number | null;
  readonly duration: number | null;
  readonly available: number;
  readonly sample_rate: number | null;
  readonly channels: number | null;
  readonly bytes: number;
  readonly expires: number | null;
  readonly gain?: number;
  readonly error: string | null;
  readonly warnings: readonly string[];
  readonly segment_seconds: number;
}

export interface JobList {
  readonly jobs: readonly Job[];
  readonly revision?: number;
}

export interface Model {
  readonly name: string;
  readonly description: string;
  readonly licence: string;
  readonly installed: boolean;
  readonly sources: readonly string[];
}

export interface Disk {
  readonly used: number;
  readonly limit: number;
  readonly free: number;
}

export interface Settings {
  readonly version: string;
  readonly default_model: string;
  readonly qualities: readonly string[];
  readonly formats: readonly string[];
  readonly upload_limit: number;
  readonly queue_limit: number;
  readonly keep_days: number | null;
  readonly disk: Disk;
}

/** How a song is to be separated; no stems are all of them. */
export interface Options {
  readonly model: string;
  readonly stems: readonly string[];
  readonly quality: string;
  readonly format: string;
}

/** An answer that is not the one that was asked for. Status 0: no answer. */
export class Refusal extends Error {
  constructor(
    readonly status: number,
    message: string,
    readonly retryAfter: number | null = null, // seconds
  ) {
    super(message);
  }
}

const OFFLINE = "The service cannot be reached.";

/** Return the refusal that an answer's body and headers tell of. */
export function refusal(status: number, body: string, retryAfter: string | null): Refusal {
  let detail = "";
  try {
    const parsed: unknown = JSON.parse(body);
    if (typeof parsed === "object" && parsed !== null && "detail" in parsed && typeof parsed.detail === "string") {
      detail = parsed.detail;
    }
  } catch {
    // an answer of something between the service and this page
  }
  const seconds = Number(retryAfter ?? Number.NaN);
  return new Refusal(status, detail || `The service answered with status ${status}.`, seconds >= 0 ? seconds : null);
}

async function ask(path: string, init: RequestInit = {}): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(path, init);
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new Refusal(0, OFFLINE);
  }
  if (!response.ok) throw refusal(response.status, await response.text(), response.headers.get("Retry-After"));
  return response;
}

async function json<T>(path: string, init?: RequestInit): Promise<T> {
  return (await (await ask(path, init)).json()) as T;
}

const at = (id: string, rest = "") => `api/jobs/${encodeURIComponent(id)}${rest}`;

export const listModels = () => json<Model[]>("api/models");
export const readSettings = () => json<Settings>("api/settings");
export const listJobs = (limit: number, before?: string) =>
  json<JobList>(`api/jobs?limit=${limit}${before === undefined ? "" : `&before=${encodeURIComponent(before)}`}`);
export const readJob = (id: string) => json<Job>(at(id));
export const cancelJob = (id: string) => json<Job>(at(id, "/cancel"), { method: "POST" });
export const retryJob = (id: string) => json<Job>(at(id, "/retry"), { method: "POST" });
export const deleteJob = (id: string) => ask(at(id), { method: "DELETE" });

/** Return the WAV file of a segment, or null while it is not computed. */
export async function readSegment(id: string, stem: string, index: number): Promise<ArrayBuffer | null> {
  try {
    return await (await ask(at(id, `/segments/${encodeURIComponent(stem)}/${index}`))).arrayBuffer();
  } catch (error) {
    if (error instanceof Refusal && error.status === 404) return null;
    throw error;
  }
}

async function bytes(path: string, signal?: AbortSignal): Promise<Uint8Array> {
  return new Uint8Array(await (await ask(path, signal ? { signal } : {})).arrayBuffer());
}

export function readPeaks(id: string, stem: string, start: number, end: number, points: number): Promise<Uint8Array> {
  return bytes(at(id, `/peaks/${encodeURIComponent(stem)}?start=${start}&end=${end}&points=${points}`));
}

export function readSpectrogram(
  id: string,
  stem: string,
  start: number,
  end: number,
  width: number,
  height: number,
): Promise<Uint8Array> {
  const query = `start=${start}&end=${end}&width=${width}&height=${height}`;
  return bytes(at(id, `/spectrogram/${encodeURIComponent(stem)}?${query}`));
}

export const stemAddress = (id: string, stem: string) => at(id, `/stems/${encodeURIComponent(stem)}`);
export const zipAddress = (id: string) => at(id, "/zip");
export const mixAddress = (id: string, query: URLSearchParams) => at(id, `/mix?${query.toString()}`);

export interface Upload {
  readonly done: Promise<Job>;
  readonly abort: () => void;
}

/** Send a file; `progress` gets the fraction that is sent. */
export function upload(file: File, options: Options, progress: (fraction: number) => void): Upload {
  const query = new URLSearchParams({
    name: file.name,
    model: options.model,
    quality: options.quality,
    format: options.format,
  });
  if (options.stems.length > 0) query.set("stems", options.stems.join(","));
  const request = new XMLHttpRequest(); // fetch tells nothing of the progress of what it sends
  const done = new Promise<Job>((resolve, reject) => {
    request.upload.onprogress = (event) => {
      if (event.lengthComputable && event.total > 0) progress(event.loaded / event.total);
    };
    request.onload = () => {
      if (request.status === 201) resolve(JSON.parse(request.responseText) as Job);
      else reject(refusal(request.status, request.responseText, request.getResponseHeader("Retry-After")));
    };
    request.onerror = () => reject(new Refusal(0, OFFLINE));
    request.onabort = () => reject(new DOMException("cancelled", "AbortError"));
  });
  request.open("POST", `api/jobs/upload?${query.toString()}`);
  request.setRequestHeader("Content-Type", "application/octet-stream");
  request.send(file);
  return { done, abort: () => request.abort() };
}
