// The page from its source: two scripts, one style, and the files that are kept as they are. Nothing here depends on
// time or place, so that the same source gives the same bytes.
import { cp, mkdir, rm } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const target = process.argv[2] ?? here("../src/emobridge/server/page");

await rm(target, { recursive: true, force: true });
await mkdir(target, { recursive: true });
await build({
  absWorkingDir: here("."),
  entryPoints: ["src/page.ts", "src/microphone.worklet.ts", "src/page.css"],
  outdir: target,
  bundle: true,
  minify: true,
  charset: "utf8",
  format: "esm",
  target: ["chrome111", "firefox115", "safari16.4"],
});
for (const name of ["index.html", "icon.svg"]) await cp(here(`src/${name}`), `${target}/${name}`);
