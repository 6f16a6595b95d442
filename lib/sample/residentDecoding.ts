/**
 * Decoding on a device with memory of its own: weights, keys and values stay there; logits alone come back.
 *
 * Caches are [B, heads, C, d], as in `kvCaches.ts`. A step returns them with the new position put in, on the device; when
 * all C positions are filled, a small program adds room.
 */
import * as tf from "@tensorflow/tfjs";
import { freeTensors } from "../engine/freeTensors.js";
import { disposeAll } from "../engine/resident.js";
import type {
  HostTensor,
  NamedDeviceTensors,
  NamedHostTensors,
  Resident,
  ResidentProgram,
  Step,
} from "../engine/types.js";
import { sequenceLength, type VimConfig } from "../models/vim.js";
import { headWidth } from "../nn/attention.js";
import { MadeOnce } from "../promises.js";
import { mapNames, mapValues, pickNames } from "../records.js";
import { growingStep, lastNames, places, prefillStep, type SamplingStep } from "./cachedSteps.js";
import { type DecoderOptions, rowsOf } from "./decoder.js";
import { NEW, roomFor, takenAs } from "./kvCaches.js";
import type { Steps, Stepwise } from "./stepwise.js";

/** Places the weights, once for both steps, and compiles these. */
export async function createResidentSteps(options: DecoderOptions, resident: Resident): Promise<Stepwise> {
  const { model, prefixLength = 0 } = options;
  const rows = rowsOf(options);
  const weights = await resident.place(options.weights);
  const specs = mapValues(weights, ({ dtype, shape }) => ({ dtype, shape }));
  const compile = (name: string, { step, inputs }: SamplingStep) =>
    resident.compile(step, { name, inputs: { ...specs, ...inputs } }, (result) => result.startsWith(NEW));
  const prefill = await compile("sample prefill", prefillStep(model, rows, prefixLength));
  const step = await compile("sample step", growingStep(model, rows));
  const widen = widening(options, resident);
  if (options.givesUpWeights) freeTensors(options.weights);
  return {
    begin: () => start({ model, weights, prefill, step, widen }),
    async close() {
      disposeAll(weights);
      for (const program of [prefill, step, widen]) await program.dispose();
    },
  };
}

type Parts = {
  readonly model: VimConfig;
  readonly weights: NamedDeviceTensors;
  readonly prefill: ResidentProgram;
  readonly step: ResidentProgram;
  readonly widen: Widening;
};

function start({ model, weights, prefill, step, widen }: Parts): Steps {
  const T = sequenceLength(model);
  let held: NamedDeviceTensors = {};
  let [filled, room] = [0, 0];
  const take = async (program: ResidentProgram, inputs: NamedHostTensors): Promise<HostTensor> => {
    const { host, device } = await program.run({ ...weights, ...held, ...inputs });
    disposeAll(held);
    held = mapNames(device, takenAs);
    return host["logits"]!;
  };
  return {
    async first(prompt) {
      const logits = await take(prefill, prompt);
      filled = held["k0"]!.shape[2]!;
      room = filled;
      return logits;
    },
    async next(newest) {
      if (filled >= room) {
        const wider = roomFor(filled + 1, T);
        held = { ...held, ...(await widen.run(held, { from: room, to: wider })) };
        room = wider;
      }
      const logits = await take(step, { ...newest, ...places(filled, room) });
      filled++;
      return logits;
    },
    end() {
      disposeAll(held);
      held = {};
    },
  };
}

type Widening = {
  /** Takes caches of `from` positions over, and gives those of `to`, zeros behind. */
  run(held: NamedDeviceTensors, size: { readonly from: number; readonly to: number }): Promise<NamedDeviceTensors>;
  dispose(): Promise<void>;
};

function widening(options: DecoderOptions, resident: Resident): Widening {
  const { model } = options;
  const programs = new MadeOnce<ResidentProgram>();
  const isCache = (name: string) => !lastNames(model).includes(name);
  return {
    async run(held, { from, to }) {
      const caches = pickNames(held, isCache);
      const inputs = mapValues(caches, () => {
        return { dtype: "float32", shape: [rowsOf(options), model.heads, from, headWidth(model)] } as const;
      });
      const step: Step = (given) =>
        mapNames(
          mapValues(given, (cache) => padded(cache, to - from)),
          (name) => NEW + name,
        );
      const program = await programs.of(`${from} ${to}`, () =>
        resident.compile(step, { name: "sample room", inputs }, () => true),
      );
      const { device } = await program.run(caches);
      disposeAll(caches);
      return mapNames(device, takenAs);
    },
    async dispose() {
      for (const program of await programs.takeAll()) await program.dispose();
    },
  };
}

function padded(cache: tf.Tensor, more: number): tf.Tensor {
  return tf.pad(cache, [
    [0, 0],
    [0, 0],
    [0, more],
    [0, 0],
  ]);
}
