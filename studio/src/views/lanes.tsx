import { useSignalEffect } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { stemAddress } from "../api.ts";
import { gains, LOUDEST, SILENT } from "../audio/mix.ts";
import { property, stemClass } from "../draw/colours.ts";
import { drawPending, drawRuler, drawSpectrogram, drawWaveform, prepare } from "../draw/lanes.ts";
import { fit } from "../draw/view.ts";
import { clock, decibels, side, spoken, title } from "../format.ts";
import { ORIGINAL, ROWS, type Mixer } from "../mixer.ts";
import { dark } from "../preferences.ts";
import { hand } from "./hand.ts";
import { Icon } from "./icons.tsx";

/** Draw in the next frame after each change of the signals that `look` reads; it returns what draws. */
function usePicture(look: () => () => void): void {
  useSignalEffect(() => {
    const frame = requestAnimationFrame(look());
    return () => cancelAnimationFrame(frame);
  });
}

/** Keep an element where the position is heard. */
function usePlayhead(desk: Mixer, whole = false) {
  const line = useRef<HTMLDivElement>(null);
  useEffect(
    () =>
      desk.onPosition((seconds) => {
        const view = whole ? fit(desk.duration.value, desk.width.value) : desk.view.value;
        const x = (seconds - view.start) * view.scale;
        const shown = desk.duration.value > 0 && x >= 0 && x <= desk.width.value;
        line.current?.style.setProperty("transform", `translateX(${x.toFixed(2)}px)`);
        line.current?.style.setProperty("visibility", shown ? "visible" : "hidden");
      }),
    [desk],
  );
  return line;
}

/** The range of the loop, drawn over a lane. */
function LoopRange({ desk }: { desk: Mixer }) {
  const range = useRef<HTMLDivElement>(null);
  useSignalEffect(() => {
    const { a, b } = desk.points.value;
    const { start, scale } = desk.view.value;
    const element = range.current;
    if (element === null) return;
    element.hidden = a === null || b === null;
    if (a === null || b === null) return;
    const left = Math.max((Math.min(a, b) - start) * scale, -2);
    const right = Math.min((Math.max(a, b) - start) * scale, desk.width.value + 2);
    element.style.setProperty("left", `${left}px`);
    element.style.setProperty("width", `${Math.max(right - left, 0)}px`);
    element.classList.toggle("on", desk.looping.value);
  });
  return <div ref={range} class="loop-range" hidden />;
}

function Picture({ desk, stem }: { desk: Mixer; stem: string }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const playhead = usePlayhead(desk);
  usePicture(() => {
    const [view, width, available, duration] = [desk.view.value, desk.width.value, desk.available.value, desk.duration.value];
    desk.pictures.value; // drawn again when more arrives
    const [night, frequencies] = [dark.value, desk.spectrogram.value];
    const off = gains(desk.channels.value).get(stem) === 0;
    return () => {
      const element = canvas.current;
      if (element === null || width === 0) return;
      const height = element.clientHeight;
      const context = prepare(element, width, height);
      if (context === null) return;
      const end = view.start + width / view.scale;
      if (duration > 0) {
        context.globalAlpha = off ? 0.35 : 1;
        const scale = view.scale * (frequencies ? 0.5 : Math.min(window.devicePixelRatio, 2));
        const tiles = frequencies ? desk.spectrum(stem) : desk.wave(stem);
        const placed = tiles.between(view.start, end, scale, available, duration);
        if (frequencies) drawSpectrogram(context, placed, view, height, ROWS, night);
        else drawWaveform(context, placed, view, width, height, property(element, "--stem"));
        context.globalAlpha = 1;
      }
      const known = duration > 0 ? (available - view.start) * view.scale : 0;
      if (available < duration || duration === 0) {
        drawPending(context, Math.max(known, 0), width, height, property(element, "--hatch"));
      }
    };
  });
  return (
    <div class="lane">
      <canvas ref={canvas} aria-hidden="true" />
      <LoopRange desk={desk} />
      <div ref={playhead} class="playhead" />
    </div>
  );
}

