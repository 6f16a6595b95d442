import { suite } from "uvu";
import * as assert from "uvu/assert";
import { comparisonText, milliseconds, range, reportText } from "../../../commands/run/benchText.js";
import { compareReports } from "../../../lib/speed/comparison.js";
import { REPORT } from "../../speed/support.js";

const test = suite("commands/run/benchText");

test("times are milliseconds in three digits", () => {
  assert.equal([0.1054, 0.00312, 8.046].map(milliseconds), ["105", "3.12", "8,050"]);
  assert.is(range({ fastest: 0.1, slowest: 0.25 }), "100 to 250");
});

test("a report: machine, rates before and after, a row a measurement, what was lost", () => {
  assert.equal(reportText(REPORT).split("\n"), [
    "vitvq 0.1.0, onnxruntime 1.30.0 on cpu with 2 threads, Node 20.0.0; size tiny",
    "A, 2 cores, 8.0 GB of memory",
    "multiplies at 100 GFLOP/s (80.0 GFLOP/s at the end), reads memory at 20.0 GB/s (25.0 GB/s at the end)",
    "",
    "measurement  median ms         range  runs          rate  GFLOP/s  of peak  bound  memory  others",
    "encode             200    100 to 300     3  320 images/s     50.0    50.0%      -  300 MB   50.0%",
    "sample-8          10.0  10.0 to 10.0     1   800 codes/s     20.0    20.0%  3.33x       -       -",
    "data was lost: no images",
    "",
  ]);
});

test("a comparison: ratios with ranges, the machine, what differs and what is left out", () => {
  const now = {
    ...REPORT,
    machine: { ...REPORT.machine, cores: 4 },
    measurements: { ...REPORT.measurements, more: REPORT.measurements["encode"]! },
  };
  assert.equal(comparisonText(compareReports(REPORT, now), "before.json").split("\n"), [
    "Against before.json: speed above 1 is faster now; the range is that of the middle halves.",
    "measurement  before ms  now ms  speed         range",
    "encode             200     200   1.00  0.60 to 1.67  same",
    "sample-8          10.0    10.0   1.00  1.00 to 1.00  same",
    "the machine itself: 1.00 in multiply-adds, 1.00 in reading memory",
    "cores: 2, now 4",
    "data: was lost before",
    "more: not measured before",
    "",
  ]);
});

test.run();
