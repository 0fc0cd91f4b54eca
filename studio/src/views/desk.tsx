import type { Job } from "../api.ts";
import { dialog } from "../dialogs.ts";
import { clock, size, title } from "../format.ts";
import { cancel, isActive, retry } from "../jobs.ts";
import type { Mixer } from "../mixer.ts";
import { attempt } from "../notices.ts";
import { Icon } from "./icons.tsx";
import { Lanes } from "./lanes.tsx";
import { pace, Progress } from "./library.tsx";
import { Transport } from "./transport.tsx";

function facts(job: Job): string {
  const parts = [title(job.model), job.quality, job.format];
  if (job.duration !== null) parts.unshift(clock(job.duration));
  if (job.sample_rate !== null) parts.push(`${job.sample_rate / 1000} kHz ${job.channels === 1 ? "mono" : "stereo"}`);
  if (job.state === "done") parts.push(size(job.bytes));
  return parts.join(" · ");
}

function Title({ job }: { job: Job }) {
  return (
    <header class="desk-title">
      <a class="back quiet" href="#/" aria-label="All songs">
        <Icon name="back" />
      </a>
      <div>
        <h1>{job.name}</h1>
        <p>{facts(job)}</p>
      </div>
      <div class="desk-buttons">
        {isActive(job) && (
          <button type="button" onClick={() => attempt(() => cancel(job.id))}>
            <Icon name="cross" /> Cancel
          </button>
        )}
        {job.state === "done" && (
          <button
            type="button"
            class="primary"
            id="download"
            onClick={() => {
              dialog.value = { kind: "download", job: job.id };
            }}
          >
            <Icon name="download" /> Download
          </button>
        )}
        {!isActive(job) && (
          <button
            type="button"
            title="Delete"
            aria-label="Delete this song"
            onClick={() => {
              dialog.value = { kind: "delete", jobs: [job] };
            }}
          >
            <Icon name="trash" />
          </button>
        )}
      </div>
    </header>
  );
}

/** What is to be known of the separation, if it is not simply done. */
function Status({ job }: { job: Job }) {
  if (job.state === "running") {
    return (
      <div class="status">
        <p>
          <b>Separating</b> {job.progress > 0 ? pace(job) : "starts"}
          {job.available > 0 && <span class="status-hint">What is done can be played now.</span>}
        </p>
        <Progress value={job.progress} label="Separation" />
      </div>
    );
  }
  if (job.state === "queued") {
    const first = job.position === null || job.position <= 1;
    return (
      <div class="status">
        <p>
          <b>In the queue</b> {first ? "This song is next." : `${(job.position ?? 1) - 1} before this one.`}
        </p>
      </div>
    );
  }
  const notes = [...job.warnings];
  if (job.gain !== undefined && job.gain < 1) {
    notes.push(`All files are ${(-20 * Math.log10(job.gain)).toFixed(1)} dB softer, so that no stem clips.`);
  }
  return notes.length === 0 ? null : (
    <div class="status">
      {notes.map((text) => (
        <p key={text}>{text}</p>
      ))}
    </div>
  );
}

function Stopped({ job }: { job: Job }) {
  const failed = job.state === "failed";
  return (
    <div class={`halted ${job.state}`}>
      <h2>{failed ? "This song could not be separated" : "Cancelled"}</h2>
      <p>{failed ? (job.error ?? "The reason is not known.") : "Nothing was kept of the separation; the song is still here."}</p>
      <button type="button" class="primary" onClick={() => attempt(() => retry(job.id))}>
        <Icon name="retry" /> Try again
      </button>
    </div>
  );
}

function Toolbar({ desk }: { desk: Mixer }) {
  const { spectrogram } = desk;
  const preset = (event: { currentTarget: HTMLSelectElement }) => {
    const [kind, stem] = event.currentTarget.value.split(":");
    event.currentTarget.value = "";
    if (kind === "all") desk.reset();
    else if (kind === "without" && stem !== undefined) desk.mute([stem]);
    else if (kind === "only") desk.mute(desk.stems.filter((name) => name !== stem));
  };
  return (
    <div class="toolbar" role="group" aria-label="View and mix">
      <fieldset class="segments">
        <legend class="visually-hidden">Picture</legend>
        {[false, true].map((value) => (
          <label key={String(value)}>
            <input
              type="radio"
              name="picture"
              checked={spectrogram.value === value}
              onChange={() => {
                spectrogram.value = value;
              }}
            />
            <span>{value ? "Spectrogram" : "Waveform"}</span>
          </label>
        ))}
      </fieldset>
      <div class="zoom">
        <button type="button" title="Zoom out (−)" aria-label="Zoom out" onClick={() => desk.zoom(1 / 1.6)}>
          <Icon name="minus" />
        </button>
        <button type="button" title="Whole song (F)" aria-label="Show the whole song" onClick={() => desk.fit()}>
          <Icon name="fit" />
        </button>
        <button type="button" title="Zoom in (+)" aria-label="Zoom in" onClick={() => desk.zoom(1.6)}>
          <Icon name="plus" />
        </button>
      </div>
      <label class="preset">
        <span class="visually-hidden">Preset of the mix</span>
        <select value="" onChange={preset}>
          <option value="">Mix preset</option>
          <option value="all:">All stems, reset</option>
          {desk.stems.map((stem) => (
            <option key={stem} value={`without:${stem}`}>
              {stem === "vocals" ? "Karaoke (no vocals)" : `Without ${title(stem).toLowerCase()}`}
            </option>
          ))}
          {desk.stems.map((stem) => (
            <option key={stem} value={`only:${stem}`}>
              Only {title(stem).toLowerCase()}
            </option>
          ))}
        </select>
      </label>
    </div>
  );
}

export function Desk({ desk }: { desk: Mixer }) {
  const job = desk.job.value;
  if (job === undefined) return null;
  const stopped = job.state === "failed" || job.state === "cancelled";
  return (
    <section class="desk" aria-label={job.name}>
      <Title job={job} />
      {stopped ? (
        <Stopped job={job} />
      ) : (
        <>
          <Status job={job} />
          <Toolbar desk={desk} />
          <Lanes desk={desk} />
          <Transport desk={desk} />
        </>
      )}
    </section>
  );
}
