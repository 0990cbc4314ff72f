// What `sam build` leaves, but for the programs, which do nothing.
//
//   node --import tsx test/stand-in-build.ts FOLDER
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const SOURCE = join(__dirname, "../../../template.yaml");

/** Makes the folder, and returns the template in it. */
export function standInBuild(folder: string): string {
  let owner = "";
  const lines = readFileSync(SOURCE, "utf8").split("\n");
  const built = lines.map((line) => {
    owner = /^ {2}(\w+):$/.exec(line)?.[1] ?? owner;
    if (line.trim() !== "CodeUri: .") return line;
    mkdirSync(join(folder, owner), { recursive: true });
    writeFileSync(join(folder, owner, "bootstrap"), `#!/bin/sh\n# ${owner}\n`, { mode: 0o755 });
    return line.replace(".", owner);
  });
  const template = join(folder, "template.yaml");
  writeFileSync(template, built.join("\n"));
  return template;
}

if (process.argv[1] === __filename) console.log(standInBuild(process.argv[2] ?? ""));
