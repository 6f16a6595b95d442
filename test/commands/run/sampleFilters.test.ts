import { suite } from "uvu";
import * as assert from "uvu/assert";
import { filterFor, filtersOf } from "../../../commands/run/sampleFilters.js";
import { refusal } from "../support/refusal.js";

const test = suite("commands/run/sampleFilters");

const classNames = ["cat", "sea: shore", "dog"];
const general = { temperature: 0.9, topK: 0, topP: 1 };
const of = (classFilter: string[], classIds = [0, 1, 2]) =>
  filtersOf({ ...general, classFilter }, { classNames, classIds });

test("a class has what its filter says, and else what is for all", () => {
  const filters = of(["cat:temperature=0.5,top-k=50", "sea: shore: topP = 0.8", "2:top-k=3"]);
  assert.equal(filterFor(filters, 0), { temperature: 0.5, topK: 50, topP: 1 });
  assert.equal(filterFor(filters, 1), { temperature: 0.9, topK: 0, topP: 0.8 });
  assert.equal(filterFor(filters, 2), { temperature: 0.9, topK: 3, topP: 1 });
  assert.equal(filterFor(of(["cat:top-k=1"]), 2), general);
  assert.equal(filterFor(filtersOf(general, { classNames, classIds: [3] }), 3), general, "without a class");
});

test("filters that cannot be read say what they should look like", async () => {
  const refused = (text: string) => refusal(() => of([text]));
  for (const text of ["top-k=50", ":top-k=50", "cat"]) assert.match(await refused(text), /as in boot:top-k=50, got "/);
  assert.match(
    await refused("cat:topk=5"),
    /of class "cat": want settings of temperature, top-k, top-p .*, got "topk=5"/,
  );
  assert.match(await refused("cat:top-k"), /got "top-k"/);
  assert.match(await refused("cat:top-k=1,"), /got ""/);
  assert.match(await refused("cat:top-p=0"), /top-p of class "cat": want a number above 0 and at most 1, got 0/);
  assert.match(await refused("cat:top-k=1.5"), /top-k of class "cat": want an integer at least 0, got 1.5/);
  assert.match(await refused("cat:temperature=hot"), /temperature of class "cat": want a number at least 0, got "hot"/);
  assert.match(await refused("cat:top-k=1,topK=2"), /top-k of class "cat" is set twice/);
});

test("filters of classes that are unknown, not drawn, or have one already are refused", async () => {
  assert.match(await refusal(() => of(["cta:top-k=1"])), /^--class-filter: no class "cta"; did you mean cat\?/);
  assert.match(await refusal(() => of(["dog:top-k=1"], [0, 1])), /no image of class "dog" is drawn/);
  assert.match(await refusal(() => of(["cat:top-k=1", "0:top-p=0.5"])), /class "0" has two/);
  const classless = () => filtersOf({ ...general, classFilter: ["a:top-k=1"] }, { classNames: [], classIds: [0] });
  assert.match(await refusal(classless), /trained without classes/);
});

test.run();
