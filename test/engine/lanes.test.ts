import { spawnSync } from "node:child_process";
import { once } from "node:events";
import { Worker } from "node:worker_threads";
import * as tf from "@tensorflow/tfjs";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { Lanes } from "../../lib/engine/lanes.js";
import { createOnnxEngine } from "../../lib/engine/onnxruntime.js";
import type { HostTensor, NamedHostTensors, Program, Step, StepOptions } from "../../lib/engine/types.js";
import { rngFrom } from "../../lib/random.js";
import { activeThreads } from "../support.js";

const test = suite("engine/lanes");

const SIDE = 64;
/** Products, one after the other, of rows and a matrix that all rows share; and what is picked of them. */
const products =
  (count: number): Step =>
  ({ rows, matrix, pick }) => {
    let x = rows as tf.Tensor2D;
    for (let i = 0; i < count; i++) x = tf.tanh(tf.matMul(x, matrix as tf.Tensor2D));
    return { x, mean: tf.mean(x), picked: tf.gather(x, pick as tf.Tensor1D), given: tf.mul(pick!, 1) };
  };
const options = (lanes: number): StepOptions => ({
  name: "products",
  lanes,
  inputs: {
    rows: { dtype: "float32", shape: ["rows", SIDE] },
    matrix: { dtype: "float32", shape: [SIDE, SIDE] },
    pick: { dtype: "int32", shape: [2] },
    idle: { dtype: "float32", shape: [3] },
  },
});

function random(shape: number[], seed: number): HostTensor {
  const rng = rngFrom(seed);
  const data = Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => rng.normal());
  return { dtype: "float32", shape, data };
}

const inputs = (rows: number, seed: number, pick = [1, 0]): NamedHostTensors => ({
  rows: random([rows, SIDE], seed),
  matrix: random([SIDE, SIDE], 1),
  pick: { dtype: "int32", shape: [2], data: Int32Array.from(pick) },
  idle: random([3], 2),
});

/** Compiles with a thread a lane, lends the program to `body`, disposes it, and sees that nothing stays. */
async function inLanes(step: Step, lanes: number, body: (program: Program) => Promise<void>): Promise<void> {
  const engine = await createOnnxEngine({ threads: lanes });
  const program = await engine.compile(step, options(lanes));
  try {
    await body(program);
  } finally {
    await program.dispose();
  }
  assert.equal(activeThreads(), []);
}

const failure = (run: Promise<unknown>): Promise<string> =>
  run.then(
    () => "nothing thrown",
    (error: Error) => error.message,
  );

test("runs give the bits of one lane, however many are started at once, and leave their inputs alone", async () => {
  const alone = await (await createOnnxEngine({ threads: 1 })).compile(products(3), options(1));
  assert.is(alone.lanes, undefined);
  const batches = [5, 9, 5, 2, 7, 5].map((rows, seed) => inputs(rows, seed));
  const want: NamedHostTensors[] = [];
  for (const batch of batches) want.push(await alone.run(batch));
  await alone.dispose();
  await inLanes(products(3), 2, async (program) => {
    assert.is(program.lanes, 2);
    const before = structuredClone(batches);
    for (const _ of ["first", "again"])
      assert.equal(await Promise.all(batches.map((batch) => program.run(batch))), want);
    assert.equal(batches, before);
  });
});

test("a run that is started later may end earlier, and the event loop goes on meanwhile", () =>
  inLanes(products(200), 2, async (program) => {
    const ended: string[] = [];
    let turns = 0;
    const timer = setInterval(() => turns++, 1);
    const run = async (name: string, rows: number): Promise<void> => {
      await program.run(inputs(rows, 3));
      ended.push(name);
    };
    await Promise.all([run("long", 20_000), run("short", 2)]);
    clearInterval(timer);
    assert.equal(ended, ["short", "long"]);
    assert.ok(turns > 3, `${turns} turns of the event loop`);
  }));

