/**
 * Decoding on a device with memory of its own: weights, keys and values stay there; logits alone come back.
 *
 * Caches are [B, heads, C, d], as in `kvCaches.ts`. A step returns them with the new position put in, on the device; when
 * all C positions are filled, a small program adds room.
 */
import * as tf from "@tensorflow/tfjs";
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
import { mapNames, mapValues, pickNames } from "../records.js";
import { cachedStep, lastNames, prefillStep, type SamplingStep } from "./cachedSteps.js";
import type { Decoder, DecoderOptions, Decoding } from "./decoding.js";
import { cacheNames, GROWTH } from "./kvCaches.js";

const NEW = "new/";

/** Places the weights, once for both steps, and compiles these. */
export async function createResidentDecoder(options: DecoderOptions, resident: Resident): Promise<Decoder> {
  const { model, rows, prefixLength } = options;
  const weights = await resident.place(options.weights);
  const specs = mapValues(weights, ({ dtype, shape }) => ({ dtype, shape }));
  const compile = (name: string, { step, inputs }: SamplingStep) =>
    resident.compile(step, { name, inputs: { ...specs, ...inputs } }, (result) => result.startsWith(NEW));
  const prefill = await compile("sample prefill", prefillStep(model, rows, prefixLength));
  const step = await compile("sample step", growingStep(model, rows));
  const widen = widening(options, resident);
  return {
    begin: () => decode({ model, weights, prefill, step, widen }),
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

function decode({ model, weights, prefill, step, widen }: Parts): Decoding {
  const T = sequenceLength(model);
  let held: NamedDeviceTensors = {};
  let [filled, room] = [0, 0];
  const take = async (program: ResidentProgram, inputs: NamedHostTensors): Promise<HostTensor> => {
    const { host, device } = await program.run({ ...weights, ...held, ...inputs });
    disposeAll(held);
    held = mapNames(device, (name) => name.slice(NEW.length));
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
        const wider = Math.min(Math.ceil((filled + 1) / GROWTH) * GROWTH, T);
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

/** Which of C places are filled, as a mask for attention, and which gets the new position. */
function places(filled: number, room: number): NamedHostTensors {
  const mask = new Float32Array(room).fill(Number.NEGATIVE_INFINITY).fill(0, 0, filled);
  const place = new Float32Array(room);
  place[filled] = 1;
  return {
    mask: { dtype: "float32", shape: [room], data: mask },
    place: { dtype: "float32", shape: [room, 1], data: place },
  };
}

/**
 * `cachedStep` whose results `new/k0`, ... are the caches with the new rows in them: `cache + place * row`, `place` [C, 1]
 * being 1 at one position where the cache is 0.
 */
function growingStep(model: VimConfig, rows: number): SamplingStep {
  const { step, inputs } = cachedStep(model, rows);
  const growing: Step = ({ place, ...given }) => {
    const results = step(given);
    const caches = Object.fromEntries(
      cacheNames(model).map((name) => [NEW + name, tf.add(given[name]!, tf.mul(place!, results[NEW + name]!))]),
    );
    return { ...results, ...caches };
  };
  return { step: growing, inputs: { ...inputs, place: { dtype: "float32", shape: ["C", 1] } } };
}

type Widening = {
  /** Takes caches of `from` positions over, and gives those of `to`, zeros behind. */
  run(held: NamedDeviceTensors, size: { readonly from: number; readonly to: number }): Promise<NamedDeviceTensors>;
  dispose(): Promise<void>;
};

function widening({ model, rows }: DecoderOptions, resident: Resident): Widening {
  const programs = new Map<string, Promise<ResidentProgram>>();
  const isCache = (name: string) => !lastNames(model).includes(name);
  return {
    async run(held, { from, to }) {
      const caches = pickNames(held, isCache);
      const inputs = mapValues(caches, () => {
        return { dtype: "float32", shape: [rows, model.heads, from, headWidth(model)] } as const;
      });
      const step: Step = (given) =>
        mapNames(
          mapValues(given, (cache) => padded(cache, to - from)),
          (name) => NEW + name,
        );
      const key = `${from} ${to}`;
      const program = programs.get(key) ?? resident.compile(step, { name: "sample room", inputs }, () => true);
      programs.set(key, program);
      const { device } = await (await program).run(caches);
      disposeAll(caches);
      return mapNames(device, (name) => name.slice(NEW.length));
    },
    async dispose() {
      for (const program of programs.values()) await (await program).dispose();
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
