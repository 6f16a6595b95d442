import { suite } from "uvu";
import * as assert from "uvu/assert";
import { lineChart, multiChart } from "../../lib/ui/chart.js";
import { type Drawing, type Mark, renderPng, renderSvg } from "../../lib/ui/drawing.js";
import { decodePng, pixel } from "./pictures.js";

const test = suite("chart");

const counting = (n: number) => Array.from({ length: n }, (_, i) => i);
const probe = lineChart({
  title: "Linear probe",
  xLabel: "block",
  yLabel: "accuracy",
  series: [
    { name: "VIM", x: [0, 1, 2], y: [0.7, 0.86, 0.8] },
    { name: "encoder", x: [0, 1, 2], y: [0.7, 0.72, 0.71], dashed: true },
  ],
  references: [
    { name: "raw pixels", y: 0.82 },
    { name: "nearest neighbour", y: 0.815 },
  ],
});

const texts = ({ marks }: Drawing) => marks.flatMap((mark) => (mark.kind === "text" ? [mark] : []));
const named = (drawing: Drawing, text: string) => texts(drawing).find((mark) => mark.text === text)!;
const lines = ({ marks }: Drawing) => marks.flatMap((mark) => (mark.kind === "line" ? [mark] : []));

/** Everything opened is closed, in order, and nothing but elements and escaped text is between. */
function expectWellFormed(svg: string): void {
  const open: string[] = [];
  const rest = svg.replace(
    /<(\/?)([a-z]+)((?: [a-zA-Z:-]+="[^"<&]*")*)(\/?)>/g,
    (_, close, name, _attributes, empty) => {
      if (close) assert.is(open.pop(), name);
      else if (!empty) open.push(name);
      return "";
    },
  );
  assert.equal(open, []);
  assert.not(/[<>]|&(?!#\d+;)/.test(rest), `left over: ${rest}`);
}

test("the SVG is well-formed and holds title, labels, names and ticks as text", () => {
  const svg = renderSvg(probe);
  expectWellFormed(svg);
  for (const text of [
    "Linear probe",
    "block",
    "accuracy",
    "VIM",
    "encoder",
    "raw pixels",
    "0",
    "1",
    "2",
    "0.70",
    "0.85",
  ])
    assert.match(svg, `>${text}</text>`);
  assert.not(svg.includes("NaN"));
});

test("higher values are further up, later ones further right, and all inside the picture", () => {
  const [vim, encoder] = lines(probe)
    .filter(({ width }) => width === 2)
    .slice(-2);
  const [first, second, third] = vim!.runs[0]!;
  assert.ok(first![0] < second![0] && second![0] < third![0]);
  assert.ok(second![1] < third![1] && third![1] < first![1]);
  assert.is(first![1], encoder!.runs[0]![0]![1], "equal values at equal height");
  assert.is(vim!.dash, undefined);
  assert.ok(encoder!.dash);
  for (const [x, y] of lines(probe).flatMap(({ runs }) => runs.flat()))
    assert.ok(x >= 0 && x <= 720 && y >= 0 && y <= 420);
});

test("a tick label stands at the height of its value", () => {
  const vim = lines(probe)
    .filter(({ width }) => width === 2)
    .at(-2)!;
  const tick = named(probe, "0.70");
  assert.ok(Math.abs(tick.at[1] - 0.36 * tick.size - vim.runs[0]![0]![1]) < 1e-6);
});

test("a reference is a dashed line across the plot, named at its right end without overlap", () => {
  const dashed = lines(probe).filter(({ dash, width }) => dash && width === 1.2);
  assert.is(dashed.length, 2);
  const [raw, nearest] = [named(probe, "raw pixels"), named(probe, "nearest neighbour")];
  assert.ok(raw.at[0] > dashed[0]!.runs[0]![1]![0]);
  assert.ok(nearest.at[1] - raw.at[1] >= nearest.size);
});

test("the legend is above the plot and wraps when it is long", () => {
  const series = counting(9).map((i) => ({ name: `temperature ${i}`, x: [0, 1], y: [i, i + 1] }));
  const chart = lineChart({ series, width: 400 });
  const legend = texts(chart).filter(({ text }) => text.startsWith("temperature"));
  const plotTop = Math.min(
    ...lines(chart)
      .filter(({ width }) => width === 1)
      .flatMap(({ runs }) => runs.flat())
      .map(([, y]) => y),
  );
  assert.is(legend.length, 9);
  assert.ok(new Set(legend.map(({ at }) => at[1])).size > 1, "several rows");
  for (const { at } of legend) assert.ok(at[1] < plotTop && at[0] < 400);
});

test("thousands of points become some hundred", () => {
  const chart = lineChart({
    series: [{ name: "loss", x: counting(50000), y: counting(50000).map((i) => (i * 7919) % 101) }],
  });
  const points = lines(chart).flatMap(({ runs }) => runs.flat()).length;
  assert.ok(points > 300 && points < 500, `${points} points`);
});

test("nothing to draw, one point and gaps all make a picture", () => {
  const empty = lineChart({ series: [{ name: "loss", x: [], y: [] }] });
  assert.ok(named(empty, "no data"));
  assert.ok(named(lineChart({ series: [], yScale: "log" }), "no data"));
  const one = lineChart({ series: [{ name: "loss", x: [7], y: [3] }], yScale: "log" });
  assert.is(one.marks.filter(({ kind }) => kind === "dots").length, 2, "in the plot and in the legend");
  const gaps = lineChart({ series: [{ name: "loss", x: [0, 1, 2, 3], y: [1, Number.NaN, 2, 3] }] });
  for (const chart of [empty, one, gaps]) {
    expectWellFormed(renderSvg(chart));
    assert.not(/NaN|Infinity/.test(renderSvg(chart)));
  }
});

test("a log axis leaves out zero", () => {
  const chart = lineChart({
    series: [{ name: "a", x: [0, 1, 2], y: [0, 1, 100] }],
    yScale: "log",
    references: [{ name: "none", y: 0 }],
  });
  assert.not(/NaN|Infinity/.test(renderSvg(chart)));
  assert.ok(named(chart, "100") && !named(chart, "none"));
});

test("panels stand below and beside each other, each with its own axes", () => {
  const panel = (title: string) => ({ title, series: [{ name: "", x: [0, 1], y: [0, 1] }] });
  const stacked = multiChart({ title: "Run", panels: [panel("A"), panel("B"), panel("C")] });
  const paired = multiChart({ panels: [panel("A"), panel("B"), panel("C")], columns: 2, width: 800, panelHeight: 200 });
  const at = (drawing: Drawing) => ["A", "B", "C"].map((title) => named(drawing, title).at);
  const [a, b, c] = at(stacked);
  assert.ok(a![0] === b![0] && b![1] - a![1] > 260 && c![1] > b![1] && named(stacked, "Run").at[1] < a![1]);
  const [left, right, below] = at(paired);
  assert.ok(left![1] === right![1] && right![0] > 400 && below![0] === left![0] && below![1] > left![1] + 200);
  assert.is(paired.width, 800);
  expectWellFormed(renderSvg(paired));
});

test("the PNG shows the lines in their colours where the drawing has them", async () => {
  const marked = (mark: Mark) => mark.kind === "dots" && mark.points.length === 3;
  const [vim, encoder] = probe.marks.filter(marked);
  const picture = await decodePng(await renderPng(probe));
  assert.equal([picture.width, picture.height], [1440, 840]);
  for (const [mark, color] of [
    [vim, [0x00, 0x72, 0xb2]],
    [encoder, [0xd5, 0x5e, 0x00]],
  ] as const) {
    if (mark?.kind !== "dots") throw new Error("dots expected");
    for (const [x, y] of mark.points.slice(1))
      assert.equal(pixel(picture, Math.round(2 * x), Math.round(2 * y)), [...color]);
  }
});

test.run();
