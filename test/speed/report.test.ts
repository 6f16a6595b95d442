import { writeFile } from "node:fs/promises";
import path from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { FileError } from "../../lib/errors.js";
import { stableJson } from "../../lib/files/atomic.js";
import { bestRates, figuresOf, type Measured, readReport } from "../../lib/speed/report.js";
import { inTemporaryFolder } from "../support.js";
import { REPORT } from "./support.js";

const test = suite("speed/report");

const measured = (name: string) => REPORT.measurements[name] as Measured;

test("the machine's rates are the better ones, whether before or after", () => {
  assert.equal(bestRates(REPORT.rates), { multiplyAdds: 5e10, bytes: 2.5e10 });
  assert.equal(bestRates({ before: REPORT.rates.before }), REPORT.rates.before);
});

test("figures worked by hand: 5e9 multiply-adds in 0.2 s are 50 GFLOP/s, half of 5e10 a second", () => {
  const figures = figuresOf(measured("encode"), bestRates(REPORT.rates));
  assert.equal(
    [figures.median, figures.fastest, figures.slowest, figures.itemsPerSecond, figures.gigaflops, figures.ofPeak],
    [0.2, 0.1, 0.3, 320, 50, 0.5],
  );
  assert.is(figures.overBound, undefined);
});

test("sampling is held against reading weights (2 ms, as multiplying takes) and cache (1 ms)", () => {
  const { overBound } = figuresOf(measured("sample-8"), bestRates(REPORT.rates));
  assert.ok(Math.abs(overBound! - 10 / 3) < 1e-9, `${overBound}`);
});

test("what cannot be counted has no figure", () => {
  const { multiplyAdds: _, ...uncounted } = measured("encode");
  assert.equal(Object.keys(figuresOf(uncounted, REPORT.rates.before)).sort(), [
    ...["fastest", "itemsPerSecond", "lowerQuarter", "median", "slowest", "upperQuarter"],
  ]);
});

const inFile = (content: string, body: (file: string) => Promise<void>) =>
  inTemporaryFolder(async (folder) => {
    const file = path.join(folder, "report.json");
    await writeFile(file, content);
    await body(file);
  });

const refused = (file: string, message: RegExp) =>
  readReport(file).then(
    () => assert.unreachable(`read ${file}`),
    (error) => {
      assert.instance(error, FileError);
      assert.match(error.message, message);
    },
  );

test("a report is read as it was written", () =>
  inFile(stableJson(REPORT, 2), async (file) => assert.equal(await readReport(file), REPORT)));

test("no file, no JSON and half a file are refused by name", async () => {
  await inTemporaryFolder((folder) => refused(path.join(folder, "none.json"), /none\.json: no such file/));
  await inFile("no JSON", (file) => refused(file, /report\.json: damaged: not JSON/));
  const text = stableJson(REPORT, 2);
  await inFile(text.slice(0, text.length / 2), (file) => refused(file, /damaged: not JSON/));
});

test("what a comparison needs must be there, and the error says what is not", async () => {
  const broken: [object, RegExp][] = [
    [[], /want an object/],
    [{ ...REPORT, format: "vitvq bench 2" }, /want format "vitvq bench 1", got "vitvq bench 2"/],
    [{ measurements: {} }, /want format "vitvq bench 1", got none/],
    [{ ...REPORT, options: {} }, /options\.size is missing/],
    [{ ...REPORT, options: { size: "tiny" } }, /options\.threads is missing/],
    [{ ...REPORT, machine: {} }, /machine\.processor is missing/],
    [{ ...REPORT, versions: null }, /versions are missing/],
    [{ ...REPORT, rates: {} }, /rates\.before is missing/],
    [
      { ...REPORT, rates: { ...REPORT.rates, after: { multiplyAdds: 0, bytes: 1 } } },
      /rates\.after has no numbers above 0/,
    ],
    [{ ...REPORT, measurements: [] }, /measurements are missing/],
  ];
  for (const [content, message] of broken) await inFile(JSON.stringify(content), (file) => refused(file, message));
  for (const seconds of [[], [0.1, -1], [0.1, null], "0.1", undefined]) {
    const measurements = { ...REPORT.measurements, encode: { ...measured("encode"), seconds } };
    await inFile(JSON.stringify({ ...REPORT, measurements }), (file) =>
      refused(file, /report\.json: .*measurement encode has no timings/),
    );
  }
});

test.run();
