import { suite } from "uvu";
import * as assert from "uvu/assert";
import { groupSize, minibatchStddev } from "../../lib/nn/minibatchStddev.js";
import { compareEngines } from "../engine/support/compareEngines.js";
import { drawFrom } from "../engine/support/drawing.js";
import { expectClose } from "../support.js";
import { normals, valuesOf } from "./support/eager.js";

const test = suite("nn/minibatchStddev");

test("groups have four images, else what divides the batch", () => {
  const sizes = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 16, 18].map(groupSize);
  assert.equal(sizes, [1, 2, 3, 4, 5, 6, 7, 4, 3, 5, 1, 4, 4, 3]);
});

test("the new channel is last and holds the mean deviation of the group j, j + B/g, ...", () => {
  const [B, H, W, C] = [8, 2, 2, 3];
  const x = normals(1, [B, H, W, C]);
  const y = valuesOf((t) => minibatchStddev(t!), x);
  const feature = (b: number, i: number) => x.values[b * H * W * C + i]!;
  const deviationOf = (group: number) => {
    let total = 0;
    for (let i = 0; i < H * W * C; i++) {
      const members = [0, 1, 2, 3].map((k) => feature(group + 2 * k, i));
      const mean = members.reduce((a, b) => a + b) / 4;
      total += Math.sqrt(members.reduce((sum, value) => sum + (value - mean) ** 2, 0) / 4 + 1e-8);
    }
    return total / (H * W * C);
  };
  const wanted = Array.from({ length: B * H * W }, (_, i) => [
    ...x.values.slice(i * C, (i + 1) * C),
    deviationOf(Math.floor(i / (H * W)) % 2),
  ]).flat();
  expectClose(y, wanted, "values", { absolute: 1e-6 });
});

test("images alone have no deviation", () => {
  const y = valuesOf((t) => minibatchStddev(t!), normals(2, [1, 1, 2, 1]));
  expectClose([y[1]!, y[3]!], [1e-4, 1e-4], "deviation", { absolute: 1e-7 });
});

test("graph and JavaScript agree, second gradients included", () => {
  const draw = drawFrom(3, "stddev");
  return compareEngines(
    "minibatchStddev",
    [4, 6, 8].map((B) => ({
      name: `batch ${B}`,
      operands: [draw.operand([B, 2, 3, 2], { form: "input" })],
      f: (x) => minibatchStddev(x!),
      gradients: 2 as const,
      tolerance: { relative: 1e-5, absolute: 1e-5 },
    })),
  );
});

test.run();
