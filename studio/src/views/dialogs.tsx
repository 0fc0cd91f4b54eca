import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { useSignal } from "@preact/signals";
import { mixAddress, stemAddress, zipAddress, type Job } from "../api.ts";
import { gains, isSilent, mixQuery, SILENT } from "../audio/mix.ts";
import { dialog } from "../dialogs.ts";
import { decibels, side, size, title } from "../format.ts";
import { find, remove, settings } from "../jobs.ts";
import { GROUPS } from "../keys.ts";
import { mixer, select, selected } from "../mixer.ts";
import { attempt } from "../notices.ts";
import { shortcuts } from "../preferences.ts";
import { Icon } from "./icons.tsx";

function close(): void {
  dialog.value = null;
}

function Sheet({ heading, children }: { heading: string; children: ComponentChildren }) {
  const element = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const before = document.activeElement;
    element.current?.showModal();
    return () => {
      if (before instanceof HTMLElement && before.isConnected) before.focus();
    };
  }, []);
  return (
    <dialog
      ref={element}
      class="sheet"
      aria-labelledby="sheet"
      onClose={close}
      onClick={(event) => {
        if (event.target === event.currentTarget) close(); // outside
      }}
    >
      <div class="sheet-body">
        <header>
          <h2 id="sheet">{heading}</h2>
          <button type="button" class="quiet" aria-label="Close" title="Close" onClick={close}>
            <Icon name="cross" />
          </button>
        </header>
        {children}
      </div>
    </dialog>
  );
}

function Help() {
  return (
    <Sheet heading="Keys">
      <div class="keys">
        {GROUPS.map((group) => (
          <section key={group.title}>
            <h3>{group.title}</h3>
            <dl>
              {group.shortcuts.map(({ shown, text }) => (
                <div key={shown}>
                  <dt>
                    {shown.split(" ").map((key) => (key === "…" ? "…" : <kbd key={key}>{key}</kbd>))}
                  </dt>
                  <dd>{text}</dd>
                </div>
              ))}
            </dl>
          </section>
        ))}
        <section>
          <h3>Mouse and touch</h3>
          <p>
            Click a waveform to go there. Drag across it to loop a part. Ctrl and the wheel zoom, Shift and the wheel
            scroll; on a touch screen, pinch and drag.
          </p>
        </section>
      </div>
      <label class="switch">
        <input
          type="checkbox"
          checked={shortcuts.value}
          onChange={(event) => {
            shortcuts.value = event.currentTarget.checked;
          }}
        />
        <span>Use these keys</span>
      </label>
    </Sheet>
  );
}

function Download({ job }: { job: Job }) {
  const format = useSignal(settings.value?.formats.includes(job.format) ? job.format : "wav");
  const desk = mixer.value?.id === job.id ? mixer.value : null;
  const channels = desk?.channels.value ?? new Map();
  const linear = gains(channels);
  const done = job.state === "done";
  const silent = isSilent(channels);
  return (
    <Sheet heading="Download">
      {!done && <p class="note">Files can be downloaded when the song is done.</p>}
      <section class="download" aria-labelledby="mix">
        <h3 id="mix">This mix</h3>
        <ul class="recipe">
          {job.stems.map((stem) => {
            const channel = channels.get(stem);
            const off = linear.get(stem) === 0;
            const pan = channel !== undefined && channel.pan !== 0 ? `, ${side(channel.pan)}` : "";
            return (
              <li key={stem} class={off ? "off" : ""}>
                <span>{title(stem)}</span>
                <span>{off ? "left out" : `${decibels(channel?.volume ?? 0, SILENT)}${pan}`}</span>
              </li>
            );
          })}
        </ul>
        <div class="download-row">
          <label>
            <span class="visually-hidden">Format of the mix</span>
            <select
              value={format.value}
              onChange={(event) => {
                format.value = event.currentTarget.value;
              }}
            >
              {(settings.value?.formats ?? ["wav"]).map((name) => (
                <option key={name} value={name}>
                  {name}
                </option>
              ))}
            </select>
          </label>
          {done && !silent ? (
            <a class="button primary" id="download-mix" href={mixAddress(job.id, mixQuery(channels, format.value))} download>
              <Icon name="download" /> Download mix
            </a>
          ) : (
            <button type="button" class="primary" disabled>
              <Icon name="download" /> Download mix
            </button>
          )}
        </div>
        <p class="note">
          {silent
            ? "Nothing can be heard in this mix."
            : "Rendered from the stems at full quality. A mix beyond full scale is turned down as a whole."}
        </p>
      </section>
      {done && (
        <section class="download" aria-labelledby="files">
          <h3 id="files">Stems</h3>
          <ul class="files">
            {job.stems.map((stem) => (
              <li key={stem}>
                <a href={stemAddress(job.id, stem)} download>
                  <span>{title(stem)}</span>
                  <span class="file-format">{job.format}</span>
                  <Icon name="download" />
                </a>
              </li>
            ))}
            <li>
              <a href={zipAddress(job.id)} download>
                <span>All stems</span>
                <span class="file-format">zip</span>
                <Icon name="download" />
              </a>
            </li>
          </ul>
        </section>
      )}
    </Sheet>
  );
}

function Delete({ jobs }: { jobs: readonly Job[] }) {
  const [first] = jobs;
  const bytes = jobs.reduce((sum, job) => sum + job.bytes, 0);
  const one = jobs.length === 1;
  const go = () => {
    close();
    attempt(async () => {
      for (const job of jobs) {
        await remove(job.id);
        if (selected.value === job.id) select(null);
      }
    });
  };
  return (
    <Sheet heading={one ? "Delete this song?" : `Delete ${jobs.length} songs?`}>
      <p>
        {one ? <b class="breakable">{first?.name}</b> : "All songs of the history"} and {one ? "its" : "their"} stems are
        deleted from this service. That frees {size(bytes)} and cannot be undone.
      </p>
      <div class="sheet-buttons">
        <button type="button" onClick={close}>
          Keep
        </button>
        <button type="button" class="danger" onClick={go}>
          Delete
        </button>
      </div>
    </Sheet>
  );
}

export function Dialogs() {
  const open = dialog.value;
  if (open === null) return null;
  if (open.kind === "help") return <Help />;
  if (open.kind === "delete") return <Delete jobs={open.jobs} />;
  const job = find(open.job);
  return job === undefined ? null : <Download job={job} />;
}
