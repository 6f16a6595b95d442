import { suite } from "uvu";
import * as assert from "uvu/assert";
import { type Drawing, renderPng, renderSvg } from "../../lib/ui/drawing.js";
import { decodePng, isDark, pixel } from "./pictures.js";

const test = suite("drawing");

const drawing: Drawing = {
  width: 60,
  height: 40,
  title: "Loss & <usage>",
  marks: [
    {
      kind: "line",
      runs: [
        [
          [10, 5],
          [50, 5],
        ],
        [
          [10, 9],
          [20.126, 9],
        ],
      ],
      color: "#000000",
      width: 2,
      dash: "6 4",
      opacity: 0.5,
    },
    { kind: "dots", points: [[30, 20]], radius: 4, color: "#ff0000" },
    {
      kind: "text",
      text: `a < b & "c"\u0007`,
      at: [5, 30],
      size: 12,
      color: "#000000",
      anchor: "middle",
      upwards: true,
    },
  ],
};

test("lines, dots and text are written as SVG elements", () => {
  const lines = renderSvg(drawing).split("\n");
  assert.match(lines[0]!, /^<svg xmlns="http:\/\/www.w3.org\/2000\/svg" width="60" height="40" viewBox="0 0 60 40"/);
  assert.match(lines[0]!, /sans-serif/);
  assert.equal(lines.slice(1), [
    "<title>Loss &#38; &#60;usage&#62;</title>",
    '<rect width="60" height="40" fill="#ffffff"/>',
    '<path d="M10 5L50 5M10 9L20.13 9" fill="none" stroke="#000000" stroke-width="2" stroke-linejoin="round" stroke-dasharray="6 4" stroke-opacity="0.5"/>',
    '<g fill="#ff0000"><circle cx="30" cy="20" r="4"/></g>',
    '<text x="5" y="30" font-size="12" fill="#000000" text-anchor="middle" transform="rotate(-90 5 30)">a &#60; b &#38; &#34;c&#34; </text>',
    "</svg>",
    "",
  ]);
});

test("the PNG is twice as large and has the marks in their places", async () => {
  const picture = await decodePng(await renderPng({ ...drawing, marks: drawing.marks.slice(1, 2) }));
  assert.equal([picture.width, picture.height], [120, 80]);
  assert.equal(pixel(picture, 60, 40), [255, 0, 0]);
  assert.equal(pixel(picture, 60, 54), [255, 255, 255]);
  assert.equal((await decodePng(await renderPng(drawing, { scale: 1 }))).width, 60);
});

test("text in a PNG needs no font: it is the pixel font, joined", async () => {
  const size = (10 * 7) / 0.72; // ten drawing pixels to a font pixel
  const text = { kind: "text", text: "T", at: [0, 80], size, color: "#000000" } as const;
  const picture = await decodePng(await renderPng({ width: 60, height: 90, title: "", marks: [text] }, { scale: 1 }));
  const rows = [0, 1, 2, 3, 4, 5, 6].map((row) =>
    [0, 1, 2, 3, 4].map((column) => (isDark(picture, 5 + 10 * column, 15 + 10 * row) ? "#" : ".")).join(""),
  );
  assert.equal(rows, ["#####", "..#..", "..#..", "..#..", "..#..", "..#..", "..#.."]);
});

test("anchored text ends or is centred where it should be", async () => {
  const inked = async (anchor: "start" | "middle" | "end") => {
    const mark = { kind: "text", text: "HH", at: [50, 30], size: 20, color: "#000000", anchor } as const;
    const picture = await decodePng(
      await renderPng({ width: 100, height: 40, title: "", marks: [mark] }, { scale: 1 }),
    );
    const columns = [...Array(100).keys()].filter((x) => [...Array(40).keys()].some((y) => isDark(picture, x, y)));
    return [columns[0]!, columns.at(-1)!];
  };
  const [startLeft, startRight] = await inked("start");
  const [middleLeft, middleRight] = await inked("middle");
  const [endLeft, endRight] = await inked("end");
  assert.ok(startLeft! >= 50 && startRight! > 60);
  assert.ok(Math.abs(middleLeft! + middleRight! - 99) <= 2);
  assert.ok(endRight! <= 50 && endLeft! < 40);
});

test.run();
