import { render } from "preact";
import "@fontsource-variable/instrument-sans/wght.css";
import "./style.css";
import { mixer } from "./mixer.ts";
import { App } from "./views/app.tsx";

const root = document.getElementById("app");
if (root !== null) {
  root.replaceChildren();
  render(<App />, root);
}

// for measurements: the player of the open song
Object.defineProperty(window, "partita", { value: { mixer: () => mixer.value } });