function Strip({ desk, stem, index }: { desk: Mixer; stem: string; index: number }) {
  const channel = desk.channels.value.get(stem);
  const job = desk.job.value;
  if (channel === undefined) return null;
  const name = title(stem);
  const off = gains(desk.channels.value).get(stem) === 0;
  return (
    <div class={`track ${stemClass(stem, index)} ${off ? "off" : ""}`} role="group" aria-label={name} data-stem={stem}>
      <div class="strip">
        <div class="strip-head">
          <span class="swatch" aria-hidden="true" />
          <h2>{name}</h2>
          <button
            type="button"
            class="toggle mute"
            aria-pressed={channel.muted}
            aria-label={`Mute ${name}`}
            title={`Mute (Shift ${index + 1})`}
            onClick={() => desk.set(stem, { muted: !channel.muted })}
          >
            M
          </button>
          <button
            type="button"
            class="toggle solo"
            aria-pressed={channel.solo}
            aria-label={`Solo ${name}`}
            title={`Solo (${index + 1})`}
            onClick={() => desk.set(stem, { solo: !channel.solo })}
          >
            S
          </button>
          {job?.state === "done" ? (
            <a class="quiet" href={stemAddress(desk.id, stem)} download aria-label={`Download ${name}`} title={`Download ${name}`}>
              <Icon name="download" />
            </a>
          ) : (
            <span class="quiet-space" />
          )}
        </div>
        <label class="control">
          <span class="visually-hidden">Volume of {name}</span>
          <input
            type="range"
            class="volume"
            min={SILENT}
            max={LOUDEST}
            step={0.5}
            value={channel.volume}
            aria-valuetext={decibels(channel.volume, SILENT)}
            onInput={(event) => desk.set(stem, { volume: event.currentTarget.valueAsNumber })}
            onDblClick={() => desk.set(stem, { volume: 0 })}
          />
          <output>{decibels(channel.volume, SILENT)}</output>
        </label>
        {job?.channels !== 1 && (
          <label class="control">
            <span class="visually-hidden">Pan of {name}</span>
            <input
              type="range"
              class="pan"
              min={-1}
              max={1}
              step={0.05}
              value={channel.pan}
              aria-valuetext={side(channel.pan)}
              onInput={(event) => desk.set(stem, { pan: event.currentTarget.valueAsNumber })}
              onDblClick={() => desk.set(stem, { pan: 0 })}
            />
            <output>{side(channel.pan)}</output>
          </label>
        )}
      </div>
      <Picture desk={desk} stem={stem} />
    </div>
  );
}

/** The whole song as it came, with the part that the lanes show. */
function Overview({ desk }: { desk: Mixer }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const frame = useRef<HTMLDivElement>(null);
  const playhead = usePlayhead(desk, true);
  usePicture(() => {
    const [width, available, duration] = [desk.width.value, desk.available.value, desk.duration.value];
    desk.pictures.value;
    dark.value;
    const active = desk.original.value;
    return () => {
      const element = canvas.current;
      if (element === null || width === 0) return;
      const height = element.clientHeight;
      const context = prepare(element, width, height);
      if (context === null || duration === 0) return;
      const view = fit(duration, width);
      const scale = view.scale * Math.min(window.devicePixelRatio, 2);
      const tiles = desk.wave(ORIGINAL).between(0, duration, scale, available, duration);
      drawWaveform(context, tiles, view, width, height, property(element, active ? "--ink" : "--faint"));
      if (available < duration) drawPending(context, available * view.scale, width, height, property(element, "--hatch"));
    };
  });
  useSignalEffect(() => {
    const { start, scale } = desk.view.value;
    const [width, duration] = [desk.width.value, desk.duration.value];
    const whole = fit(duration, width);
    const element = frame.current;
    if (element === null) return;
    element.hidden = duration === 0 || scale <= whole.scale * 1.001;
    element.style.setProperty("left", `${start * whole.scale}px`);
    element.style.setProperty("width", `${Math.max((width / scale) * whole.scale, 3)}px`);
  });
  const move = (event: PointerEvent & { currentTarget: HTMLElement }) => {
    const x = event.clientX - event.currentTarget.getBoundingClientRect().left;
    const seconds = x / fit(desk.duration.value, desk.width.value).scale;
    if (event.type === "pointerdown") desk.seek(seconds);
    const { scale } = desk.view.value;
    desk.look({ start: seconds - desk.width.value / scale / 2, scale });
  };
  return (
    <div class="track overview" role="group" aria-label="Original">
      <div class="strip">
        <div class="strip-head">
          <span class="swatch" aria-hidden="true" />
          <h2>Original</h2>
          <button
            type="button"
            class="toggle listen"
            aria-pressed={desk.original.value}
            title="Hear the original (O)"
            disabled={desk.player.value === null}
            onClick={() => desk.compare()}
          >
            Listen
          </button>
        </div>
      </div>
      <div
        class="lane"
        onPointerDown={(event) => {
          event.currentTarget.setPointerCapture(event.pointerId);
          move(event);
        }}
        onPointerMove={(event) => {
          if (event.buttons === 1) move(event);
        }}
      >
        <canvas ref={canvas} aria-hidden="true" />
        <div ref={frame} class="window" hidden />
        <div ref={playhead} class="playhead" />
      </div>
    </div>
  );
}