test("what a run is refused or fails at is told, and the next one runs", () =>
  inLanes(products(2), 2, async (program) => {
    const good = await program.run(inputs(4, 3));
    assert.match(await failure(program.run({})), /^products: input "rows" is missing/);
    const failed = Array.from({ length: 3 }, () => failure(program.run(inputs(4, 3, [0, 99]))));
    for (const words of await Promise.all(failed)) assert.match(words, /indices element out of data bounds/);
    assert.equal(await program.run(inputs(4, 3)), good);
  }));

test("programs share the lanes, which end with the last of them and start again for another", async () => {
  const engine = await createOnnxEngine({ threads: 2 });
  const [one, two] = await Promise.all([1, 2].map((count) => engine.compile(products(count), options(2))));
  const [batch, other] = [inputs(4, 3), inputs(4, 4)];
  const [first, second] = await Promise.all([one!.run(batch), two!.run(other)]);
  await one!.dispose();
  await one!.dispose();
  assert.match(await failure(one!.run(batch)), /disposed/);
  assert.equal(await two!.run(other), second);
  await two!.dispose();
  assert.equal(activeThreads(), []);
  const again = await engine.compile(products(1), options(2));
  assert.equal(await again.run(batch), first);
  await again.dispose();
  assert.equal(activeThreads(), []);
});

test("a program that is disposed twice at once is released once, and others keep their lanes", async () => {
  const engine = await createOnnxEngine({ threads: 2 });
  const [one, two] = await Promise.all([1, 2].map((count) => engine.compile(products(count), options(2))));
  const batch = inputs(4, 3);
  const want = await two!.run(batch);
  await Promise.all([one!.dispose(), one!.dispose()]);
  assert.equal(await two!.run(batch), want);
  await two!.dispose();
  assert.equal(activeThreads(), []);
});

test("of runs under way when their program is disposed, those that compute end, and those that wait are refused", async () => {
  const engine = await createOnnxEngine({ threads: 2 });
  const [one, two] = await Promise.all([40, 2].map((count) => engine.compile(products(count), options(2))));
  const batch = inputs(4, 3);
  const want = await one!.run(batch);
  const runs = Array.from({ length: 5 }, () => one!.run(batch).then((got) => got, String));
  const others = Array.from({ length: 3 }, () => two!.run(batch));
  await one!.dispose();
  const refused = "Error: products: the program was disposed and cannot run";
  assert.equal(await Promise.all(runs), [want, want, refused, refused, refused]);
  await Promise.all(others);
  await two!.dispose();
  assert.equal(activeThreads(), []);
});

test("a model that cannot be opened leaves no thread", async () => {
  const lanes = new Lanes(2);
  const nothing = { model: Uint8Array.of(1, 2, 3), files: [], settings: {} };
  assert.match(await failure(lanes.open(options(2), nothing)), /./);
  assert.equal(activeThreads(), []);
});

/** Asks what a thread does not survive; what was asked before is answered. */
function end(thread: Worker): void {
  thread.ref();
  thread.postMessage(null);
}
const ENDED = /Cannot read properties of null/;

/** The threads that are asked something while `body` runs, in order, each given to `met` before. */
async function threadsOf(body: () => Promise<unknown>, met = (_: Worker): void => {}): Promise<Worker[]> {
  const found = new Set<Worker>();
  const { postMessage } = Worker.prototype;
  Worker.prototype.postMessage = function (this: Worker, ...given: Parameters<typeof postMessage>) {
    const known = found.has(this);
    found.add(this);
    if (!known) met(this);
    postMessage.apply(this, given);
  };
  try {
    await body();
  } finally {
    Worker.prototype.postMessage = postMessage;
  }
  return [...found];
}

