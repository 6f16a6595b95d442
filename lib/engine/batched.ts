/** Programs that take any number of items, although a graph computes a batch of one size. */
import { sizeOf } from "../shapes.js";
import { evenBatch } from "./evenBatch.js";
import { thisMachine } from "./machine.js";
import { stepCost } from "./stepCost.js";
import type { DType, Engine, HostTensor, NamedHostTensors, Step, StepOptions } from "./types.js";

/** Numbers of any count of items, one behind the other. */
type Numbers = Float32Array | Int32Array;

/** A step, and how it is compiled, for batches of the given size. */
export type BatchPlan = (batchSize: number) => { readonly step: Step; readonly options: StepOptions };

export type BatchedOptions = {
  readonly engine: Engine;
  /** Its `items` have the shapes [batchSize, ...], and so have its results. */
  readonly plan: BatchPlan;
  /** Names of the inputs that items are. */
  readonly items: readonly string[];
  /** Most items in one run of the graph; on a processor fewer may be faster. */
  readonly most: number;
  /** What every run is fed with besides. */
  readonly feeds?: NamedHostTensors;
};

type BatchedProgram = {
  readonly name: string;
  /**
   * Results [N, ...] of items [N, ...], by name; of none, nothing. The last batch is padded with zeros.
   * @throws RangeError when the numbers are not those of whole items, or of more items under one name than under another
   */
  run(given: Readonly<Record<string, Numbers>>): Promise<Record<string, Numbers>>;
  close(): Promise<void>;
};

/** Compiles a step for batches as few and as equal as `most` and what is fastest allow. */
export async function compileBatched({
  engine,
  plan,
  items,
  most,
  feeds = {},
}: BatchedOptions): Promise<BatchedProgram> {
  const batchSize = fastestBatch(engine, most, plan);
  const { step, options } = plan(batchSize);
  const { inputs } = options; // what runs is not to hold the constants
  const specs = items.map((item) => itemOf(item, inputs));
  const program = await engine.compile(step, options);
  const { name } = program;
  return {
    name,
    async run(given) {
      const count = countItems(name, specs, given);
      const joined: Record<string, Numbers> = {};
      for (let at = 0; at < count; at += batchSize) {
        const batch = specs.map((item) => [item.name, batchFrom(given[item.name]!, item, { at, batchSize })] as const);
        const results = await program.run({ ...feeds, ...Object.fromEntries(batch) });
        for (const [result, { dtype, data }] of Object.entries(results)) {
          const width = data.length / batchSize;
          joined[result] ??= numbers(dtype, count * width);
          joined[result].set(data.subarray(0, (count - at) * width), at * width);
        }
      }
      return joined;
    },
    close: () => program.dispose(),
  };
}

/**
 * Bytes a thread between the operations of a graph, beyond which larger batches are slower: about what a processor's last cache
 * holds. Measured with two threads; more have larger caches as a rule, and more to share out.
 */
const CACHED = 12e6;

/**
 * Items that a graph computes at once where no more than `most` are wanted: ONNX Runtime on a processor only as many as keep what
 * lies between operations in its cache, which takes less memory as well (bench/README.md); elsewhere all.
 */
export function fastestBatch(
  { name, device, laneThreads = thisMachine().cores }: Pick<Engine, "name" | "device" | "laneThreads">,
  most: number,
  plan: BatchPlan,
): number {
  if (name !== "onnxruntime" || device !== "cpu" || most <= 1) return Math.max(1, most);
  const { step, options } = plan(1);
  return evenBatch(most, Math.floor((CACHED * laneThreads) / stepCost(step, options).peakBytes));
}

/** What a step takes of each item: [...shape]. */
type Item = { readonly name: string; readonly dtype: DType; readonly shape: readonly number[] };

function itemOf(name: string, inputs: StepOptions["inputs"]): Item {
  const { dtype, shape } = inputs[name]!;
  return { name, dtype, shape: shape.slice(1).map(Number) };
}

function countItems(program: string, items: readonly Item[], given: Readonly<Record<string, Numbers>>): number {
  const counts = items.map(({ name, shape }) => {
    const [each, length] = [sizeOf(shape), given[name]!.length];
    if (length % each !== 0)
      throw new RangeError(`${program}: want ${name} of ${each} numbers each, got ${length} numbers`);
    return length / each;
  });
  const [count = 0] = counts;
  if (counts.every((other) => other === count)) return count;
  throw new RangeError(
    `${program}: want as many ${items.map(({ name }) => name).join(" as ")}, got ${counts.join(" and ")}`,
  );
}

type Place = { readonly at: number; readonly batchSize: number };

/** The items from `at` on, as they are where there are enough, else with zeros behind. */
function batchFrom(all: Numbers, { dtype, shape }: Item, { at, batchSize }: Place): HostTensor {
  const each = sizeOf(shape);
  const some = all.subarray(at * each, (at + batchSize) * each);
  const whole = { dtype, shape: [batchSize, ...shape] };
  if (some.length === batchSize * each) return { ...whole, data: some };
  const data = numbers(dtype, batchSize * each);
  data.set(some);
  return { ...whole, data };
}

const numbers = (dtype: DType, length: number): Numbers =>
  dtype === "int32" ? new Int32Array(length) : new Float32Array(length);
