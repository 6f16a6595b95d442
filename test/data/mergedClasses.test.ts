import { suite } from "uvu";
import * as assert from "uvu/assert";
import { classesAmong, mergeClasses } from "../../lib/data/mergedClasses.js";
import { DataError } from "../../lib/errors.js";
import { expectThrow } from "../support.js";

const test = suite("data/mergedClasses");

const set = (path: string, ...classNames: string[]) => ({ path, classNames });

test("classes of one name are one class, and new ones come after those before", () => {
  const { classNames, maps } = mergeClasses([set("a", "cat", "dog"), set("b", "bird", "cat")]);
  assert.equal(classNames, ["cat", "dog", "bird"]);
  assert.equal(maps, [Int32Array.of(0, 1), Int32Array.of(2, 0)]);
});

test("equal lists leave labels as they are, even where two classes share a name, and so does no list", () => {
  const cranes = set("a", "crane", "crane", "maillot");
  assert.equal(mergeClasses([cranes, { ...cranes, path: "b" }]), {
    classNames: cranes.classNames,
    maps: [undefined, undefined],
  });
  assert.equal(mergeClasses([{ path: "a" }, { path: "b" }]).classNames, undefined);
});

const refuses = (body: () => unknown, pattern: RegExp) => {
  expectThrow(body, DataError, pattern);
};

test("names in one set and none in another are refused, the one without named", () => {
  refuses(() => mergeClasses([set("a", "cat"), { path: "b" }]), /^b: want names of its classes, as a has them/);
  refuses(() => mergeClasses([{ path: "b" }, set("a", "cat")]), /^b: want names.*--class-names.*--unconditional/);
});

test("a name that stands for two classes cannot be merged", () => {
  refuses(
    () => mergeClasses([set("a", "cat"), set("b", "crane", "crane")]),
    /^b: want a name of its own.*"crane" twice/,
  );
});

test("a further set is told by name, keeps its labels without names, and may bring no new class", () => {
  const known = set("train", "cat", "dog", "bird");
  assert.equal(classesAmong(known, set("val", "bird", "cat")), Int32Array.of(2, 0));
  assert.is(classesAmong(known, set("val", "cat", "dog", "bird")), undefined);
  assert.is(classesAmong(known, { path: "val" }), undefined);
  assert.is(classesAmong({ path: "train" }, set("val", "cat")), undefined);
  refuses(() => classesAmong(known, set("val", "fish")), /^val: want classes of train, got one called "fish"/);
});

test.run();
