/**
 * Decoding on a device that keeps tensors within a call alone: a call draws up to 64 codes of every sequence, drawing
 * included. Keys and values are copied once a call, and in between lie in host memory, where they get room for the next.
 */
import * as tf from "@tensorflow/tfjs";
import type { HostTensor, NamedHostTensors, Repeated, RepeatedProgram, Repetition, Step } from "../engine/types.js";
import { weightFeeds, withWeights } from "../engine/weightFeeds.js";
import { sequenceLength } from "../models/vim.js";
import { MadeOnce } from "../promises.js";
import { uniformAt } from "../random.js";
import { mapNames, mapValues } from "../records.js";
import { growingStep, lastNames, places, prefillStep, type SamplingStep } from "./cachedSteps.js";
import { type Decoder, type DecoderOptions, type Drawing, rowsOf } from "./decoder.js";
import { cutsCodes, drawCodes, drawInputs, filterTensors, guidedBatch } from "./drawStep.js";
import { scaleAt } from "./guidance.js";
import { cacheNames, NEW, roomFor, takenAs } from "./kvCaches.js";
import { drawPosition } from "./stepwise.js";
import { float32, int32 } from "./tensors.js";

/** Weights are on the device once for every graph, and its memory is not known: those of a VIM-Large are fed at every call. */
export const LARGEST_IN_CALLS = 4e9; // bytes

/** Compiles the prefill, and when it is known whether filters cut codes, the step that a call repeats. */
export async function createRepeatedDecoder(options: DecoderOptions, repeated: Repeated): Promise<Decoder> {
  const { engine, model, prefixLength = 0 } = options;
  const { options: held, feeds } = weightFeeds(options.weights, options.largestBuiltIn ?? LARGEST_IN_CALLS);
  const { step, inputs } = prefillStep(model, rowsOf(options), prefixLength);
  const prefill = await engine.compile(step, withWeights(held, { name: "sample prefill", inputs }));
  const programs = new MadeOnce<RepeatedProgram>();
  const further = (cut: boolean) =>
    programs.of(String(cut), () => {
      const { step, inputs } = drawingStep(options, cut);
      return repeated.compile(step, withWeights(held, { name: "sample step", inputs }), repetition(options));
    });
  const begin = async (prompt: NamedHostTensors) => mapNames(await prefill.run({ ...feeds, ...prompt }), takenAs);
  const T = sequenceLength(model);
  return {
    async *decode(prompt, drawing) {
      const program = await further(cutsCodes(drawing.filters));
      const shared = { ...feeds, ...filterTensors(drawing.filters, model.vocabulary) };
      let carried = await begin(prompt);
      for (let position = prefixLength; position < T - 1; ) {
        const [filled, room] = [position + 1, roomFor(position + 2, T)];
        const turns = Array.from({ length: room - filled }, (_, i) =>
          turnInputs(options, drawing, { position: position + i, room }),
        );
        carried = widened(options, carried, room);
        const called = await program.run({ ...shared, ...carried }, turns);
        carried = called.carried;
        for (const { code } of called.results) yield code!.data as Int32Array;
        position += turns.length;
      }
      yield drawPosition(options, drawing, { logits: carried["logits"]!, position: T - 1 });
    },
    async close() {
      await prefill.dispose();
      for (const program of await programs.takeAll()) await program.dispose();
    },
  };
}

/**
 * Draws the codes of a position from its `logits` [rows, K], and computes those of the next.
 * @param cut whether filters cut codes
 */
export function drawingStep(
  options: Pick<DecoderOptions, "model" | "batchSize" | "guidance">,
  cut: boolean,
): SamplingStep {
  const { model, batchSize, guidance } = options;
  const rows = rowsOf(options);
  const { step, inputs } = growingStep(model, rows);
  const drawing: Step = ({ logits, scale, ...given }) => {
    const code = drawCodes(scale ? guidedBatch(logits!, scale) : logits!, given);
    const { logits: next, ...others } = step({ ...given, code: guidance ? tf.concat([code, code]) : code });
    return { ...others, code, [`${NEW}logits`]: next! };
  };
  const { code: _, ...others } = inputs;
  return {
    step: drawing,
    inputs: {
      ...others,
      ...drawInputs(batchSize, cut),
      logits: { dtype: "float32", shape: [rows, model.vocabulary] },
      ...(guidance ? { scale: { dtype: "float32", shape: [1] } as const } : {}),
    },
  };
}

function repetition({ model, guidance }: DecoderOptions): Repetition {
  const carried = ["logits", ...cacheNames(model), ...lastNames(model)];
  return {
    next: Object.fromEntries(carried.map((name) => [name, NEW + name])),
    each: ["uniform", "position", "mask", "place", ...(guidance ? ["scale"] : [])],
  };
}

type Turn = { readonly position: number; readonly room: number };

function turnInputs(
  { model, guidance }: DecoderOptions,
  { seeds }: Drawing,
  { position, room }: Turn,
): NamedHostTensors {
  return {
    uniform: float32(seeds.map((seed) => uniformAt(position, seed))),
    position: int32([1], Int32Array.of(position)),
    ...places(position + 1, room),
    ...(guidance ? { scale: float32([scaleAt(guidance, position, sequenceLength(model))]) } : {}),
  };
}

/** What is carried, with room for `room` positions in the caches: zeros behind those that are there. */
function widened({ model }: DecoderOptions, carried: NamedHostTensors, room: number): NamedHostTensors {
  const caches = new Set(cacheNames(model));
  return mapValues(carried, (tensor, name) => (caches.has(name) ? withRoom(tensor, room) : tensor));
}

function withRoom({ dtype, shape, data }: HostTensor, room: number): HostTensor {
  const [B, heads, filled, width] = shape as [number, number, number, number];
  const wider = new Float32Array(B * heads * room * width);
  for (let row = 0; row < B * heads; row++)
    wider.set(data.subarray(row * filled * width, (row + 1) * filled * width), row * room * width);
  return { dtype, shape: [B, heads, room, width], data: wider };
}
