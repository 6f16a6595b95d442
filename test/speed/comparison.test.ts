import { suite } from "uvu";
import * as assert from "uvu/assert";
import { compareReports } from "../../lib/speed/comparison.js";
import type { Lost, Measured, SpeedReport } from "../../lib/speed/report.js";
import { REPORT } from "./support.js";

const test = suite("speed/comparison");

const timed = (...seconds: number[]): Measured => ({ seconds, items: 1, unit: "images", setUpSeconds: 0 });
const reportOf = (measurements: Record<string, Measured | Lost>): SpeedReport => ({ ...REPORT, measurements });
const compared = (before: Measured, now: Measured) =>
  compareReports(reportOf({ encode: before }), reportOf({ encode: now })).rows[0]!;

test("a ratio is the median before over the median now, its range that of the quarters crosswise", () => {
  // Quarters of 4, 5, 6, 7, 8 are 5 and 7; of 1, 2, 3, 4, 5 they are 2 and 4.
  const row = compared(timed(8, 4, 6, 5, 7), timed(1, 2, 3, 4, 5));
  assert.equal(row, { name: "encode", before: 6, now: 3, ratio: 2, lowest: 5 / 4, highest: 7 / 2, verdict: "faster" });
});

test("what is slower has a range below 1, and a range that holds 1 says nothing", () => {
  assert.is(compared(timed(1), timed(2)).verdict, "slower");
  assert.is(compared(timed(1, 2, 3), timed(1.1, 2.1, 3.1)).verdict, "same");
  assert.is(compared(timed(2), timed(2)).verdict, "same");
});

test("names are matched, in today's order; what has no partner, or was lost, is named with its reason", () => {
  const { rows, leftOut } = compareReports(
    reportOf({ data: { error: "no" }, gone: timed(1), decode: timed(1), sample: timed(1) }),
    reportOf({ sample: timed(1), fresh: timed(1), decode: timed(1), data: timed(1) }),
  );
  assert.equal(
    rows.map(({ name }) => name),
    ["sample", "decode"],
  );
  assert.equal(leftOut, { fresh: "not measured before", data: "was lost before", gone: "not measured now" });
});

test("runs of other sizes are not compared", () => {
  const { rows, leftOut } = compareReports(
    reportOf({ encode: { ...timed(1), items: 64 } }),
    reportOf({ encode: { ...timed(1), items: 32 } }),
  );
  assert.equal([rows, leftOut], [[], { encode: "a run was 64 images before and is 32 images now" }]);
});

test("loading other images is not compared, everything else is", () => {
  const of = (data?: string) => {
    const report = reportOf({ data: timed(1), encode: timed(1) });
    return { ...report, options: { ...report.options, ...(data === undefined ? {} : { data }) } };
  };
  const { rows, leftOut } = compareReports(of(), of("photos"));
  assert.is(rows.map(({ name }) => name).join(), "encode");
  assert.equal(leftOut, { data: "it read images made for it before and photos now" });
  assert.equal(compareReports(of("photos"), of("photos")).leftOut, {});
});

test("the machine's own rates are compared, the better of each side", () => {
  const now = { ...REPORT, rates: { before: { multiplyAdds: 1e11, bytes: 5e10 } } };
  assert.equal(compareReports(REPORT, now).machine, { multiplyAdds: 2, bytes: 2 });
});

test("another machine is said to be one; another version or number of threads is a difference alone", () => {
  assert.equal(compareReports(REPORT, REPORT).differences, []);
  const threads = compareReports(REPORT, { ...REPORT, options: { ...REPORT.options, threads: 4 } });
  assert.equal([threads.differences, threads.otherMachine], [["threads: 2, now 4"], false]);
  const spin = compareReports(REPORT, { ...REPORT, options: { ...REPORT.options, spin: true } });
  assert.equal([spin.differences, spin.otherMachine], [["spin: false, now true"], false]);
  const node = compareReports(REPORT, { ...REPORT, versions: { ...REPORT.versions, node: "22.0.0" } });
  assert.equal([node.differences, node.otherMachine], [["node: 20.0.0, now 22.0.0"], false]);
  const processor = compareReports(REPORT, {
    ...REPORT,
    machine: { ...REPORT.machine, processor: "B", memory: 1 },
    versions: { ...REPORT.versions, processor: "B" },
  });
  assert.equal([processor.differences, processor.otherMachine], [["processor: A, now B"], true]);
});

test.run();
