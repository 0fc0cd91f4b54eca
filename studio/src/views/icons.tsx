const PATHS = {
  play: "M4 2.5v11l9-5.5z",
  pause: "M4 2.5h3v11H4zM9 2.5h3v11H9z",
  start: "M3 2.5h2v11H3zM13 2.5v11L6 8z",
  loop: "M3.5 7V6a2 2 0 0 1 2-2H12m0 0-2-2m2 2-2 2M12.5 9v1a2 2 0 0 1-2 2H4m0 0 2-2m-2 2 2 2",
  download: "M8 2v8m0 0L4.5 6.5M8 10l3.5-3.5M2.5 13.5h11",
  trash: "M2.5 4h11M6 4V2.5h4V4m-5.5 0 .5 9.5h6l.5-9.5",
  cross: "m3.5 3.5 9 9m0-9-9 9",
  retry: "M13 8a5 5 0 1 1-1.6-3.7M13 2v3h-3",
  plus: "M8 3v10M3 8h10",
  minus: "M3 8h10",
  fit: "M2.5 4v8M13.5 4v8M4.5 8h7m-7 0 2-2m-2 2 2 2m5-2-2-2m2 2-2 2",
  back: "M10 3 5 8l5 5",
  folder: "M2 4.5h4l1.5 2H14v7H2z",
  light: "M8 5.2a2.8 2.8 0 1 0 0 5.6 2.8 2.8 0 0 0 0-5.6zM8 1.5v1.3M8 13.2v1.3M1.5 8h1.3M13.2 8h1.3M3.4 3.4l.9.9M11.7 11.7l.9.9M12.6 3.4l-.9.9M4.3 11.7l-.9.9",
  dark: "M13 9.8A5.5 5.5 0 0 1 6.2 3 5.5 5.5 0 1 0 13 9.8z",
  system: "M8 2a6 6 0 1 0 0 12zM8 2a6 6 0 0 1 0 12",
  keys: "M2 4.5h12v7H2zM4.5 9.5h7M4.5 7h.5M7 7h.5M9.5 7h.5M11.5 7h.2",
  more: "M4 6l4 4 4-4",
} as const;

const FILLED = new Set<keyof typeof PATHS>(["play", "pause", "start"]);

export function Icon({ name }: { name: keyof typeof PATHS }) {
  const filled = FILLED.has(name);
  return (
    <svg class="icon" viewBox="0 0 16 16" aria-hidden="true" fill={filled ? "currentColor" : "none"}>
      <path d={PATHS[name]} stroke={filled ? "none" : "currentColor"} />
    </svg>
  );
}

/** The mark: a bar that is divided. */
export function Mark() {
  return (
    <svg class="mark" viewBox="0 0 24 24" aria-hidden="true">
      <rect class="mark-whole" x="2" y="3" width="3" height="18" />
      <rect class="stem-0" x="8" y="3" width="14" height="3" />
      <rect class="stem-1" x="8" y="8" width="9" height="3" />
      <rect class="stem-2" x="8" y="13" width="12" height="3" />
      <rect class="stem-3" x="8" y="18" width="6" height="3" />
    </svg>
  );
}
