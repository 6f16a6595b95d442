/** The work of `report`: one summary, and the curves of training, of everything under a folder. */
import { execFile } from "node:child_process";
import path from "node:path";
import { promisify } from "node:util";
import { DataError } from "../../lib/errors.js";
import { writeAtomically, writeJson } from "../../lib/files/atomic.js";
import { type Drawing, renderPng, renderSvg } from "../../lib/ui/drawing.js";
import type { options } from "../report.js";
import type { CommandContext } from "../support/command.js";
import { expectFolderPlace } from "../support/places.js";
import { version } from "../support/version.js";
import { trainingCurves } from "./reportCurves.js";
import { type Findings, searchResults } from "./reportSearch.js";
import { summarize } from "./reportSummary.js";
import { summaryText } from "./reportText.js";

export async function run(context: CommandContext<typeof options>): Promise<void> {
  const { config, log, warn, result } = context;
  const out = config.out ?? config.folder;
  const findings = await searchResults(config.folder);
  for (const sentence of findings.damaged) warn(`${sentence}; left out`);
  expectSomething(config.folder, findings);
  await expectFolderPlace("--out", out, { force: true });
  for (const [kind, { length }] of several(findings)) log(`${length} ${kind} found: the headline is of the first`);
  const summary = {
    vitvq: version(),
    git: await gitState(),
    folder: path.resolve(config.folder),
    ...summarize(findings),
  };
  const curves = trainingCurves({ tokenizer: findings.tokenizerRuns[0], prior: findings.priorRuns[0] });
  await writeJson(path.join(out, "summary.json"), summary);
  if (curves) await writeCurves(out, curves);
  const files = ["summary.json", ...(curves ? ["curves.png", "curves.svg"] : [])].join(", ");
  result(summary, `${summaryText(summary)}written to ${out}: ${files}`);
}

async function writeCurves(folder: string, curves: Drawing): Promise<void> {
  await writeAtomically(path.join(folder, "curves.svg"), renderSvg(curves));
  await writeAtomically(path.join(folder, "curves.png"), await renderPng(curves));
}

/** Kinds of which there is more than one. */
function several({ damaged: _, ...lists }: Findings): [string, readonly unknown[]][] {
  return Object.entries<readonly unknown[]>(lists)
    .filter(([kind, list]) => list.length > 1 && kind !== "encodings")
    .map(([kind, list]) => [WORDS[kind as keyof typeof lists], list]);
}

const WORDS = {
  tokenizerRuns: "runs of train-vq",
  priorRuns: "runs of train-vim",
  evaluations: "files evaluation.json",
  likelihoods: "files likelihood.json",
  samples: "files samples.json",
  sampleFolders: "files index.json",
  probes: "files probe.json",
  encodings: "files *.encode.json",
} as const;

function expectSomething(folder: string, { damaged: _, ...lists }: Findings): void {
  if (Object.values(lists).some((list) => list.length > 0)) return;
  throw new DataError(
    `${folder}: found nothing to report, here or two levels below: neither runs of train-vq or train-vim (config.json ` +
      "with metrics.jsonl) nor evaluation.json, likelihood.json, samples.json, index.json, probe.json or *.encode.json",
  );
}

/** The commit checked out in the current folder and whether files differ from it; null without git or a checkout. */
async function gitState(): Promise<{ commit: string; changed: boolean } | null> {
  const git = async (...args: string[]) => (await promisify(execFile)("git", args, { timeout: 10_000 })).stdout.trim();
  try {
    const commit = await git("rev-parse", "HEAD");
    return { commit, changed: (await git("status", "--porcelain", "--untracked-files=no")) !== "" };
  } catch {
    return null;
  }
}
