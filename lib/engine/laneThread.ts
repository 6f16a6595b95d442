/** What runs in a lane: sessions of ONNX Runtime in a thread of their own, made and run as the main thread asks. */
import { type MessagePort, parentPort } from "node:worker_threads";
import type { InferenceSession } from "onnxruntime-node";
import { mapValues } from "../records.js";
import { answerQuestions, type Reply } from "../workerThread.js";
import type { SplitModel } from "./onnx.js";
import { loadOrt } from "./ort.js";
import { fromOrt, memoryOf, toOrt } from "./sessionProgram.js";
import type { NamedHostTensors } from "./types.js";

export type LaneQuestion =
  | { readonly open: OpenLane }
  | { readonly run: { readonly program: number; readonly inputs: NamedHostTensors } }
  | { readonly release: number };

/** A model to make a session of, which is known by the number of its program from then on. */
export type OpenLane = SplitModel & {
  readonly program: number;
  readonly name: string;
  readonly settings: InferenceSession.SessionOptions;
};

export type LaneAnswer = {
  /** What a session that was opened reads. */
  readonly inputNames?: readonly string[];
  /** Of a run: what it gave, and the memory that it was given. */
  readonly results?: NamedHostTensors;
  readonly inputs?: NamedHostTensors;
};

type Opened = { readonly name: string; readonly session: InferenceSession };

if (parentPort) serve(parentPort);

function serve(port: MessagePort): void {
  const opened = new Map<number, Opened>();
  answerQuestions<LaneQuestion, LaneAnswer>(port, {
    async answer(question) {
      if ("open" in question) return open(opened, question.open);
      if ("release" in question) return release(opened, question.release);
      const { program, inputs } = question.run;
      return runOnce(opened.get(program)!, inputs);
    },
    async close() {
      for (const { session } of opened.values()) await session.release();
    },
  });
}

async function open(opened: Map<number, Opened>, job: OpenLane): Promise<Reply<LaneAnswer>> {
  const { program, name, model, files, settings } = job;
  const ort = await loadOrt();
  const session = await ort.InferenceSession.create(model, { ...settings, externalData: files });
  opened.set(program, { name, session });
  return { answer: { inputNames: session.inputNames } };
}

async function release(opened: Map<number, Opened>, program: number): Promise<Reply<LaneAnswer>> {
  await opened.get(program)?.session.release();
  opened.delete(program);
  return { answer: {} };
}

async function runOnce({ name, session }: Opened, inputs: NamedHostTensors): Promise<Reply<LaneAnswer>> {
  const ort = await loadOrt();
  const results = fromOrt(name, await session.run(mapValues(inputs, (tensor) => toOrt(ort, tensor))));
  return { answer: { results, inputs }, handedOver: [...memoryOf(results), ...memoryOf(inputs)] };
}
