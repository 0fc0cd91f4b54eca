import { signal, useSignalEffect } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { dialog } from "../dialogs.ts";
import { dropped } from "../drop.ts";
import { title } from "../format.ts";
import { connect, connection, find, jobs, settings } from "../jobs.ts";
import { handleKey } from "../keys.ts";
import { mixer, selected } from "../mixer.ts";
import { dismiss, notices } from "../notices.ts";
import { options, theme, type Theme } from "../preferences.ts";
import { add } from "../uploads.ts";
import { Dialogs } from "./dialogs.tsx";
import { Desk } from "./desk.tsx";
import { Icon, Mark } from "./icons.tsx";
import { Library } from "./library.tsx";
import { pick } from "./picker.ts";

const dragging = signal(false);
const THEMES: readonly Theme[] = ["system", "light", "dark"];

function Header() {
  const next = THEMES[(THEMES.indexOf(theme.value) + 1) % THEMES.length] ?? "system";
  return (
    <header class="top">
      <a class="brand" href="#/" aria-label="partita studio, all songs">
        <Mark />
        <span>
          partita <span class="brand-part">studio</span>
        </span>
      </a>
      <span class={`connection ${connection.value}`} role="status">
        {connection.value === "offline" && "Offline, trying again"}
        {connection.value === "connecting" && "Connecting"}
      </span>
      <button
        type="button"
        class="quiet"
        title={`Theme: ${theme.value}`}
        aria-label={`Theme: ${theme.value}. Change to ${next}`}
        onClick={() => {
          theme.value = next;
        }}
      >
        <Icon name={theme.value} />
      </button>
      <button
        type="button"
        class="quiet"
        title="Keys (?)"
        aria-label="Keyboard shortcuts"
        onClick={() => {
          dialog.value = { kind: "help" };
        }}
      >
        <Icon name="keys" />
      </button>
    </header>
  );
}

function Welcome() {
  return (
    <section class="welcome" aria-labelledby="welcome">
      <div class="welcome-body">
        <div class="staves" aria-hidden="true">
          <i class="stem-0" />
          <i class="stem-1" />
          <i class="stem-2" />
          <i class="stem-3" />
        </div>
        <h1 id="welcome">{jobs.value.length === 0 ? "Drop a song here" : "Open a song, or drop a new one"}</h1>
        <p>
          It is divided into its stems on {location.hostname === "localhost" || location.hostname.startsWith("127.") || location.hostname === "[::1]" ? "this computer" : "this server"}. You can listen, mix and loop while it is being
          separated.
        </p>
        <p class="welcome-buttons">
          <button type="button" class="primary" onClick={() => pick(false)}>
            <Icon name="plus" /> Choose songs
          </button>
          <button type="button" onClick={() => pick(true)}>
            <Icon name="folder" /> Choose a folder
          </button>
        </p>
        <p class="note">wav, flac, mp3, ogg, opus, m4a and others; the sound of videos, too.</p>
      </div>
    </section>
  );
}

function Denied() {
  return (
    <section class="welcome" aria-labelledby="denied">
      <div class="welcome-body">
        <h1 id="denied">This studio needs its token</h1>
        <p>Open the address that was printed when the service started; it ends in ?token=… The browser then remembers it.</p>
      </div>
    </section>
  );
}

function Missing() {
  return (
    <section class="welcome" aria-labelledby="missing">
      <div class="welcome-body">
        <h1 id="missing">This song is not here any more</h1>
        <p>It was deleted, or the service keeps its songs elsewhere now.</p>
        <p>
          <a class="button" href="#/">
            All songs
          </a>
        </p>
      </div>
    </section>
  );
}

function Main() {
  if (connection.value === "denied") return <Denied />;
  if (mixer.value !== null) return <Desk key={mixer.value.id} desk={mixer.value} />;
  if (selected.value !== null && connection.value === "online") return <Missing />;
  if (selected.value !== null || connection.value === "connecting") return <section class="welcome" aria-busy="true" />;
  return <Welcome />;
}

function DropTarget() {
  if (!dragging.value) return null;
  const { model, stems, quality, format } = options.value;
  return (
    <div class="drop-target">
      <p>
        <b>Drop to separate</b>
        <span>
          {title(model)} model, {stems.length === 0 ? "all stems" : stems.join(", ")}, {quality}, {format}
        </span>
      </p>
    </div>
  );
}

function useDropping(): void {
  useEffect(() => {
    let depth = 0;
    const files = (event: DragEvent) => event.dataTransfer?.types.includes("Files") ?? false;
    const enter = (event: DragEvent) => {
      if (!files(event)) return;
      depth++;
      dragging.value = true;
    };
    const leave = (event: DragEvent) => {
      if (files(event) && --depth <= 0) dragging.value = false;
    };
    const over = (event: DragEvent) => {
      if (files(event)) event.preventDefault();
    };
    const drop = (event: DragEvent) => {
      depth = 0;
      dragging.value = false;
      if (!files(event) || event.dataTransfer === null) return;
      event.preventDefault();
      void dropped(event.dataTransfer).then(add);
    };
    const handlers = { dragenter: enter, dragleave: leave, dragover: over, drop } as const;
    for (const [name, handler] of Object.entries(handlers)) window.addEventListener(name as keyof typeof handlers, handler);
    window.addEventListener("keydown", handleKey);
    return () => {
      for (const [name, handler] of Object.entries(handlers)) {
        window.removeEventListener(name as keyof typeof handlers, handler);
      }
      window.removeEventListener("keydown", handleKey);
    };
  }, []);
}

export function App() {
  useDropping();
  useEffect(() => void connect(), []);
  useSignalEffect(() => {
    const name = find(selected.value)?.name;
    document.title = name === undefined ? "partita studio" : `${name} – partita studio`;
  });
  const open = selected.value !== null;
  return (
    <div class={`app ${open ? "open" : "closed"} ${jobs.value.length === 0 ? "empty" : ""}`}>
      <a class="skip" href="#main" onClick={(event) => { event.preventDefault(); document.getElementById("main")?.focus(); }}>
        Skip to the song
      </a>
      <Header />
      {connection.value === "offline" && settings.value !== null && (
        <p class="banner">The service cannot be reached. This page goes on by itself when it is back.</p>
      )}
      <div class="panes">
        {connection.value !== "denied" && <Library />}
        <main id="main" tabIndex={-1}>
          <Main />
        </main>
      </div>
      <DropTarget />
      <Dialogs />
      <div class="notices" role="status">
        {notices.value.map(({ key, text }) => (
          <p key={key}>
            {text}
            <button type="button" class="quiet" aria-label="Close this message" onClick={() => dismiss(key)}>
              <Icon name="cross" />
            </button>
          </p>
        ))}
      </div>
    </div>
  );
}
