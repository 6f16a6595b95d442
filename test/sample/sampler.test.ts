import { suite } from "uvu";
import * as assert from "uvu/assert";
import { createEagerEngine } from "../../lib/engine/eager.js";
import { createOnnxEngine } from "../../lib/engine/onnxruntime.js";
import type { Engine, NamedHostTensors } from "../../lib/engine/types.js";
import { UsageError } from "../../lib/errors.js";
import { noClass, sequenceLength, type VimConfig, vimForward, vimSpec } from "../../lib/models/vim.js";
import { flattenSpecs, initialise, paramTree } from "../../lib/nn/params.js";
import { type Filter, PLAIN_SAMPLING } from "../../lib/sample/draw.js";
import { type Guidance, guidedLogits, scaleAt } from "../../lib/sample/guidance.js";
import { createSampler, type SampleRequest, type Sampler, type SamplerOptions } from "../../lib/sample/sampler.js";
import { goldenGpt } from "../models/support/goldenGpt.js";
import { expectRejection } from "../support.js";

const test = suite("sample/sampler");

const MODEL: VimConfig = {
  dim: 8,
  heads: 2,
  mlpDim: 16,
  depth: 2,
  grid: [3, 4],
  vocabulary: 20,
  classes: 3,
  positions: "rowcol",
};
const T = sequenceLength(MODEL);
const BATCH = 3;
const engine = await createOnnxEngine({ threads: 1 });

/** Weights larger than initial ones, so that logits and codes depend on what came before. */
function weightsOf(model: VimConfig): NamedHostTensors {
  const named = initialise(flattenSpecs(vimSpec(model)), 6);
  const scaled = Object.entries(named).map(
    ([name, t]) => [name, /gain$/.test(name) ? t : { ...t, data: t.data.map((v) => 12 * v) }] as const,
  );
  return Object.fromEntries(scaled);
}

async function withSampler<R>(options: Partial<SamplerOptions>, body: (sampler: Sampler) => Promise<R>): Promise<R> {
  const model = options.model ?? MODEL;
  const sampler = await createSampler({ engine, model, weights: weightsOf(model), batchSize: BATCH, ...options });
  try {
    return await body(sampler);
  } finally {
    await sampler.close();
  }
}

function request(change: Partial<SampleRequest> = {}): SampleRequest {
  const classIds = Int32Array.of(0, 1, noClass(MODEL));
  return { classIds, seeds: [11, 12, 13], filters: all(PLAIN_SAMPLING), ...change };
}

const all = (filter: Filter): Filter[] => new Array<Filter>(BATCH).fill(filter);
const GREEDY: Filter = { ...PLAIN_SAMPLING, temperature: 0 };

/** Logits [B, T, K] of a pass without cache. */
async function teacherForced(classIds: Int32Array, codes: Int32Array, model = MODEL): Promise<Float32Array> {
  const program = await engine.compile(
    (inputs) => {
      const [ids, given] = [inputs["in/classes"]!, inputs["in/codes"]!];
      return { logits: vimForward(paramTree(vimSpec(model), inputs), model, { classIds: ids, codes: given }).logits };
    },
    {
      name: "forward",
      inputs: { "in/classes": { dtype: "int32", shape: [BATCH] }, "in/codes": { dtype: "int32", shape: [BATCH, T] } },
      constants: weightsOf(model),
    },
  );
  const { logits } = await program.run({
    "in/classes": { dtype: "int32", shape: [BATCH], data: classIds },
    "in/codes": { dtype: "int32", shape: [BATCH, T], data: codes },
  });
  await program.dispose();
  return logits!.data as Float32Array;
}

const rowOf = (codes: Int32Array, b: number) => [...codes.subarray(b * T, (b + 1) * T)];

test("the same seeds draw the same codes, other seeds others", () =>
  withSampler({}, async (sampler) => {
    const first = await sampler.sample(request());
    assert.equal(await sampler.sample(request()), first);
    const other = await sampler.sample(request({ seeds: [21, 22, 23] }));
    for (let b = 0; b < BATCH; b++) assert.not.equal(rowOf(other, b), rowOf(first, b));
    assert.ok(first.every((code) => code >= 0 && code < MODEL.vocabulary));
    assert.ok(new Set(first).size > 5, "the codes vary");
  }));

test("an engine that runs steps as JavaScript draws the same codes", async () => {
  const want = await withSampler({}, (sampler) => sampler.sample(request()));
  const eager = await createEagerEngine("cpu");
  assert.equal(await withSampler({ engine: eager }, (sampler) => sampler.sample(request())), want);
});

