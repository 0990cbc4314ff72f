// Builds dist: a small CommonJS file, which is all that importing reads; one with what is needed when a work begins; one with
// what is needed when there is something to tell; and an ES module that only names the exports of the first, so that an
// application that both imports and requires the package has one copy of its state. Bundlers get an ES module of everything: one
// that bundles to an ES module cannot require what Node has built in.

import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { build } from "esbuild";

process.chdir(import.meta.dirname);
rmSync("dist", { recursive: true, force: true });
execFileSync("node_modules/.bin/tsc", ["--project", "tsconfig.build.json"], { stdio: "inherit" });
removeInternalDeclarations();
const common = {
  bundle: true,
  packages: "external",
  platform: "node",
  target: "node20",
  legalComments: "none",
  minify: true,
};
await build({
  ...common,
  entryPoints: ["src/index.ts", "src/running.ts", "src/telling.ts"],
  outdir: "dist",
  external: ["./running.js", "./telling.js"],
  format: "cjs",
});
await build({ ...common, entryPoints: ["src/index.ts"], outfile: "dist/bundler.mjs", format: "esm" });

const names = Object.keys(createRequire(import.meta.url)("./dist/index.js")).sort();
writeFileSync(
  "dist/index.mjs",
  `import relay from "./index.js";\n\nexport const { ${names.join(", ")} } = relay;\n`,
);
writeFileSync("dist/index.d.mts", 'export * from "./index.js";\n');

const { version } = JSON.parse(readFileSync("package.json", "utf8"));
console.log(`dist of ${version}: ${names.join(", ")}`);

/** Declarations that the public ones do not name are no interface. */
function removeInternalDeclarations() {
  const named = new Set();
  const follow = (name) => {
    if (named.has(name)) return;
    named.add(name);
    for (const [, other] of readFileSync(`dist/${name}.d.ts`, "utf8").matchAll(/from "\.\/([\w-]+)\.js"/g))
      follow(other);
  };
  follow("index");
  for (const file of readdirSync("dist"))
    if (!named.has(file.replace(/\.d\.ts$/, ""))) rmSync(`dist/${file}`);
}
