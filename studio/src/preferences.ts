/** What the browser remembers: the theme, the listening level and how new songs are separated. */
import { computed, effect, signal, type Signal } from "@preact/signals";
import type { Options } from "./api.ts";
import type { Channel } from "./audio/mix.ts";
import { models, settings } from "./jobs.ts";

function kept<T>(name: string, initial: T): Signal<T> {
  const key = `partita.${name}`;
  let value = initial;
  try {
    const text = localStorage.getItem(key);
    if (text !== null) value = JSON.parse(text) as T;
  } catch {
    // private windows and damaged values: the default serves
  }
  const state = signal(value);
  effect(() => {
    const text = JSON.stringify(state.value);
    try {
      localStorage.setItem(key, text);
    } catch {
      // it is not remembered
    }
  });
  return state;
}

export type Theme = "system" | "light" | "dark";

export const theme = kept<Theme>("theme", "system");
export const volume = kept("volume", 0); // dB
export const shortcuts = kept("shortcuts", true);
const chosen = kept<Partial<Options>>("options", {});

const system = matchMedia("(prefers-color-scheme: dark)");
const systemDark = signal(system.matches);
system.addEventListener("change", () => {
  systemDark.value = system.matches;
});

export const dark = computed(() => (theme.value === "system" ? systemDark.value : theme.value === "dark"));

effect(() => {
  document.documentElement.dataset.theme = dark.value ? "dark" : "light";
});

/** The models that can be used. */
export const installed = computed(() => models.value.filter((model) => model.installed));

/** How the next songs are separated: what was chosen, as far as the service offers it. */
export const options = computed<Options>(() => {
  const facts = settings.value;
  const pick = (wanted: string | undefined, offered: readonly string[], fallback: string) =>
    wanted !== undefined && offered.includes(wanted) ? wanted : fallback;
  const names = installed.value.map((model) => model.name);
  const model = pick(chosen.value.model, names, facts?.default_model ?? "default");
  const sources = installed.value.find(({ name }) => name === model)?.sources ?? [];
  const stems = sources.filter((stem) => chosen.value.stems?.includes(stem));
  return {
    model,
    stems: stems.length === sources.length ? [] : stems,
    quality: pick(chosen.value.quality, facts?.qualities ?? [], "balanced"),
    format: pick(chosen.value.format, facts?.formats ?? [], "wav"),
  };
});

export function choose(change: Partial<Options>): void {
  chosen.value = { ...chosen.value, ...change };
}

/** The mixes of the songs that were worked on last, by job and stem. */
export const mixes = kept<Record<string, Record<string, Channel>>>("mixes", {});