test("a sequence does not depend on its neighbours in the batch nor on its place in it", () =>
  withSampler({}, async (sampler) => {
    const alone = rowOf(await sampler.sample(request()), 1);
    const among = request({ classIds: Int32Array.of(2, 1, 0), seeds: [91, 12, 93] });
    assert.equal(rowOf(await sampler.sample(among), 1), alone);
    const last = request({ classIds: Int32Array.of(2, 0, 1), seeds: [91, 93, 12] });
    assert.equal(rowOf(await sampler.sample(last), 2), alone);
  }));

test("the class changes the sequence of a seed", () =>
  withSampler({}, async (sampler) => {
    const codes = await sampler.sample(request({ seeds: [5, 5, 5] }));
    assert.not.equal(rowOf(codes, 0), rowOf(codes, 1));
    assert.not.equal(rowOf(codes, 1), rowOf(codes, 2));
  }));

test("weights in the graph and weights as inputs draw the same codes", async () => {
  const [packed, fed] = await Promise.all(
    [Number.POSITIVE_INFINITY, 0].map((largestBuiltIn) =>
      withSampler({ largestBuiltIn }, (sampler) => sampler.sample(request())),
    ),
  );
  assert.equal(packed, fed);
});

test("weights are in memory once, and twice where codes are given; given up, they are there no more, and draw the same", async () => {
  const compiled: string[] = [];
  const watched: Engine = {
    ...engine,
    compile: (step, options) => {
      if (options.constants) compiled.push(options.name);
      return engine.compile(step, options);
    },
  };
  const prefix = Int32Array.from({ length: 2 * BATCH }, (_, i) => i);
  const ways: [Partial<SamplerOptions>, string[]][] = [
    [{}, ["sample step"]],
    [{ prefixLength: 2 }, ["sample prefill", "sample step"]],
    [{ largestBuiltIn: 0 }, []],
  ];
  for (const [options, want] of ways) {
    const asked = request(options.prefixLength ? { prefix } : {});
    const kept = await withSampler(options, (sampler) => sampler.sample(asked));
    const weights = weightsOf(MODEL);
    compiled.length = 0;
    const given = { ...options, engine: watched, weights, givesUpWeights: true };
    assert.equal(await withSampler(given, (sampler) => sampler.sample(asked)), kept);
    assert.equal(compiled, want);
    const empty = Object.values(weights).every(({ data }) => data.length === 0);
    assert.is(empty, want.length > 0, "what is fed stays");
  }
});

/** All options of the architecture away from their defaults, heads together wider than the tokens. */
const OTHER: VimConfig = {
  ...MODEL,
  ...({ positions: "learned", startPosition: true, headBias: false } as const),
  ...({ headDim: 6, qkvBias: false, activation: "squaredRelu", tokenShift: true } as const),
};

for (const [name, model] of Object.entries({ "the default model": MODEL, "every option of the architecture": OTHER }))
  test(`at temperature 0 each code is the likeliest by a pass without cache, with ${name}`, () => expectGreedy(model));

async function expectGreedy(model: VimConfig): Promise<void> {
  const greedy = request({ filters: all(GREEDY) });
  const codes = await withSampler({ model }, (sampler) => sampler.sample(greedy));
  const logits = await teacherForced(greedy.classIds, codes, model);
  const K = model.vocabulary;
  const likeliest = Array.from({ length: BATCH * T }, (_, row) => {
    const values = logits.subarray(row * K, (row + 1) * K);
    return values.indexOf(Math.max(...values));
  });
  assert.equal([...codes], likeliest);
}

test("progress is told after every position", () =>
  withSampler({}, async (sampler) => {
    const told: number[] = [];
    await sampler.sample(request({ onPosition: (drawn) => told.push(drawn) }));
    assert.equal(
      told,
      Array.from({ length: T }, (_, t) => t + 1),
    );
  }));

test("a token shift gets the token before from one position to the next: greedy codes are the port's", async () => {
  const { model, tensors, classIds, all: golden } = await goldenGpt();
  const options = { model, weights: tensors, batchSize: classIds.length };
  const greedy = request({ classIds, filters: all(GREEDY) });
  for (const largestBuiltIn of [Number.POSITIVE_INFINITY, 0])
    await withSampler({ ...options, largestBuiltIn }, async (sampler) => {
      const want = [...golden["full.greedy_codes"]!.data];
      assert.equal([...(await sampler.sample(greedy))], want);
      assert.equal([...(await sampler.sample(greedy))], want, "nothing is left of the sequences before");
    });
});

test("a sequence of one code needs no cache", async () => {
  const model: VimConfig = { ...MODEL, grid: [1, 1] };
  for (const each of [model, { ...model, tokenShift: true }])
    await withSampler({ model: each }, async (sampler) => {
      const codes = await sampler.sample(request());
      assert.is(codes.length, BATCH);
    });
});

