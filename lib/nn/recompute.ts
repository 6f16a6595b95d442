import * as tf from "@tensorflow/tfjs";
import { recomputed } from "../engine/traceBackend.js";
import { customGradient } from "./customGradient.js";

/**
 * `f(params, x)`, of which only the inputs are kept for the gradient: going back, `f` is run again. Memory falls to one
 * `f` at a time, and time rises by its forward pass.
 * Source: Chen et al. 2016, arXiv:1604.06174, section 4.1.
 * @param f a function of its arguments alone, and of tensors made outside of the step's forward pass
 * @param params a tree of tensors
 */
export function recompute<Params>(
  f: (params: Params, x: tf.Tensor) => tf.Tensor,
  params: Params,
  x: tf.Tensor,
): tf.Tensor {
  const { leaves, rebuild } = flattenTensors(params);
  const run = ([x, ...rest]: readonly tf.Tensor[]) => f(rebuild(rest) as Params, x!);
  return customGradient(
    {
      forward: (...inputs) => ({ value: run(inputs), saved: inputs }),
      backward: (dy, kept) => recomputed(() => gradientsOf(run, kept, dy)),
    },
    x,
    ...leaves,
  );
}

/**
 * Gradients by the inputs, zeros where there is none. tfjs keeps one tape, which a gradient taken outside of any forward
 * pass clears when it ends; here another gradient is under way, and still needs its own.
 */
function gradientsOf(
  run: (inputs: readonly tf.Tensor[]) => tf.Tensor,
  inputs: readonly tf.Tensor[],
  dy: tf.Tensor,
): tf.Tensor[] {
  const { state } = tf.engine();
  const tape = state.activeTape;
  try {
    const { grads } = tf.engine().gradients(() => run(inputs), [...inputs], dy, true);
    return grads.map((gradient, i) => gradient ?? tf.zerosLike(inputs[i]!));
  } finally {
    state.activeTape = tape;
  }
}

type Flat = { readonly leaves: tf.Tensor[]; readonly rebuild: (leaves: readonly tf.Tensor[]) => unknown };

/** The tensors of a tree, and the tree again with others in their places. */
function flattenTensors(tree: unknown): Flat {
  if (tree instanceof tf.Tensor) return { leaves: [tree], rebuild: ([leaf]) => leaf };
  const entries = Object.entries(tree as object).map(([name, child]) => [name, flattenTensors(child)] as const);
  return {
    leaves: entries.flatMap(([, { leaves }]) => leaves),
    rebuild: (all) => {
      let at = 0;
      const children = entries.map(([name, { leaves, rebuild }]) => {
        const child = rebuild(all.slice(at, at + leaves.length));
        at += leaves.length;
        return [name, child] as const;
      });
      return Array.isArray(tree) ? children.map(([, child]) => child) : Object.fromEntries(children);
    },
  };
}
