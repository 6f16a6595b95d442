import { suite } from "uvu";
import * as assert from "uvu/assert";
import { type Drawing, renderPng, renderSvg } from "../../lib/ui/drawing.js";
import { matrixChart } from "../../lib/ui/matrixChart.js";
import { decodePng, pixel } from "./pictures.js";

const test = suite("ui/matrixChart");

const names = ["cat", "dog & co", "owl"];
const shares = [
  [0.9, 0.1, 0],
  [0, 1, 0],
  [0.26, 0.24, 0.5],
];
const options = { title: "Confusions", rowTitle: "class", columnTitle: "taken for", names, shares };
const chart = matrixChart(options);

const texts = ({ marks }: Drawing) => marks.flatMap((mark) => (mark.kind === "text" ? [mark] : []));
const boxes = ({ marks }: Drawing) => marks.flatMap((mark) => (mark.kind === "boxes" ? [mark] : []));

test("draws a cell for each share above 0, the larger the darker", () => {
  const all = boxes(chart).flatMap(({ boxes: some, color }) => some.map((box) => ({ ...box, color })));
  assert.is(all.length, 6);
  const [left, top] = [Math.min(...all.map(({ x }) => x)), Math.min(...all.map(({ y }) => y))];
  const side = all[0]!.width;
  const at = (row: number, column: number) =>
    all.find(({ x, y }) => x === left + column * side && y === top + row * side)?.color;
  assert.is(at(1, 1), "#0072b2", "all");
  assert.is(at(0, 2), undefined, "none");
  const blueness = (row: number, column: number) => 255 - Number.parseInt(at(row, column)!.slice(1, 3), 16);
  assert.ok(blueness(0, 1) < blueness(2, 0) && blueness(2, 0) < blueness(2, 2) && blueness(2, 2) < blueness(0, 0));
});

test("names rows and columns, and writes percents where there is room", () => {
  const words = texts(chart).map(({ text }) => text);
  for (const word of ["Confusions", "class", "taken for", "90", "100", "26"]) assert.ok(words.includes(word), word);
  for (const name of names) assert.is(words.filter((word) => word === name).length, 2, name);
  const many = (n: number) =>
    matrixChart({
      ...options,
      names: Array.from({ length: n }, (_, i) => `class ${i}`),
      shares: Array.from({ length: n }, () => new Array<number>(n).fill(1 / n)),
    });
  const wordsOf = (n: number) => texts(many(n)).map(({ text }) => text);
  assert.ok(wordsOf(30).includes("class 3") && !wordsOf(30).includes("3"), "names alone");
  assert.is(wordsOf(100).length, 3, "title and axes alone");
  assert.ok(many(600).width < 700);
});

test("a long name is cut, an empty matrix and one of the wrong size are not drawn wrong", () => {
  const long = matrixChart({ ...options, names: ["x".repeat(80), "b", "c"] });
  assert.ok(long.width < 400, `${long.width}`);
  matrixChart({ ...options, names: [], shares: [] });
  assert.throws(() => matrixChart({ ...options, names: ["a"] }), /want 1 rows of 1 shares/);
});

test("is the same as SVG and as PNG", async () => {
  const svg = renderSvg(chart);
  assert.ok(svg.includes("dog &#38; co") && !/NaN|Infinity|undefined/.test(svg));
  const picture = await decodePng(await renderPng(chart, { scale: 1 }));
  for (const { boxes: some, color } of boxes(chart)) {
    const wanted = [1, 3, 5].map((i) => Number.parseInt(color.slice(i, i + 2), 16));
    for (const { x, y } of some) assert.equal([...pixel(picture, Math.ceil(x) + 3, Math.ceil(y) + 3)], wanted);
  }
});

test.run();
