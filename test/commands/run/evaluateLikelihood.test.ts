import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import * as tf from "@tensorflow/tfjs";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { LikelihoodFigures } from "../../../commands/run/likelihoodFigures.js";
import { loadVim } from "../../../commands/support/models.js";
import { fileHash } from "../../../lib/files/fileHash.js";
import { openRun } from "../../../lib/files/runDirectory.js";
import { openTokenFile, type TokenFileHeader } from "../../../lib/files/tokenFile.js";
import { type VimConfig, vimForward, vimSpec } from "../../../lib/models/vim.js";
import { flattenSpecs, initialise, paramTree } from "../../../lib/nn/params.js";
import { namesIn, writeTokens } from "../../files/support.js";
import { numbersOf, onCpu } from "../../nn/support/eager.js";
import { expectClose } from "../../support.js";
import { realCodes } from "../support/realCodes.js";
import { fail, jsonOf, succeed } from "../support/training.js";

const test = suite("commands/run/evaluateLikelihood");

const shared = await mkdtemp(path.join(tmpdir(), "vitvq-test-"));
const at = (name: string) => path.join(shared, name);
const made = await realCodes(shared);
test.after(() => rm(shared, { recursive: true, force: true }));

const evaluate = (tokens: string, ...more: string[]) => [
  ...["evaluate", tokens, "--vim", made.vim, "--threads", "1"],
  ...more,
];

type Of = Pick<TokenFileHeader, "vocabulary" | "grid"> & { codes: Int32Array; labels: Int32Array | undefined };

async function read(file: string): Promise<Of & { header: TokenFileHeader }> {
  const tokens = await openTokenFile(file);
  const codes = await tokens.readRange(0, tokens.count);
  await tokens.close();
  const { vocabulary, grid, tokenizerHash, classNames, source, extra, labels } = tokens;
  const named = classNames ? { classNames } : {};
  return { codes, labels, vocabulary, grid, header: { vocabulary, grid, tokenizerHash, source, extra, ...named } };
}

/** Nats of each code under the VIM on the JavaScript backend, by a logarithm of softmax in loops. */
async function natsByHand({ codes, grid }: Of, classIds: Int32Array): Promise<{ nats: number[]; right: number }> {
  const { model, weights } = await loadVim(made.vim);
  const T = grid[0] * grid[1];
  const logits = onCpu(() => {
    const named = Object.entries(weights).map(
      ([name, { data, shape, dtype }]) => [name, tf.tensor(data, [...shape], dtype)] as const,
    );
    const given = {
      classIds: tf.tensor1d(classIds, "int32"),
      codes: tf.tensor2d(codes, [classIds.length, T], "int32"),
    };
    return numbersOf(vimForward(paramTree(vimSpec(model), Object.fromEntries(named)), model, given).logits);
  });
  let right = 0;
  const nats = Array.from(codes, (code, i) => {
    const own = logits.slice(i * model.vocabulary, (i + 1) * model.vocabulary);
    if (own[code] === Math.max(...own)) right++;
    return Math.log(own.reduce((sum, value) => sum + Math.exp(value), 0)) - own[code]!;
  });
  return { nats, right };
}

const mean = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length;

/** Entropy of a list of codes, counted one by one. */
function entropyByHand(codes: readonly number[]): number {
  const shares = [...new Set(codes)].map((code) => codes.filter((other) => other === code).length / codes.length);
  return shares.reduce((sum, share) => sum - share * Math.log(share), 0);
}

