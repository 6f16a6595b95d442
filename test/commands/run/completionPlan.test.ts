import { suite } from "uvu";
import * as assert from "uvu/assert";
import {
  expectDifferentWays,
  planCompletions,
  rowsToKeep,
  type Task,
  taskOf,
} from "../../../commands/run/completionPlan.js";
import { options } from "../../../commands/sample.js";
import { resolveConfig } from "../../../commands/support/resolve.js";
import type { VimConfig } from "../../../lib/models/vim.js";
import { type Filter, PLAIN_SAMPLING } from "../../../lib/sample/draw.js";
import { fixture } from "../../support.js";
import { refusal } from "../support/refusal.js";

const test = suite("commands/run/completionPlan");

const model: VimConfig = {
  ...{ dim: 8, depth: 1, heads: 2, mlpDim: 16, grid: [4, 6], vocabulary: 16, classes: 3, positions: "rowcol" },
};
const EMOJI = fixture("emoji-mini", "val"); // animals, flags, food, people, smileys
const PHOTOS = fixture("photos-mini");

type Asked = { images?: string; classNames?: string[]; model?: VimConfig } & Record<string, unknown>;

/** The task of a call, and what was warned of. */
async function task({
  images = EMOJI,
  classNames = ["food", "animals", "cars"],
  model: own = model,
  ...values
}: Asked) {
  const { config } = resolveConfig(options, [{ origin: { kind: "flag" }, values: { vim: "v", out: "o", ...values } }]);
  const warnings: string[] = [];
  const found = await taskOf(images, config, { model: own, classNames, warn: (text) => warnings.push(text) });
  return { ...found, warnings };
}

/** Class ids by the folder of the images. */
const byFolder = ({ source, classIds }: Task) =>
  Object.fromEntries(classIds.map((id, i) => [source.name(i).split("/")[0], id]));

test("of the rows the share is kept, rounded, at least one and not all", async () => {
  assert.equal(
    [0.01, 0.1, 0.5, 0.64, 0.65, 0.99].map((share) => rowsToKeep(share, 7)),
    [1, 1, 4, 4, 5, 6],
  );
  assert.is(rowsToKeep(0.9, 2), 1);
  assert.match(await refusal(() => rowsToKeep(0.5, 1)), /one row of codes/);
});

test("whole rows are kept, with all codes of their tokens", async () => {
  const { keptRows, prefixLength } = await task({ keep: 0.75 });
  assert.equal([keptRows, prefixLength], [3, 18]);
});

test("classes go by name, by number where there are no names, and what is unknown has none", async () => {
  const named = await task({});
  assert.equal(byFolder(named), { animals: 1, flags: 3, food: 0, people: 3, smileys: 3 });
  assert.is(named.warnings.length, 1);
  assert.match(named.warnings[0]!, /^36 of 60 images, for instance flags\/.*, are of no class of this model/);
  const numbered = await task({ classNames: ["0", "1", "2"] });
  assert.equal(byFolder(numbered), { animals: 0, flags: 1, food: 2, people: 3, smileys: 3 });
  const photos = await task({ images: PHOTOS });
  assert.equal([...new Set(photos.classIds)], [3]);
  assert.match(photos.warnings[0]!, /^5 of 5 images/);
});

test("a class that is asked for, or none, is that of all images", async () => {
  const asked = await task({ classes: ["cars"] });
  assert.equal([[...new Set(asked.classIds)], asked.warnings], [[2], []]);
  const none = await task({ unconditional: true });
  assert.equal([[...new Set(none.classIds)], none.warnings], [[3], []]);
  const unconditional = await task({ model: { ...model, classes: 0 }, classNames: [] });
  assert.equal([[...new Set(unconditional.classIds)], unconditional.warnings], [[0], []]);
  assert.match(await refusal(() => task({ classes: ["cars", "food"] })), /^--classes: want one class/);
});

test("a model that draws nothing without a class refuses images without one", async () => {
  const classful: VimConfig = { ...model, classless: false };
  assert.match(await refusal(() => task({ model: classful })), /^--complete: flags\/.* is of no class of this model/);
  assert.match(await refusal(() => task({ model: classful, unconditional: true })), /^--unconditional/);
  assert.equal([...new Set((await task({ model: classful, classes: ["food"] })).classIds)], [0]);
});

test("some of the images are spread over the set, under the same streams as all of them", async () => {
  const [some, all] = [await task({ limit: 5 }), await task({})];
  assert.equal(some.source.count, 5);
  assert.is(new Set(some.classIds.map((_, i) => some.source.name(i).split("/")[0])).size, 5);
  const plansOf = (one: Task, ways: number) => {
    const indices = one.classIds.map((_, i) => i);
    const codes = Int32Array.from({ length: indices.length * 24 }, (_, i) => i);
    const originals = { indices, codes, shown: [], damaged: 0 };
    return planCompletions(one, { originals, seed: 7, ways });
  };
  const [few, many] = [plansOf(some, 2), plansOf(all, 3)];
  assert.equal(
    few.map(({ way }) => way),
    [1, 2, 1, 2, 1, 2, 1, 2, 1, 2],
  );
  assert.is(new Set(many.map(({ seed }) => seed)).size, 180);
  for (const { original, way, seed, classId } of few)
    assert.equal(
      many.filter((plan) => plan.original === original && plan.way === way).map((plan) => [plan.seed, plan.classId]),
      [[seed, classId]],
    );
  assert.equal(
    [...few[3]!.prefix],
    Array.from({ length: 12 }, (_, i) => 24 + i),
    "the second image's first rows",
  );
});

test("several ways want something to choose from, of one class at least", async () => {
  const [sure, free] = [{ temperature: 0, topK: 0, topP: 1 }, PLAIN_SAMPLING];
  const ways = (count: number, general: Filter, own: [number, Filter][] = []) =>
    expectDifferentWays(count, { general, own: new Map(own) }, [0, 1]);
  ways(3, free);
  ways(1, sure);
  ways(3, sure, [[1, free]]);
  assert.match(await refusal(() => ways(3, sure)), /^--ways: 3 completions of an image would be alike/);
  assert.match(await refusal(() => ways(2, { ...free, topK: 1 })), /^--ways: 2/);
  assert.match(
    await refusal(() =>
      ways(2, free, [
        [0, sure],
        [1, sure],
      ]),
    ),
    /^--ways: 2/,
  );
});

test.run();
