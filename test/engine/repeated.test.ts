/** Several runs of a step in one call, against as many calls of the step. */

import * as tf from "@tensorflow/tfjs";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { OnnxGraph } from "../../lib/engine/onnx.js";
import { createOnnxEngine, createRepeated } from "../../lib/engine/onnxruntime.js";
import { repeatedGraph } from "../../lib/engine/repeated.js";
import type { HostTensor, NamedHostTensors, Repetition, Step, StepOptions } from "../../lib/engine/types.js";
import { gelu } from "../../lib/nn/gelu.js";
import { normalFloats } from "../hostTensors.js";
import { expectRejection } from "../support.js";

const test = suite("engine/repeated");

const rowOf = (row: number): HostTensor => ({ dtype: "int32", shape: [1], data: Int32Array.of(row) });

/** Moves a state by what the run is given; the large constant lies outside of the loop, the small one within. */
const step: Step = ({ state, shared, drive, row, table, offset }) => {
  const chosen = tf.gather(table as tf.Tensor2D, row as tf.Tensor1D); // [1, 40]
  const moved = gelu(tf.add(tf.add(state!, chosen), tf.mul(drive!, shared!)));
  const next = tf.add(moved, offset!);
  return { next, mean: tf.mean(moved), largest: tf.argMax(next, -1), last: state! };
};
const options: StepOptions = {
  name: "little",
  inputs: {
    state: { dtype: "float32", shape: [3, 40] },
    shared: { dtype: "float32", shape: [40] },
    drive: { dtype: "float32", shape: [3, 40] },
    row: { dtype: "int32", shape: [1] },
  },
  constants: { table: normalFloats([30, 40], 3), offset: normalFloats([1, 40], 4) },
};
const repetition: Repetition = { next: { state: "next" }, each: ["drive", "row"] };

const start = { state: normalFloats([3, 40], 1), shared: normalFloats([40], 2) };
const runs = Array.from(
  { length: 5 },
  (_, i): NamedHostTensors => ({ drive: normalFloats([3, 40], 10 + i), row: rowOf(3 * i) }),
);

test("a call gives what as many runs give, whatever their number", async () => {
  const engine = await createOnnxEngine({ threads: 1 });
  const single = await engine.compile(step, options);
  const program = await (await createRepeated({ threads: 1 })).compile(step, options, repetition);
  for (const count of [1, 5, 2]) {
    let { state } = start;
    const want: NamedHostTensors[] = [];
    for (const run of runs.slice(0, count)) {
      const { next, ...results } = await single.run({ ...start, state, ...run });
      state = next!;
      want.push(results);
    }
    const { carried, results } = await program.run(start, runs.slice(0, count));
    assert.equal(Object.keys(carried), ["state"]);
    assert.equal([...carried["state"]!.data], [...state.data]);
    assert.is(results.length, count);
    for (const [i, result] of results.entries()) {
      assert.equal(Object.keys(result).sort(), ["largest", "last", "mean"]);
      for (const [name, { shape, dtype, data }] of Object.entries(want[i]!)) {
        assert.equal([...result[name]!.shape], [...shape], name);
        assert.is(result[name]!.dtype, dtype);
        assert.equal([...result[name]!.data], [...data], `${name} of run ${i}`);
      }
    }
  }
  await program.dispose();
  await single.dispose();
});

test("nodes come behind what they read, and those emitted last as early as that allows", () => {
  const node = (output: string, ...inputs: string[]) => {
    return { op: "Sum", domain: "", inputs, outputs: [output], attributes: {} };
  };
  const value = (name: string) => ({ name, type: "float32", shape: [] }) as const;
  // In order of emission: forward, backward, what is computed again for a gradient, the gradient.
  const emitted = [node("a", "x"), node("b", "a"), node("db", "b"), node("again", "a"), node("next", "db", "again")];
  const nodes = emitted.toReversed();
  const graph = { name: "g", nodes, inputs: [value("x"), value("y")], outputs: [value("next")], initializers: [] };
  const [loop] = repeatedGraph(graph, { next: { x: "next" }, each: ["y"] }).nodes;
  const { body } = loop!.attributes as { body: OnnxGraph };
  const order = body.nodes.flatMap(({ op, outputs }) => (op === "Sum" ? outputs : []));
  assert.equal(order, ["a", "again", "b", "db", "next"]);
});

test("what a call cannot be made of, or is not given, is named", async () => {
  const repeated = await createRepeated({ threads: 1 });
  const compiled = (changed: Partial<Repetition>) => repeated.compile(step, options, { ...repetition, ...changed });
  await expectRejection(compiled({ each: [] }), Error, /little: nothing differs from run to run/);
  await expectRejection(compiled({ next: { state: "nxt" } }), Error, /little: there is no result nxt/);
  const program = await compiled({});
  const [first] = runs;
  await expectRejection(
    program.run(start, []),
    RangeError,
    /little: want the inputs of one run or more, got those of none/,
  );
  await expectRejection(program.run({ state: start.state }, runs), Error, /little: input "shared" is missing/);
  const deep = { ...first!, row: { ...rowOf(1), shape: [1, 1] } };
  await expectRejection(program.run(start, [deep]), RangeError, /little, run 1: input "row" wants int32 \[1\], got/);
  await program.dispose();
});

test("what a later run is given is held to the step as well, and to the first run", async () => {
  const growing: Step = ({ state, drive }) => ({ next: tf.add(state!, tf.sum(drive!, 0)) });
  const inputs = { state: options.inputs["state"]!, drive: { dtype: "float32", shape: ["t", 40] } } as const;
  const little = { next: { state: "next" }, each: ["drive"] };
  const engine = await createRepeated({ threads: 1 });
  const program = await engine.compile(growing, { name: "growing", inputs }, little);
  const { state } = start;
  const refused = (second: NamedHostTensors, message: RegExp) =>
    expectRejection(program.run({ state }, [{ drive: normalFloats([3, 40], 1) }, second]), RangeError, message);
  const integers: HostTensor = { dtype: "int32", shape: [3, 40], data: new Int32Array(120) };
  await refused(
    { drive: normalFloats([2, 40], 1) },
    /growing, run 2: input "drive" wants float32 \[3, 40\], got .*\[2, 40\]/,
  );
  await refused({ drive: { ...normalFloats([2, 40], 1), shape: [3, 40] } }, /run 2: input "drive" has shape .* has 80/);
  await refused({ drive: integers }, /run 2: input "drive" wants float32 \[3, 40\], got int32/);
  await refused({}, /run 2: input "drive" is missing/);
  await refused({ drive: normalFloats([3, 40], 1), more: state }, /run 2: unknown input "more"; wanted drive/);
  await refused({ drive: normalFloats([3, 40], 1), state }, /run 2: unknown input "state"/);
  await program.dispose();
});

test.run();