/** A point of the loop that can be moved. */
function Handle({ desk, name }: { desk: Mixer; name: "a" | "b" }) {
  const element = useRef<HTMLDivElement>(null);
  const value = desk.points.value[name];
  useSignalEffect(() => {
    const at = desk.points.value[name];
    const { start, scale } = desk.view.value;
    if (element.current === null || at === null) return;
    const x = (at - start) * scale;
    element.current.style.setProperty("transform", `translateX(${x.toFixed(2)}px)`);
    element.current.style.setProperty("visibility", x >= -1 && x <= desk.width.value + 1 ? "visible" : "hidden");
  });
  if (value === null) return null;
  return (
    <div
      ref={element}
      class={`handle handle-${name}`}
      role="slider"
      tabIndex={0}
      aria-label={name === "a" ? "Loop start" : "Loop end"}
      aria-valuemin={0}
      aria-valuemax={desk.duration.value}
      aria-valuenow={Number(value.toFixed(2))}
      aria-valuetext={clock(value, 2)}
      onKeyDown={(event) => {
        const steps: Record<string, number> = { ArrowLeft: -0.1, ArrowRight: 0.1, ArrowDown: -0.01, ArrowUp: 0.01 };
        const step = steps[event.key];
        if (step === undefined) return;
        event.preventDefault();
        desk.setPoint(name, value + step);
      }}
      onPointerDown={(event) => {
        event.stopPropagation();
        event.currentTarget.setPointerCapture(event.pointerId);
      }}
      onPointerMove={(event) => {
        if (event.buttons !== 1) return;
        const left = event.currentTarget.parentElement?.getBoundingClientRect().left ?? 0;
        const { start, scale } = desk.view.value;
        desk.setPoint(name, start + (event.clientX - left) / scale);
      }}
    >
      {name.toUpperCase()}
    </div>
  );
}

function Ruler({ desk }: { desk: Mixer }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const slider = useRef<HTMLDivElement>(null);
  const playhead = usePlayhead(desk);
  usePicture(() => {
    const [view, width, duration] = [desk.view.value, desk.width.value, desk.duration.value];
    dark.value;
    return () => {
      const element = canvas.current;
      if (element === null || width === 0) return;
      const height = element.clientHeight;
      const context = prepare(element, width, height);
      if (context === null || duration === 0) return;
      drawRuler(context, view, width, height, property(element, "--soft"), property(element, "--line"));
    };
  });
  useEffect(() => {
    let said = -1;
    return desk.onPosition((seconds) => {
      const whole = Math.floor(seconds);
      if (whole === said) return; // screen readers need no more
      said = whole;
      slider.current?.setAttribute("aria-valuenow", String(whole));
      slider.current?.setAttribute("aria-valuetext", spoken(whole));
    });
  }, [desk]);
  return (
    <div class="track ruler">
      <div class="strip" />
      <div class="lane">
        <canvas ref={canvas} aria-hidden="true" />
        <div
          ref={slider}
          class="ruler-slider"
          role="slider"
          tabIndex={0}
          aria-label="Position"
          aria-valuemin={0}
          aria-valuemax={Math.floor(desk.duration.value)}
          aria-valuenow={0}
          onKeyDown={(event) => {
            const steps: Record<string, number> = { ArrowLeft: -1, ArrowRight: 1, ArrowDown: -5, ArrowUp: 5 };
            const step = event.key === "Home" ? -Infinity : event.key === "End" ? Infinity : steps[event.key];
            if (step === undefined) return;
            event.preventDefault();
            desk.seek(Math.min(Math.max(desk.position() + step, 0), desk.duration.value));
          }}
        />
        <LoopRange desk={desk} />
        <Handle desk={desk} name="a" />
        <Handle desk={desk} name="b" />
        <div ref={playhead} class="playhead" />
      </div>
    </div>
  );
}

export function Lanes({ desk }: { desk: Mixer }) {
  const area = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const lanes = area.current;
    const lane = lanes?.querySelector<HTMLElement>(".ruler .lane");
    if (lanes == null || lane == null) return;
    const watch = new ResizeObserver(() => {
      desk.width.value = lane.clientWidth;
    });
    watch.observe(lane);
    const leave = hand(lanes, lane, desk);
    return () => {
      watch.disconnect();
      leave();
    };
  }, [desk]);
  return (
    <div class="lanes">
      <Overview desk={desk} />
      <div ref={area} class={`stems ${desk.spectrogram.value ? "spectrograms" : ""}`}>
        <Ruler desk={desk} />
        {desk.stems.map((stem, index) => (
          <Strip key={stem} desk={desk} stem={stem} index={index} />
        ))}
      </div>
    </div>
  );
}
