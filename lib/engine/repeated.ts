/**
 * Steps that one call runs several times: a `Loop` of ONNX, which keeps what it carries where it computes.
 *
 * onnxruntime-node lets no tensor stay on a CUDA device between two calls, so that all state would be copied there and back
 * at every step. It is copied once for many steps then.
 */

import { mapValues, pickNames } from "../records.js";
import { checkInputs } from "./checkInputs.js";
import { LEAST_BESIDE, type OnnxGraph, type OnnxNode, type OnnxValue } from "./onnx.js";
import { inReadingOrder } from "./readingOrder.js";
import type {
  HostTensor,
  NamedHostTensors,
  RepeatedProgram,
  Repetition,
  ResidentProgram,
  StepOptions,
  TensorSpec,
} from "./types.js";

/** What the inputs and results of a call begin with; those of the step inside it have their own names. */
const [BEFORE, EACH, AFTER, ALL] = ["before ", "each ", "after ", "all "] as const;

/**
 * The graph of a call: `step` as often as its inputs `each *` have entries. The other inputs are `before *`, what is
 * carried, and what all runs share under its own name; results are `after *`, what is carried, and `all *`, [runs, ...].
 * @throws RangeError when nothing differs from run to run, or a carried input has no result to follow it
 */
export function repeatedGraph(step: OnnxGraph, repetition: Repetition): OnnxGraph {
  const { carried, each, shared } = sortInputs(step.name, step.inputs, repetition);
  const following = carried.map(({ name }) => resultNamed(step, repetition.next[name]!));
  const others = step.outputs.filter((value) => !following.includes(value));
  const small = step.initializers.filter(({ bytes }) => bytes.byteLength < LEAST_BESIDE);
  const body: OnnxGraph = {
    name: step.name,
    nodes: [
      ...each.map(({ name }) => node("Gather", [EACH + name, "%run"], [name])),
      ...inReadingOrder(step.nodes),
      node("Identity", ["%more"], ["%again"]),
    ],
    inputs: [{ name: "%run", type: "int64", shape: [] }, { name: "%more", type: "bool", shape: [] }, ...carried],
    outputs: [{ name: "%again", type: "bool", shape: [] }, ...following, ...others],
    initializers: small,
  };
  const before = prefixed(BEFORE, carried);
  const outputs = [...prefixed(AFTER, carried), ...prefixed(ALL, others).map(stacked)];
  return {
    name: step.name,
    nodes: [
      node("Loop", ["%runs", "", ...namesOf(before)], namesOf(outputs), { body }),
      node("Shape", [EACH + each[0]!.name], ["%runs"], { start: 0n, end: 1n }),
    ],
    inputs: [...before, ...prefixed(EACH, each).map(stacked), ...shared],
    outputs,
    initializers: step.initializers.filter((tensor) => !small.includes(tensor)),
  };
}

/** What a call of `repeatedGraph` is given. */
export function repeatedInputs(
  step: string,
  inputs: Readonly<Record<string, TensorSpec>>,
  repetition: Repetition,
): Record<string, TensorSpec> {
  const values = Object.entries(inputs).map(([name, spec]) => ({ name, ...spec }));
  const { carried, each, shared } = sortInputs(step, values, repetition);
  const given = [...prefixed(BEFORE, carried), ...prefixed(EACH, each).map(stacked), ...shared];
  return Object.fromEntries(given.map(({ name, ...spec }) => [name, spec]));
}

/**
 * A program of `repeatedGraph`, in the terms of its step.
 * @param specs inputs of the step
 */
export function repeatedProgram(
  program: ResidentProgram,
  specs: StepOptions["inputs"],
  { next, each: differing }: Repetition,
): RepeatedProgram {
  const { name } = program;
  const ofRun = pickNames(specs, (input) => differing.includes(input));
  return {
    name,
    async run(inputs, each) {
      checkRuns({ name, inputs: ofRun }, each);
      const given: NamedHostTensors = {};
      for (const [name, tensor] of Object.entries(inputs))
        given[Object.hasOwn(next, name) ? BEFORE + name : name] = tensor;
      for (const name of Object.keys(each[0] ?? {})) given[EACH + name] = stack(each.map((one) => one[name]!));
      const { host } = await program.run(given);
      const carried: NamedHostTensors = {};
      const results: NamedHostTensors[] = each.map(() => ({}));
      for (const [name, tensor] of Object.entries(host)) {
        if (name.startsWith(AFTER)) carried[name.slice(AFTER.length)] = tensor;
        else for (const [i, result] of results.entries()) result[name.slice(ALL.length)] = entry(tensor, i);
      }
      return { carried, results };
    },
    dispose: () => program.dispose(),
  };
}

/**
 * Checks what is given to every run: a string dimension must have one size in all of them, as the runs of a call are stacked.
 * @throws RangeError naming the step, the run (from 1 on), the input, what was wanted and what came
 */
function checkRuns({ name, inputs }: Pick<StepOptions, "name" | "inputs">, each: readonly NamedHostTensors[]): void {
  const [first] = each;
  if (!first) throw new RangeError(`${name}: want the inputs of one run or more, got those of none`);
  checkInputs({ name: `${name}, run 1`, inputs }, first);
  const asFirst = mapValues(first, ({ dtype, shape }) => ({ dtype, shape }));
  for (const [i, run] of each.entries()) checkInputs({ name: `${name}, run ${i + 1}`, inputs: asFirst }, run);
}

function sortInputs<T extends { readonly name: string }>(
  step: string,
  inputs: readonly T[],
  { next, each }: Repetition,
) {
  const isCarried = ({ name }: T) => Object.hasOwn(next, name);
  const differs = ({ name }: T) => each.includes(name);
  const differing = inputs.filter(differs);
  if (differing.length === 0) throw new RangeError(`${step}: nothing differs from run to run`);
  const shared = inputs.filter((input) => !isCarried(input) && !differs(input));
  return { carried: inputs.filter(isCarried), each: differing, shared };
}

function resultNamed({ name: step, outputs }: OnnxGraph, name: string): OnnxValue {
  const found = outputs.find((value) => value.name === name);
  if (!found) throw new RangeError(`${step}: there is no result ${name} to carry on`);
  return found;
}

function node(
  op: string,
  inputs: readonly string[],
  outputs: readonly string[],
  attributes: OnnxNode["attributes"] = {},
): OnnxNode {
  return { op, domain: "", inputs, outputs, attributes };
}

type Named = { readonly name: string };
type Shaped = { readonly shape: TensorSpec["shape"] };

const namesOf = (values: readonly Named[]) => values.map(({ name }) => name);

function prefixed<T extends Named>(prefix: string, values: readonly T[]): T[] {
  return values.map((value) => ({ ...value, name: prefix + value.name }));
}

/** One more dimension before the others: the runs. */
const stacked = <T extends Shaped>(value: T): T => ({ ...value, shape: ["runs", ...value.shape] });

/** Tensors of one shape and type as one, [N, ...]. */
function stack(tensors: readonly HostTensor[]): HostTensor {
  const { dtype, shape, data } = tensors[0]!;
  const count = tensors.length * data.length;
  const all = dtype === "int32" ? new Int32Array(count) : new Float32Array(count);
  for (const [i, one] of tensors.entries()) all.set(one.data, i * data.length);
  return { dtype, shape: [tensors.length, ...shape], data: all };
}

/** Entry `i` of what `stack` makes: the same memory. */
function entry({ dtype, shape: [count = 1, ...shape], data }: HostTensor, i: number): HostTensor {
  const size = data.length / count;
  return { dtype, shape, data: data.subarray(i * size, (i + 1) * size) };
}