test("the figures are those of the JavaScript backend and of plain loops, with counts, hashes and a chart", async () => {
  const out = at("out");
  const args = evaluate(made.test, "--reference", made.train, "--out", out, "--batch-size", "16"); // 60 rows: 12 are left
  const got = jsonOf(await succeed([...args, "--json"])) as unknown as LikelihoodFigures;
  const [of, training] = [await read(made.test), await read(made.train)];
  const rows = of.labels!.length;
  const [known, unknown] = [await natsByHand(of, of.labels!), await natsByHand(of, new Int32Array(rows).fill(5))];
  expectClose([got.withClass!.nll], [mean(known.nats)], "with class", { relative: 1e-5 });
  expectClose([got.withoutClass!.nll], [mean(unknown.nats)], "without class", { relative: 1e-5 });
  assert.ok(Math.abs(mean(known.nats) - mean(unknown.nats)) > 1e-3, "the class matters");
  const byRow = [0, 1, 2, 3].map((row) => mean(known.nats.filter((_, i) => Math.floor(i / 4) % 4 === row)));
  expectClose(got.withClass!.nllByRow, byRow, "by row", { relative: 1e-5 });
  expectClose([got.withClass!.perplexity], [Math.exp(mean(known.nats))], "perplexity", { relative: 1e-4 });
  expectClose([got.withClass!.top1], [known.right / of.codes.length], "top-1", { absolute: 1e-9 });
  const bits = (mean(known.nats) * 16) / Math.log(2) / (32 * 32 * 3);
  expectClose([got.withClass!.bitsPerDimension!], [bits], "bits", { relative: 1e-5 });
  expectClose([got.unigramEntropy], [entropyByHand([...of.codes])], "unigram", { relative: 1e-9 });
  const positions = Array.from({ length: 16 }, (_, t) => entropyByHand([...of.codes].filter((_, i) => i % 16 === t)));
  expectClose([got.positionEntropy], [mean(positions)], "positions", { relative: 1e-9 });
  const cross = mean(
    [...of.codes].map((code) => -Math.log((training.codes.filter((c) => c === code).length + 1) / (240 * 16 + 16))),
  );
  expectClose([got.reference!.crossEntropy], [cross], "cross entropy", { relative: 1e-9 });
  assert.equal([got.rows, got.codes, got.withClass!.rows, got.reference!.rows], [60, 960, 60, 240]);
  assert.equal([got.tokensSha256, got.vim], [await fileHash(made.test), (await loadVim(made.vim)).hash]);
  assert.equal(JSON.parse(await readFile(path.join(out, "likelihood.json"), "utf8")), got);
  assert.equal(await namesIn(out), ["likelihood.json", "likelihood.png", "likelihood.svg"]);
  const svg = await readFile(path.join(out, "likelihood.svg"), "utf8");
  for (const name of ["VIM with class", "VIM without class", "unigram entropy", "ln 16"])
    assert.ok(svg.includes(`>${name}`), name);
  await fail(args, 2, /likelihood\.json exists; --force replaces it/);
  assert.match((await succeed([...args, "--force"])).stdout, /\nNLL with class +\d\.\d{4} nats +a code; perplexity/);
});

test("the mean is of the rows alone, whatever the batch; --limit takes the first", async () => {
  const nll = async (...more: string[]) => {
    const { withClass, rows } = jsonOf(
      await succeed(evaluate(made.test, "--json", ...more)),
    ) as unknown as LikelihoodFigures;
    return { nll: withClass!.nll, rows };
  };
  const [all, first] = [await nll("--batch-size", "7"), await nll("--limit", "5")];
  const of = await read(made.test);
  expectClose([all.nll], [mean((await natsByHand(of, of.labels!)).nats)], "in batches of 7", { relative: 1e-5 });
  const some = { ...of, codes: of.codes.slice(0, 80) };
  const want = mean((await natsByHand(some, of.labels!.slice(0, 5))).nats);
  expectClose([first.nll], [want], "five rows", { relative: 1e-5 });
  assert.equal([all.rows, first.rows], [60, 5]);
});

test("rows without a label count without a class alone", async () => {
  const { codes, header } = await read(made.test);
  await writeTokens(at("some"), header, (writer) => writer.append(codes.slice(0, 64), Int32Array.of(1, -1, 4, -1)));
  const { extra: _, ...bare } = header;
  await writeTokens(at("none"), bare, (writer) => writer.append(codes.slice(0, 64)));
  const some = jsonOf(await succeed(evaluate(at("some"), "--json"))) as unknown as LikelihoodFigures;
  assert.equal([some.withClass?.rows, some.withoutClass?.rows], [2, 4]);
  const labelled = Int32Array.from([...codes.slice(0, 16), ...codes.slice(32, 48)]);
  const { nats } = await natsByHand(
    { codes: labelled, grid: [4, 4], vocabulary: 16, labels: undefined },
    Int32Array.of(1, 4),
  );
  expectClose([some.withClass!.nll], [mean(nats)], "the two", { relative: 1e-5 });
  const none = jsonOf(await succeed(evaluate(at("none"), "--json"))) as unknown as LikelihoodFigures;
  assert.equal([none.withClass, none.dimensions, none.withoutClass?.bitsPerDimension], [null, null, null]);
  assert.match((await succeed(evaluate(at("some")))).stdout, /a code, of the 2 rows that have one; perplexity/);
});

