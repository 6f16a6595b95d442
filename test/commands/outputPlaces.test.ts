import { mkdir, writeFile } from "node:fs/promises";
import path from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { commands } from "../../commands/index.js";
import type { ParsedArguments } from "../../commands/support/flags.js";
import { inTemporaryFolder } from "../support.js";
import { refusal } from "./support/refusal.js";

const test = suite("commands, output places");

type Call = readonly [name: keyof typeof commands, flags: Readonly<Record<string, string>>, place?: string];

/** Calls whose inputs are not there, and their option for a file. */
const FILES: readonly Call[] = [
  ["encode", { data: "none", tokenizer: "none" }],
  ["decode", { tokens: "none" }],
  ["classify", { data: "none", with: "none" }],
  ["bench", { measurements: "start-node", against: "none" }],
  ["sample", { vim: "none", out: "none" }, "tokens-out"],
  ["probe", { vim: "none", train: "none", test: "none" }, "save"],
];

const FOLDERS: readonly Call[] = [
  ["decode", { tokens: "none" }],
  ["evaluate", { data: "none", tokenizer: "none" }],
  ["evaluate", { data: "none", vim: "none" }],
  ["evaluate", { samples: "none", reference: "none" }],
  ["sample", { vim: "none" }],
  ["sample", { vim: "none", complete: "none" }],
  ["probe", { vim: "none", train: "none", test: "none" }],
  ["export", { run: "none" }],
  ["import", { file: "none" }],
];

async function refused([name, flags, option = "out"]: Call, place: string): Promise<string> {
  const command = await commands[name].load();
  const args = { ...flags, [option]: place, force: true, _: [name] } as unknown as ParsedArguments;
  return refusal(() => command.handler(args));
}

test("a folder in place of a file is refused before anything is read, by every command that writes one", () =>
  inTemporaryFolder(async (parent) => {
    const folder = path.join(parent, "pictures.png");
    await mkdir(folder);
    for (const call of FILES)
      assert.match(await refused(call, folder), /^--[a-z-]+: .*pictures\.png is a folder; name a file$/, call[0]);
  }));

test("a file in place of a folder is refused before anything is read, by every command that writes one", () =>
  inTemporaryFolder(async (folder) => {
    const file = path.join(folder, "file");
    await writeFile(file, "mine");
    for (const call of FOLDERS) {
      assert.match(await refused(call, file), /^--out: .*file is a file; name a folder$/, call[0]);
      assert.match(await refused(call, path.join(file, "below")), /^--out: .*file is a file, and would/, call[0]);
    }
  }));

test.run();
