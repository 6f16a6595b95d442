import { suite } from "uvu";
import * as assert from "uvu/assert";
import { classOf } from "../../../commands/run/classify.js";
import { linesOf } from "../../../commands/run/classifyLines.js";

const test = suite("commands/run/classify");

const mapped = (names: readonly string[] | undefined, classNames: readonly string[]) => {
  const { map, warnings } = classOf(names, classNames);
  return { ids: [-1, 0, 1, 2].map(map), warned: warnings.length > 0 };
};

test("classes are matched by name, whatever their order", () => {
  assert.equal(mapped(["owl", "cat", "yak"], ["cat", "dog", "owl"]), { ids: [-1, 2, 0, -1], warned: true });
  assert.equal(mapped(["owl", "cat", "dog"], ["cat", "dog", "owl"]), { ids: [-1, 2, 0, 1], warned: false });
});

test("they are matched by number where one side has no names", () => {
  const byNumber = { ids: [-1, 0, 1, -1], warned: false };
  assert.equal(mapped(undefined, ["cat", "dog"]), byNumber);
  assert.equal(mapped(["0", "1", "2"], ["cat", "dog"]), byNumber);
  assert.equal(mapped(["cat", "dog", "owl"], ["0", "1"]), byNumber);
});

test("CSV quotes what would break it", () => {
  const image = { image: 'a,"b".png', label: null, classes: [{ name: "tench, fish", probability: 0.5 }] };
  assert.is(linesOf([image], "csv"), 'image,label,class1,probability1\n"a,""b"".png",,"tench, fish",0.5\n');
});

test("more images than a call takes arguments are lines of CSV", () => {
  const image = { image: "a.png", label: null, classes: [{ name: "tench", probability: 0.5 }] };
  const lines = linesOf(new Array<typeof image>(200_000).fill(image), "csv");
  assert.is(lines, `image,label,class1,probability1\n${"a.png,,tench,0.5\n".repeat(200_000)}`);
});

test.run();
