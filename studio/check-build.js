// Fails unless the committed front end is what this source builds.
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build } from "vite";

const committed = new URL("../src/partita/service/static/", import.meta.url).pathname;
const built = mkdtempSync(join(tmpdir(), "studio-"));

function files(folder) {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
  return new Map(
    entries
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name))
      .map((path) => [path.slice(folder.length).replace(/^\//, ""), readFileSync(path)]),
  );
}

try {
  await build({ build: { outDir: built }, logLevel: "warn" });
  const [want, have] = [files(built), files(committed)];
  const wrong = [...new Set([...want.keys(), ...have.keys()])].filter(
    (name) => !want.get(name)?.equals(have.get(name) ?? Buffer.alloc(0)),
  );
  if (wrong.length > 0) {
    console.error(`The built front end differs from its source in ${wrong.join(", ")}: run npm run build and commit.`);
    process.exitCode = 1;
  } else {
    console.log(`The built front end fits its source (${have.size} files).`);
  }
} finally {
  rmSync(built, { recursive: true });
}
