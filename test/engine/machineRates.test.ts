import { suite } from "uvu";
import * as assert from "uvu/assert";
import { createEagerEngine } from "../../lib/engine/eager.js";
import { measurePeaks, measureRates } from "../../lib/engine/machineRates.js";
import { createOnnxEngine } from "../../lib/engine/onnxruntime.js";

const test = suite("engine/machineRates");

test("rates are those of a machine: matrix products at a billion a second and more, memory below a terabyte", async () => {
  const { multiplyAdds, bytes } = await measureRates(await createOnnxEngine({ threads: 1 }));
  assert.ok(multiplyAdds > 1e9 && multiplyAdds < 1e13, `${multiplyAdds} multiply-adds a second`);
  assert.ok(bytes > 1e8 && bytes < 1e12, `${bytes} bytes a second`);
});

test("peaks are those of products, and of reading a matrix that no cache holds", async () => {
  const engine = await createOnnxEngine({ threads: 1 });
  const { multiplyAdds, bytes } = await measurePeaks(engine, 3);
  assert.ok(multiplyAdds > 1e9 && multiplyAdds < 1e13, `${multiplyAdds} multiply-adds a second`);
  assert.ok(bytes > 1e8 && bytes < 1e12, `${bytes} bytes a second`);
  // A row times a matrix has one multiply-add for four bytes: far from the rate of products.
  assert.ok(bytes / 4 < multiplyAdds, `${bytes} bytes, ${multiplyAdds} multiply-adds a second`);
});

test("a slower engine has lower rates", async () => {
  const [slow, fast] = [
    await measureRates(await createEagerEngine("cpu")),
    await measureRates(await createOnnxEngine({ threads: 1 })),
  ];
  assert.ok(slow.multiplyAdds < fast.multiplyAdds / 2, `${slow.multiplyAdds} against ${fast.multiplyAdds}`);
});

test.run();