test("a grid that is not square has its rows, and a VIM without classes only the one figure", async () => {
  const model: VimConfig = {
    ...{ dim: 8, depth: 1, heads: 2, mlpDim: 16, grid: [2, 6], vocabulary: 10, classes: 0 },
    positions: "rowcol",
  };
  const run = await openRun(at("wide"), { mode: "new", command: "train-vim" });
  await run.writeConfig({ command: "train-vim", model, tokenizer: { hash: "abc" }, data: { path: at("wide-codes") } });
  await run.finish(initialise(flattenSpecs(vimSpec(model)), 1), { step: 1 });
  await run.close();
  const header = { vocabulary: 10, grid: [2, 6], tokenizerHash: "abc", source: "codes", viewsPerImage: 2 } as const;
  const codes = Int32Array.from({ length: 48 }, (_, i) => (i * 7) % 10);
  await writeTokens(at("wide-codes"), header, (writer) => writer.append(codes, Int32Array.of(0, 0, 1, 1)));
  const { stdout, stderr } = await succeed(["evaluate", at("wide-codes"), "--vim", at("wide"), "--json"]);
  const got = JSON.parse(stdout) as LikelihoodFigures;
  assert.equal([got.withClass, got.withoutClass?.nllByRow.length, got.positionEntropyByRow.length], [null, 2, 2]);
  expectClose([got.withoutClass!.nll], [Math.log(10)], "an untrained model guesses", { absolute: 0.1 });
  assert.match(stderr, /wide-codes is what the VIM was trained on/);
  const text = (await succeed(["evaluate", at("wide-codes"), "--vim", at("wide")])).stdout;
  assert.match(text, /^codes +48 +4 rows, 2 of each image of 2 x 6 codes out of 10; wide-codes \([0-9a-f]{12}\)\n/);
});

test("codes of another tokenizer, other classes, and options of other measurements are refused", async () => {
  const { codes, header } = await read(made.test);
  const row = codes.slice(0, 16);
  await writeTokens(at("foreign"), { ...header, tokenizerHash: "ff" }, (writer) => writer.append(row));
  const { classNames: _, ...unnamed } = header;
  await writeTokens(at("more"), unnamed, (writer) => writer.append(row, Int32Array.of(5)));
  await fail(evaluate(at("foreign")), 4, /foreign: its codes are of another tokenizer/);
  await fail(evaluate(at("more")), 3, /more: row 0 has label 5, and .* knows classes 0\.\.4/);
  await fail(
    evaluate(made.test, "--reference", at("foreign")),
    4,
    /foreign: these codes were made by the tokenizer ff/,
  );
  await fail(evaluate(made.test, "--tokenizer", made.tokenizer), 2, /--tokenizer: .* it wants a call without --vim/);
  await fail(["evaluate", "--vim", made.vim], 2, /--vim needs a token file/);
  const plan = jsonOf(await succeed(evaluate(made.test, "--dry-run", "--json", "--limit", "9")));
  assert.equal(plan, { dryRun: true, rows: 9 });
});

test("says that a VIM trained with --class-dropout 0 knows nothing of images without a class", async () => {
  const vim = at("vim-without");
  await cp(made.vim, vim, { recursive: true });
  const file = path.join(vim, "config.json");
  const config = JSON.parse(await readFile(file, "utf8")) as { options: object };
  await writeFile(file, JSON.stringify({ ...config, options: { ...config.options, classDropout: 0 } }));
  const warning = /--class-dropout 0: what it says without a class is of no use/;
  const few = ["--limit", "4", "--threads", "1"];
  assert.match((await succeed(["evaluate", made.test, "--vim", vim, ...few])).stderr, warning);
  assert.not.match((await succeed(["evaluate", made.test, "--vim", made.vim, ...few])).stderr, warning);
});

test.run();
