import type { Job } from "../api.ts";
import { dialog } from "../dialogs.ts";
import { clock, left, size, when } from "../format.ts";
import { active, cancel, connection, disk, finished, isActive, more, retry, showMore } from "../jobs.ts";
import { selected } from "../mixer.ts";
import { attempt } from "../notices.ts";
import { dismiss, retry as resend, uploads, type Sending } from "../uploads.ts";
import { Icon } from "./icons.tsx";
import { Options } from "./options.tsx";

/** A bar of progress that screen readers can read. */
export function Progress({ value, label }: { value: number; label: string }) {
  return <progress class="progress" max={1} value={value} aria-label={label} />;
}

/** Return what is known of the rest of the work: `42 %, 3.1× real time, 12 s left`. */
export function pace(job: Job): string {
  const parts = [`${Math.floor(100 * job.progress)} %`];
  if (job.speed !== null) parts.push(`${job.speed.toFixed(job.speed < 10 ? 1 : 0)}× real time`);
  if (job.remaining !== null) parts.push(`${left(job.remaining)} left`);
  return parts.join(", ");
}

function state(job: Job): string {
  const length = job.duration === null ? [] : [clock(job.duration)];
  switch (job.state) {
    case "running":
      return job.progress > 0 ? pace(job) : "Starting";
    case "queued":
      return job.position === null || job.position <= 1 ? "Next in the queue" : `Number ${job.position} in the queue`;
    case "failed":
      return job.error ?? "Failed";
    case "cancelled":
      return "Cancelled";
    case "done":
      return [...length, `${job.stems.length} ${job.stems.length === 1 ? "stem" : "stems"}`, size(job.bytes), when(job.finished ?? job.created)].join(" · ");
  }
}

function Row({ job }: { job: Job }) {
  const current = selected.value === job.id;
  return (
    <li class={`song ${job.state}`} data-id={job.id}>
      <a href={`#/${encodeURIComponent(job.id)}`} aria-current={current ? "page" : undefined}>
        <span class="song-name">{job.name}</span>
        <span class="song-state">
          {job.state === "failed" && <b>Failed: </b>}
          {state(job)}
        </span>
        {job.state === "running" && <Progress value={job.progress} label={`Separating ${job.name}`} />}
      </a>
      <span class="song-buttons">
        {(job.state === "failed" || job.state === "cancelled") && (
          <button type="button" class="quiet" title="Try again" aria-label={`Try ${job.name} again`} onClick={() => attempt(() => retry(job.id))}>
            <Icon name="retry" />
          </button>
        )}
        {isActive(job) ? (
          <button type="button" class="quiet" title="Cancel" aria-label={`Cancel ${job.name}`} onClick={() => attempt(() => cancel(job.id))}>
            <Icon name="cross" />
          </button>
        ) : (
          <button
            type="button"
            class="quiet"
            title="Delete"
            aria-label={`Delete ${job.name}`}
            onClick={() => {
              dialog.value = { kind: "delete", jobs: [job] };
            }}
          >
            <Icon name="trash" />
          </button>
        )}
      </span>
    </li>
  );
}

const SENDING = { waiting: "Waiting to be uploaded", sending: "Uploading", held: "Waiting for room", failed: "Failed" };

function UploadRow({ sending }: { sending: Sending }) {
  const { key, file, sent } = sending;
  const name = sending.file.name;
  return (
    <li class={`song upload ${sending.state}`}>
      <span class="song-body">
        <span class="song-name">{name}</span>
        <span class="song-state">
          {sending.state === "failed" && <b>Failed: </b>}
          {sending.error ?? `${SENDING[sending.state]}${sending.state === "sending" ? `, ${Math.floor(100 * sent)} % of ${size(file.size)}` : ""}`}
        </span>
        {sending.state === "sending" && <Progress value={sent} label={`Uploading ${name}`} />}
      </span>
      <span class="song-buttons">
        {sending.state === "failed" && (
          <button type="button" class="quiet" title="Try again" aria-label={`Upload ${name} again`} onClick={() => resend(key)}>
            <Icon name="retry" />
          </button>
        )}
        <button type="button" class="quiet" title="Remove" aria-label={`Remove ${name}`} onClick={() => dismiss(key)}>
          <Icon name="cross" />
        </button>
      </span>
    </li>
  );
}

function DiskUse() {
  const use = disk.value;
  if (use === null) return null;
  const room = Math.min(use.limit - use.used, use.free);
  return (
    <div class="disk">
      <meter
        class="disk-bar"
        min={0}
        max={use.limit}
        high={0.9 * use.limit}
        value={use.used}
        aria-label="Disk use of all songs"
      />
      <span>
        {size(use.used)} used, {size(Math.max(room, 0))} left
      </span>
      {finished.value.length > 1 && (
        <button
          type="button"
          class="link"
          onClick={() => {
            dialog.value = { kind: "delete", jobs: finished.value };
          }}
        >
          Delete all
        </button>
      )}
    </div>
  );
}

/** Songs that are added, worked on and done. */
export function Library() {
  const nothing = uploads.value.length + active.value.length + finished.value.length === 0;
  return (
    <aside class="library" aria-label="Songs">
      <Options />
      <div class="lists">
        {uploads.value.length + active.value.length > 0 && (
          <section aria-labelledby="queue">
            <h2 id="queue">Queue</h2>
            <ul>
              {active.value.map((job) => (
                <Row key={job.id} job={job} />
              ))}
              {uploads.value.map((sending) => (
                <UploadRow key={`upload-${sending.key}`} sending={sending} />
              ))}
            </ul>
          </section>
        )}
        {finished.value.length > 0 && (
          <section aria-labelledby="history">
            <h2 id="history">History</h2>
            <ul>
              {finished.value.map((job) => (
                <Row key={job.id} job={job} />
              ))}
            </ul>
            {more.value && (
              <button type="button" class="link" onClick={() => attempt(showMore)}>
                Show older songs
              </button>
            )}
          </section>
        )}
        {nothing && connection.value === "online" && (
          <p class="note nothing">Songs that you add appear here, and stay until you delete them.</p>
        )}
      </div>
      <DiskUse />
    </aside>
  );
}

