/** What mouse and fingers do on the lanes: click to seek, drag for a loop, wheel and pinch to zoom and scroll. */
import type { Mixer } from "../mixer.ts";

const STILL = 4; // pixels that a click may move

/** Watch the lanes in `area`; `lane` is one of them, for its left edge. Returns how to stop. */
export function hand(area: HTMLElement, lane: HTMLElement, desk: Mixer): () => void {
  const pointers = new Map<number, { x: number; from: number; moved: boolean }>();
  const xOf = (event: MouseEvent) => event.clientX - lane.getBoundingClientRect().left;
  const secondsAt = (x: number) => desk.view.value.start + x / desk.view.value.scale;
  const spread = () => {
    const [first, second] = [...pointers.values()].map(({ x }) => x);
    return first === undefined || second === undefined ? null : { middle: (first + second) / 2, apart: Math.abs(first - second) };
  };

  const down = (event: PointerEvent) => {
    const target = event.target as HTMLElement;
    if (event.button !== 0 || target.closest(".lane") === null || desk.duration.value === 0) return;
    target.setPointerCapture(event.pointerId);
    pointers.set(event.pointerId, { x: xOf(event), from: xOf(event), moved: false });
  };
  const move = (event: PointerEvent) => {
    const pointer = pointers.get(event.pointerId);
    if (pointer === undefined) return;
    const before = spread();
    const travelled = xOf(event) - pointer.x;
    pointer.x = xOf(event);
    pointer.moved ||= Math.abs(pointer.x - pointer.from) > STILL;
    const now = spread();
    if (before !== null && now !== null) {
      for (const each of pointers.values()) each.moved = true; // neither finger seeks
      if (before.apart > 10) desk.zoom(now.apart / before.apart, now.middle);
      desk.scroll(before.middle - now.middle);
    } else if (event.pointerType === "touch") {
      if (pointer.moved) desk.scroll(-travelled);
    } else if (pointer.moved) {
      desk.looping.value = false; // on again when the range is chosen
      desk.points.value = { a: secondsAt(Math.min(pointer.from, pointer.x)), b: secondsAt(Math.max(pointer.from, pointer.x)) };
    }
  };
  const up = (event: PointerEvent) => {
    const pointer = pointers.get(event.pointerId);
    pointers.delete(event.pointerId);
    if (pointer === undefined || event.type === "pointercancel") return;
    if (!pointer.moved) {
      desk.seek(secondsAt(pointer.x));
    } else if (event.pointerType !== "touch") {
      desk.setLoop(secondsAt(pointer.from), secondsAt(pointer.x));
    }
  };
  const wheel = (event: WheelEvent) => {
    if ((event.target as HTMLElement).closest(".lane") === null) return;
    const unit = event.deltaMode === WheelEvent.DOM_DELTA_PIXEL ? 1 : 24;
    if (event.ctrlKey || event.metaKey) {
      event.preventDefault();
      desk.zoom(Math.exp((-event.deltaY * unit) / 300), xOf(event));
    } else if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
      event.preventDefault();
      desk.scroll((event.deltaX || event.deltaY) * unit);
    }
  };

  area.addEventListener("pointerdown", down);
  area.addEventListener("pointermove", move);
  area.addEventListener("pointerup", up);
  area.addEventListener("pointercancel", up);
  area.addEventListener("wheel", wheel, { passive: false });
  return () => {
    area.removeEventListener("pointerdown", down);
    area.removeEventListener("pointermove", move);
    area.removeEventListener("pointerup", up);
    area.removeEventListener("pointercancel", up);
    area.removeEventListener("wheel", wheel);
  };
}
