import { useSignalEffect } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { LOUDEST, SILENT } from "../audio/mix.ts";
import { clock, decibels } from "../format.ts";
import type { Mixer } from "../mixer.ts";
import { volume } from "../preferences.ts";
import { Icon } from "./icons.tsx";

const FLOOR = -54; // dB at the left end of the meter
const FALL = 24; // dB a second
const HOLD = 1500; // ms

function Time({ desk }: { desk: Mixer }) {
  const now = useRef<HTMLSpanElement>(null);
  useEffect(
    () =>
      desk.onPosition((seconds) => {
        const text = clock(seconds, 1);
        if (now.current !== null && now.current.textContent !== text) now.current.textContent = text;
      }),
    [desk],
  );
  return (
    <p class="time">
      <span ref={now} class="time-now">
        0:00.0
      </span>
      <span class="time-all">{desk.duration.value > 0 ? clock(desk.duration.value) : "–:––"}</span>
    </p>
  );
}

/** The level of what is heard: peaks of both sides, the highest of the last moments, and whether it clipped. */
function Level({ desk }: { desk: Mixer }) {
  const meter = useRef<HTMLDivElement>(null);
  const text = useRef<HTMLSpanElement>(null);
  useSignalEffect(() => {
    const player = desk.player.value;
    const playing = desk.state.value !== "stopped";
    if (player === null) return;
    const samples = new Float32Array(2048);
    const shown = [FLOOR, FLOOR];
    let [highest, since, before, frame] = [FLOOR, 0, performance.now(), 0];
    const bars = [...(meter.current?.querySelectorAll<HTMLElement>("i") ?? [])];
    const step = (now: number) => {
      const levels = player.levels(samples).map((peak) => Math.max(20 * Math.log10(peak + 1e-9), FLOOR));
      const fallen = (FALL * Math.max(now - before, 0)) / 1000;
      before = now;
      levels.forEach((level, channel) => {
        shown[channel] = Math.max(level, (shown[channel] ?? FLOOR) - fallen, FLOOR);
        bars[channel]?.style.setProperty("transform", `scaleX(${(1 - (shown[channel] ?? FLOOR) / FLOOR).toFixed(3)})`);
      });
      const loudest = Math.max(...levels);
      if (loudest >= highest || now - since > HOLD) {
        [highest, since] = [loudest, now];
        meter.current?.setAttribute("aria-valuenow", loudest.toFixed(0));
        const figure = loudest <= FLOOR ? "−∞" : loudest.toFixed(1).replace("-", "−");
        if (text.current !== null) text.current.textContent = figure;
      }
      meter.current?.classList.toggle("clipped", highest > 0);
      const quiet = Math.max(...shown) <= FLOOR;
      if (playing || !quiet) frame = requestAnimationFrame(step);
    };
    frame = requestAnimationFrame(step);
    return () => cancelAnimationFrame(frame);
  });
  return (
    <div class="level">
      <div
        ref={meter}
        class="meter"
        role="meter"
        aria-label="Master level in dBFS"
        aria-valuemin={FLOOR}
        aria-valuemax={0}
        aria-valuenow={FLOOR}
      >
        <i />
        <i />
      </div>
      <span ref={text} class="level-text" aria-hidden="true">
        −∞
      </span>
    </div>
  );
}

export function Transport({ desk }: { desk: Mixer }) {
  const player = desk.player.value;
  const state = desk.state.value;
  const { a, b } = desk.points.value;
  const ready = player !== null;
  const original = desk.original.value;
  return (
    <footer class="transport" aria-label="Transport">
      <div class="transport-play">
        <button type="button" class="quiet" title="To the start (Home)" aria-label="To the start" disabled={!ready} onClick={() => desk.seek(0)}>
          <Icon name="start" />
        </button>
        <button
          type="button"
          class={`play ${state}`}
          id="play"
          title={state === "stopped" ? "Play (Space)" : "Pause (Space)"}
          aria-label={state === "stopped" ? "Play" : "Pause"}
          disabled={!ready}
          onClick={() => desk.toggle()}
        >
          <Icon name={state === "stopped" ? "play" : "pause"} />
        </button>
        <Time desk={desk} />
        <span class="waiting" role="status">
          {state === "waiting" ? "Waiting for the next part" : ""}
        </span>
      </div>
      <div class="transport-loop" role="group" aria-label="Loop">
        <button type="button" class="toggle" title="Loop starts here (A)" aria-label="Loop starts here" aria-pressed={a !== null} disabled={!ready} onClick={() => desk.setPoint("a", desk.position())}>
          A
        </button>
        <button type="button" class="toggle" title="Loop ends here (B)" aria-label="Loop ends here" aria-pressed={b !== null} disabled={!ready} onClick={() => desk.setPoint("b", desk.position())}>
          B
        </button>
        <button type="button" class="toggle" title="Loop on or off (L)" aria-label="Loop" aria-pressed={desk.looping.value} disabled={!ready} onClick={() => desk.toggleLoop()}>
          <Icon name="loop" />
        </button>
        <button type="button" class="quiet" title="Remove the loop (X)" aria-label="Remove the loop" disabled={a === null && b === null} onClick={() => desk.clearLoop()}>
          <Icon name="cross" />
        </button>
      </div>
      <fieldset class="segments compare">
        <legend class="visually-hidden">What is heard</legend>
        {[false, true].map((value) => (
          <label key={String(value)} title="Original or stems (O)">
            <input type="radio" name="heard" checked={original === value} disabled={!ready} onChange={() => desk.player.value?.compare(value)} />
            <span>{value ? "Original" : "Stems"}</span>
          </label>
        ))}
      </fieldset>
      <Level desk={desk} />
      <label class="control listening">
        <span class="visually-hidden">Listening level, no part of downloads</span>
        <input
          type="range"
          class="volume"
          min={SILENT}
          max={LOUDEST}
          step={0.5}
          value={volume.value}
          title="Listening level, no part of downloads (↑ ↓)"
          aria-valuetext={decibels(volume.value, SILENT)}
          onInput={(event) => {
            volume.value = event.currentTarget.valueAsNumber;
          }}
          onDblClick={() => {
            volume.value = 0;
          }}
        />
        <output>{decibels(volume.value, SILENT)}</output>
      </label>
    </footer>
  );
}
