import { computed } from "@preact/signals";
import { title } from "../format.ts";
import { settings } from "../jobs.ts";
import { choose, installed, options } from "../preferences.ts";
import { Icon } from "./icons.tsx";
import { pick } from "./picker.ts";

const sources = computed(() => installed.value.find(({ name }) => name === options.value.model)?.sources ?? []);

function toggle(stem: string): void {
  const all = sources.value;
  const chosen = options.value.stems.length === 0 ? [...all] : [...options.value.stems];
  const next = chosen.includes(stem) ? chosen.filter((name) => name !== stem) : [...chosen, stem];
  if (next.length > 0) choose({ stems: all.filter((name) => next.includes(name)) });
}

function Stems() {
  const { stems } = options.value;
  return (
    <fieldset class="field">
      <legend>Stems</legend>
      <div class="chips">
        {sources.value.map((stem) => (
          <label key={stem} class="chip">
            <input
              type="checkbox"
              checked={stems.length === 0 || stems.includes(stem)}
              disabled={stems.length === 1 && stems[0] === stem}
              onChange={() => toggle(stem)}
            />
            <span>{title(stem)}</span>
          </label>
        ))}
      </div>
    </fieldset>
  );
}

function Choice(props: { label: string; name: "quality" | "format"; offered: readonly string[] }) {
  const { label, name, offered } = props;
  return (
    <fieldset class="field">
      <legend>{label}</legend>
      <div class="segments">
        {offered.map((value) => (
          <label key={value}>
            <input
              type="radio"
              name={name}
              value={value}
              checked={options.value[name] === value}
              onChange={() => choose({ [name]: value })}
            />
            <span>{name === "format" ? value : title(value)}</span>
          </label>
        ))}
      </div>
    </fieldset>
  );
}

/** What happens to the songs that are added next. */
export function Options() {
  const models = installed.value;
  const { model, stems, quality, format } = options.value;
  const chosen = models.find(({ name }) => name === model);
  const count = stems.length || sources.value.length;
  return (
    <section class="add" aria-label="Add songs">
      <div class="add-buttons">
        <button type="button" class="primary" onClick={() => pick(false)}>
          <Icon name="plus" /> Add songs
        </button>
        <button type="button" onClick={() => pick(true)}>
          <Icon name="folder" /> Folder
        </button>
      </div>
      <details class="options" open={window.innerWidth >= 768}>
        <summary>
          <span class="visually-hidden">Settings for new songs: </span>
          <span class="summary-text">
            {model}, {count} {count === 1 ? "stem" : "stems"}, {quality}, {format}
          </span>
          <Icon name="more" />
        </summary>
        <label class="field">
          <span class="label">Model</span>
          <select value={model} onChange={(event) => choose({ model: event.currentTarget.value, stems: [] })}>
            {models.map(({ name }) => (
              <option key={name} value={name}>
                {name}
              </option>
            ))}
          </select>
        </label>
        {chosen !== undefined && (
          <p class="note">
            {chosen.description}
            {chosen.licence && <span class="licence"> Licence: {chosen.licence}.</span>}
          </p>
        )}
        <Stems />
        <Choice label="Quality" name="quality" offered={settings.value?.qualities ?? []} />
        <Choice label="Format" name="format" offered={settings.value?.formats ?? []} />
      </details>
    </section>
  );
}
