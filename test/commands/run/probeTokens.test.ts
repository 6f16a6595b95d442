import { suite } from "uvu";
import * as assert from "uvu/assert";
import { classNamesOf, expectModel, labelledPair } from "../../../commands/run/probeTokens.js";
import type { LoadedModel } from "../../../commands/support/models.js";
import { DataError, FileError } from "../../../lib/errors.js";
import type { TokenFile } from "../../../lib/files/tokenFile.js";
import type { VimConfig } from "../../../lib/models/vim.js";
import { expectThrow } from "../../support.js";

const test = suite("commands/run/probeTokens");

function tokens(path: string, given: Partial<TokenFile> = {}): TokenFile {
  const labels = "labels" in given ? given.labels : Int32Array.of(0, 1, 0, 1);
  return {
    path,
    vocabulary: 16,
    grid: [2, 2],
    tokenizerHash: "abc",
    classNames: ["cat", "dog"],
    source: "photos",
    viewsPerImage: 1,
    extra: {},
    count: labels?.length ?? 4,
    tokensPerImage: 4,
    read: async () => new Int32Array(0),
    readRange: async () => new Int32Array(0),
    close: async () => {},
    ...given,
    labels,
  };
}

const vim: LoadedModel<VimConfig> = {
  model: {
    dim: 8,
    depth: 2,
    heads: 2,
    mlpDim: 16,
    grid: [2, 2],
    vocabulary: 16,
    classes: 2,
    positions: "rowcol",
  },
  weights: {},
  hash: "def",
  stored: {
    config: { command: "train-vim", tokenizer: { hash: "abc" } },
    tensors: {},
    metadata: {},
    hash: "def",
    file: "runs/vim/model.safetensors",
    notes: [],
  },
};

const refused = (kind: typeof DataError | typeof FileError, body: () => unknown): string =>
  expectThrow(body, kind).message;

test("count classes by names and by the labels of both files", () => {
  assert.is(labelledPair(tokens("a"), tokens("b")).classes, 2);
  const unnamed = { classNames: undefined };
  const more = tokens("b", { ...unnamed, labels: Int32Array.of(0, 4) });
  assert.is(labelledPair(tokens("a", unnamed), more).classes, 5, "a label of the test file alone is a class, too");
  const named = tokens("a", { classNames: ["cat", "dog", "owl"] });
  assert.is(labelledPair(named, tokens("b", unnamed)).classes, 3);
});

test("with several views, images count, and the first view alone is read where that is asked for", async () => {
  const labels = Int32Array.of(0, 0, 1, 1, 0, 0);
  const read = async (rows: ArrayLike<number>) => Int32Array.from(rows);
  const file = tokens("a", { labels, viewsPerImage: 2, read });
  const { train, test: judged } = labelledPair(file, file, { train: false, test: true });
  assert.equal([train.images, train.views, train.rows.count, [...train.labels]], [3, 2, 6, [...labels]]);
  assert.equal([judged.images, judged.views, judged.rows.count, [...judged.labels]], [3, 1, 3, [0, 1, 0]]);
  assert.equal([...(await judged.rows.readRange(1, 2))], [2, 4], "the rows of images 1 and 2");
  const cut = tokens("b", { labels: Int32Array.of(0, 0, 1), viewsPerImage: 2 });
  assert.match(
    refused(FileError, () => labelledPair(file, cut)),
    "b: want 2 rows for each image, got 3 rows",
  );
  const torn = tokens("b", { labels: Int32Array.of(0, 0, 1, 0), viewsPerImage: 2 });
  assert.match(
    refused(FileError, () => labelledPair(file, torn)),
    "b: rows 2 and 3 are of one image and have the labels 1 and 0",
  );
});

test("name every class", () => {
  const unnamed = tokens("a", { classNames: undefined, labels: Int32Array.of(0, 2, 0, 1) });
  assert.equal(classNamesOf(labelledPair(unnamed, unnamed)), ["0", "1", "2"]);
  assert.equal(classNamesOf(labelledPair(unnamed, tokens("b"))), ["cat", "dog", "2"]);
});

test("refuse rows without a label", () => {
  const bare = tokens("bare", { labels: undefined });
  assert.match(
    refused(DataError, () => labelledPair(bare, tokens("b"))),
    /^bare: it has no labels.* --labels$/,
  );
  assert.match(
    refused(DataError, () => labelledPair(tokens("a"), bare)),
    /^bare: it has no labels/,
  );
  const gap = tokens("gap", { labels: Int32Array.of(0, 1, -1, 0) });
  assert.match(
    refused(DataError, () => labelledPair(gap, tokens("b"))),
    /^gap: row 2 has no label/,
  );
});

test("refuse what no classifier can be fitted to", () => {
  const fit = (labels: number[]) => () => labelledPair(tokens("a", { labels: Int32Array.from(labels) }), tokens("b"));
  assert.match(refused(DataError, fit([])), "a: it has no rows");
  assert.match(refused(DataError, fit([1, 1, 1])), "got 3 images of 1 classes");
  assert.match(refused(DataError, fit([0, 1])), "got 2 images of 2 classes");
});

test("refuse labels that mean something else in the other file", () => {
  const other = tokens("b", { classNames: ["dog", "cat"] });
  assert.match(
    refused(DataError, () => labelledPair(tokens("a"), other)),
    "b: its classes (dog, cat) are not those of a (cat, dog)",
  );
});

test("refuse codes of two tokenizers", () => {
  const other = tokens("b", { tokenizerHash: "xyz" });
  assert.match(
    refused(FileError, () => labelledPair(tokens("a"), other)),
    "b: its codes are of another tokenizer",
  );
});

test("refuse codes that the VIM was not made for", () => {
  expectModel(tokens("a"), vim);
  const misfit = (given: Partial<TokenFile>) => refused(FileError, () => expectModel(tokens("a", given), vim));
  assert.match(misfit({ grid: [2, 3] }), "wants 2 x 2 codes out of 16 an image, got 2 x 3 codes out of 16");
  assert.match(misfit({ vocabulary: 17 }), "got 2 x 2 codes out of 17");
  assert.match(misfit({ tokenizerHash: "xyz" }), "another tokenizer than the one runs/vim/model.safetensors");
  const unknown = { ...vim, stored: { ...vim.stored, config: { command: "train-vim" } } };
  expectModel(tokens("a", { tokenizerHash: "xyz" }), unknown);
});

test.run();