test("a lane whose thread is lost fails its run and gets no other, and programs go on in those that are left", async () => {
  const engine = await createOnnxEngine({ threads: 2 });
  let [one, two]: Program[] = [];
  const [thread] = await threadsOf(async () => {
    [one, two] = await Promise.all([3, 2].map((count) => engine.compile(products(count), options(2))));
  });
  const batch = inputs(4, 3);
  const [want, other] = [await one!.run(batch), await two!.run(batch)];
  end(thread!);
  const got = await Promise.all(Array.from({ length: 4 }, () => one!.run(batch).then((got) => got, String)));
  const failed = got.filter((result) => typeof result === "string");
  assert.is(failed.length, 1);
  assert.match(failed[0]!, ENDED);
  for (const result of got) if (result !== failed[0]) assert.equal(result, want);
  assert.equal(await Promise.all([one!.run(batch), two!.run(batch)]), [want, other]);
  const further = await engine.compile(products(2), options(2));
  assert.equal(await further.run(batch), other);
  await Promise.all([one!.dispose(), two!.dispose(), further.dispose()]);
  assert.equal(activeThreads(), []);
});

/** A program in two lanes, their threads, and what it makes of a batch. */
async function inTwoLanes() {
  const engine = await createOnnxEngine({ threads: 2 });
  const made: Program[] = [];
  const threads = await threadsOf(async () => {
    made.push(await engine.compile(products(2), options(2)));
  });
  const program = made[0]!;
  const batch = inputs(4, 3);
  return { engine, program, threads, batch, want: await program.run(batch) };
}

test("a lane that is lost while it waits for work is noticed before it gets some", async () => {
  const { program, threads, batch, want } = await inTwoLanes();
  end(threads[1]!);
  await once(threads[1]!, "exit").catch(() => {});
  assert.equal(await Promise.all([program.run(batch), program.run(batch)]), [want, want]);
  await program.dispose();
  assert.equal(activeThreads(), []);
});

test("where every lane is lost runs are refused, also those that wait, and the next program gets new lanes", async () => {
  const { engine, program, threads, batch, want } = await inTwoLanes();
  threads.forEach(end);
  for (const words of await Promise.all(Array.from({ length: 5 }, () => failure(program.run(batch)))))
    assert.match(words, ENDED);
  const next = await engine.compile(products(2), options(2));
  assert.match(await failure(program.run(batch)), ENDED, "it was not opened in the new ones");
  assert.equal(await next.run(batch), want);
  await program.dispose();
  assert.equal(await next.run(batch), want);
  await next.dispose();
  assert.equal(activeThreads(), []);
});

test("a program whose lanes are lost before it is opened says so, and the next one gets new lanes", async () => {
  const engine = await createOnnxEngine({ threads: 2 });
  const words = failure(threadsOf(() => engine.compile(products(2), options(2)), end));
  assert.match(await words, ENDED);
  const next = await engine.compile(products(2), options(2));
  await next.run(inputs(4, 3));
  await next.dispose();
  assert.equal(activeThreads(), []);
});

test("lanes that wait keep no program alive", () => {
  const engine = new URL("../../lib/engine/onnxruntime.js", import.meta.url);
  const code = `
    const { createOnnxEngine } = await import(${JSON.stringify(engine.href)});
    const x = { dtype: "float32", shape: [2] };
    const program = await (await createOnnxEngine()).compile(({ x }) => ({ y: x }), { name: "same", lanes: 2, inputs: { x } });
    const { y } = await program.run({ x: { ...x, data: Float32Array.of(1, 2) } });
    console.log([...y.data].join());`;
  const { status, stdout, stderr } = spawnSync(process.execPath, ["--input-type=module", "-e", code], {
    encoding: "utf8",
    timeout: 60_000,
  });
  assert.equal([status, stdout, stderr], [0, "1,2\n", ""]);
});

test("WebGPU has no lanes", async () => {
  assert.is((await createOnnxEngine({ device: "webgpu" })).laneThreads, undefined);
  assert.is((await createOnnxEngine({ threads: 6 })).laneThreads, 6);
});

test.run();