test("every sequence has a filter of its own", () =>
  withSampler({}, async (sampler) => {
    const [plain, greedy] = [await sampler.sample(request()), await sampler.sample(request({ filters: all(GREEDY) }))];
    const mixed = await sampler.sample(request({ filters: [PLAIN_SAMPLING, GREEDY, PLAIN_SAMPLING] }));
    assert.equal(
      [0, 1, 2].map((b) => rowOf(mixed, b)),
      [rowOf(plain, 0), rowOf(greedy, 1), rowOf(plain, 2)],
    );
    assert.not.equal(rowOf(greedy, 1), rowOf(plain, 1));
  }));

test("guidance of scale 1 draws what there is without guidance, of scale 0 what there is without a class", async () => {
  const guided = (scale: number) =>
    withSampler({ guidance: { scale, schedule: "constant" } }, (sampler) => sampler.sample(request()));
  assert.equal(await guided(1), await withSampler({}, (sampler) => sampler.sample(request())));
  const classless = request({ classIds: new Int32Array(BATCH).fill(noClass(MODEL)) });
  assert.equal(await guided(0), await withSampler({}, (sampler) => sampler.sample(classless)));
});

test("at temperature 0 each code is the likeliest of guided logits, by passes without cache", async () => {
  const greedy = request({ filters: all(GREEDY) });
  const K = MODEL.vocabulary;
  const drawn = new Set<string>();
  for (const schedule of ["constant", "linear", "cosine"] as const) {
    const guidance: Guidance = { scale: 4, schedule };
    const codes = await withSampler({ guidance }, (sampler) => sampler.sample(greedy));
    const conditional = await teacherForced(greedy.classIds, codes);
    const unconditional = await teacherForced(new Int32Array(BATCH).fill(noClass(MODEL)), codes);
    const likeliest = Array.from({ length: BATCH * T }, (_, row) => {
      const of = (logits: Float32Array) => logits.subarray(row * K, (row + 1) * K);
      const scale = scaleAt(guidance, row % T, T);
      const values = guidedLogits(of(conditional), { unconditional: of(unconditional), scale });
      return values.indexOf(Math.max(...values));
    });
    assert.equal([...codes], likeliest, schedule);
    drawn.add(codes.join());
  }
  assert.is(drawn.size, 3, "the schedule matters");
});

test("given the first codes that it drew itself, a sampler goes on as it did", async () => {
  const cases: Partial<SamplerOptions>[] = [
    { prefixLength: 1 },
    { prefixLength: T - 1, largestBuiltIn: 0 },
    { prefixLength: 4, model: { ...MODEL, tokenShift: true } },
    { prefixLength: 4, guidance: { scale: 3, schedule: "linear" } },
  ];
  for (const { prefixLength = 0, ...options } of cases) {
    const whole = await withSampler(options, (sampler) => sampler.sample(request()));
    const given = (b: number) => rowOf(whole, b).slice(0, prefixLength);
    const prefix = Int32Array.from([...given(0), ...given(1), ...given(2)]);
    const told: number[] = [];
    await withSampler({ ...options, prefixLength }, async (sampler) => {
      const onPosition = (drawn: number) => told.push(drawn);
      assert.equal(await sampler.sample(request({ prefix, onPosition })), whole, JSON.stringify(options));
      if (prefixLength > 4) return;
      const changed = await sampler.sample(request({ prefix: prefix.map((code) => (code + 1) % MODEL.vocabulary) }));
      assert.not.equal(rowOf(changed, 0).slice(prefixLength), rowOf(whole, 0).slice(prefixLength));
    });
    assert.equal([told.length, told.at(-1)], [T - prefixLength, T - prefixLength]);
  }
});

test("prefixes of another size, and guidance of a model that knows no missing class, are refused", async () => {
  await withSampler({ prefixLength: 2 }, async (sampler) => {
    await expectRejection(sampler.sample(request()), RangeError, /want prefixes \[3, 2\], got 0 codes/);
  });
  await withSampler({}, async (sampler) => {
    const prefix = new Int32Array(BATCH);
    await expectRejection(sampler.sample(request({ prefix })), RangeError, /want prefixes \[3, 0\], got 3 codes/);
  });
  await expectRejection(
    withSampler({ prefixLength: T }, async () => {}),
    RangeError,
    /want a prefix of 0 to 11 codes/,
  );
  const [model, guidance] = [{ ...MODEL, classless: false }, { scale: 2, schedule: "constant" } as const];
  await expectRejection(
    withSampler({ model, guidance }, async () => {}),
    RangeError,
    /no start token/,
  );
});

test("a filter out of range and a request of another size are refused", () =>
  withSampler({}, async (sampler) => {
    const filter = { ...PLAIN_SAMPLING, topP: 0 };
    const filters = [PLAIN_SAMPLING, filter, PLAIN_SAMPLING];
    await expectRejection(sampler.sample(request({ filters })), UsageError, /^top-p: want/);
    await expectRejection(sampler.sample(request({ seeds: [1, 2] })), RangeError, /want 3 classes, seeds and filters/);
  }));

test.run();
