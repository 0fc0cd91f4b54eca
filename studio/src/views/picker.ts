/** Opens the browser's file dialog. */
import { add } from "../uploads.ts";

export function pick(folder: boolean): void {
  const input = document.createElement("input");
  input.type = "file";
  input.multiple = true;
  if (folder) input.webkitdirectory = true;
  else input.accept = "audio/*,video/*,.flac,.opus,.wv,.ape,.aiff,.mka";
  input.onchange = () => add([...(input.files ?? [])]);
  input.click();
}
